//! The HTTP/2 connection through which one client's connection reaches an origin. Another client
//! gets it only after this client's connection has ended. What one client leaves unread or resets
//! counts against the limits of the whole HTTP/2 connection: a second client on it would wait for
//! the first, or fail with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::connector::Connector;
use super::destination::{Destination, Dialect};
use super::stream::speaks_http2;
use crate::net::dial::ConnectError;
use crate::proxy::http1;
use crate::proxy::http2;

/// The state of the HTTP/2 connection for one client's requests.
///
/// ```text
/// None ── a request takes an idle connection ──► Http2
///   └──── a request finds none ──► Dialing ── connected ──► Http2
///                                     ├── the server does not speak HTTP/2 ──► Http1
///                                     └── the dial fails ──► None
/// Http2 ── it is closed, going away (GOAWAY), or gives no response in time ──► None
///   └───── a stream is reset with HTTP_1_1_REQUIRED ──► Http1
/// ```
#[derive(Debug)]
pub(super) struct Http2Lease {
    destination: Arc<Destination>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
enum State {
    /// One task dials for all requests that come meanwhile.
    Dialing(Dialing),
    /// The server does not speak HTTP/2: each request takes an HTTP/1.1 connection from the pool.
    Http1,
    Http2(http2::Connection),
    #[default]
    None,
}

impl State {
    /// What a request can use or has to wait for; `None` if it has to dial.
    fn standing(&mut self) -> Option<Result<Leased, Dialing>> {
        match self {
            // The dial failed after all requests that waited for it were gone, so none of them has
            // set the state to `None`.
            Self::Dialing(dialing) if matches!(&*dialing.borrow(), Some(Err(_))) => None,
            Self::Dialing(dialing) => Some(Err(dialing.clone())),
            Self::Http1 => Some(Ok(Leased::Http1)),
            Self::Http2(connection) => {
                let is_open = connection.is_open();
                is_open.then(|| Ok(Leased::Http2(connection.clone())))
            }
            Self::None => None,
        }
    }
}

type Dialing = watch::Receiver<Option<Result<Leased, ConnectError>>>;

/// What a request is sent on.
#[derive(Clone, Debug)]
pub(super) enum Leased {
    /// An HTTP/1.1 connection from the pool.
    Http1,
    /// This HTTP/2 connection.
    Http2(http2::Connection),
}

impl Http2Lease {
    pub(super) fn new(destination: &Arc<Destination>) -> Self {
        Self {
            destination: Arc::clone(destination),
            state: Mutex::default(),
        }
    }

    /// The connection of this client, which is dialed if there is none. One that another client has
    /// used is taken only if `may_reuse` is `true`.
    pub(super) async fn get(
        &self,
        connector: &Connector,
        may_reuse: bool,
    ) -> Result<Leased, ConnectError> {
        let mut dialing = match self.standing(connector, may_reuse) {
            Ok(leased) => return Ok(leased),
            Err(dialing) => dialing,
        };
        let outcome = match dialing.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone(),
            Err(_) => None, // the task was dropped, as at the session's end
        };
        let outcome = outcome.unwrap_or_else(|| {
            let reason = "the session ends".to_owned();
            Err(ConnectError::Unreachable(reason))
        });
        let mut state = self.lock();
        // The first request that wakes records the outcome for all.
        if matches!(&*state, State::Dialing(current) if current.same_channel(&dialing)) {
            *state = match &outcome {
                Ok(Leased::Http1) => State::Http1,
                Ok(Leased::Http2(connection)) => State::Http2(connection.clone()),
                Err(_) => State::None,
            };
        }
        outcome
    }

    /// What a request can use now, or the dial that it has to wait for.
    fn standing(&self, connector: &Connector, may_reuse: bool) -> Result<Leased, Dialing> {
        let mut state = self.lock();
        if let Some(standing) = state.standing() {
            return standing;
        }
        if let Some(connection) = self.destination.take_http2(may_reuse) {
            *state = State::Http2(connection.clone());
            return Ok(Leased::Http2(connection));
        }
        let (tell, dialing) = watch::channel(None);
        let (connector, destination) = (connector.clone(), Arc::clone(&self.destination));
        // In a task of its own: the request that started the dial may be dropped, and the others
        // still wait for it.
        tokio::spawn(async move {
            let outcome = dial(&connector, &destination).await;
            tell.send_replace(Some(outcome));
        });
        *state = State::Dialing(dialing.clone());
        Err(dialing)
    }

    /// The server requires HTTP/1.1 for a request (RFC 9113 §7, `HTTP_1_1_REQUIRED`).
    pub(super) fn speaks_http1_only(&self) {
        *self.lock() = State::Http1;
    }

    /// A request on that connection got no response in time. Its server may be gone, so the next
    /// request does not use the connection. The exchanges that are in progress on it continue.
    pub(super) fn forget(&self, silent: &http2::Connection) {
        let mut state = self.lock();
        if matches!(&*state, State::Http2(current) if current.is_same(silent)) {
            *state = State::None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Http2Lease {
    fn drop(&mut self) {
        if let State::Http2(connection) = std::mem::take(&mut *self.lock()) {
            self.destination.put_http2(connection);
        }
    }
}

async fn dial(connector: &Connector, destination: &Destination) -> Result<Leased, ConnectError> {
    let stream = connector.connect(destination, Dialect::Http2).await?;
    if speaks_http2(&stream) {
        let opened = http2::Connection::open(stream).await;
        return opened
            .map(Leased::Http2)
            .map_err(|error| ConnectError::Unreachable(error.to_string()));
    }
    let connection = Box::new(http1::Connection::new(stream));
    destination.pool.put(connection);
    Ok(Leased::Http1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Authority;
    use crate::proxy::upstream::destination::{Destinations, Scheme};

    fn lease_in(state: State) -> Http2Lease {
        let place = Authority::new("gitlab.test", 443).unwrap();
        let destination = Destinations::default().get(&place, Scheme::Https, None);
        let lease = Http2Lease::new(&destination);
        *lease.lock() = state;
        lease
    }

    #[tokio::test]
    async fn a_connection_that_is_silent_is_used_no_more() {
        let (near, _far) = tokio::io::duplex(1 << 16);
        let silent = http2::Connection::open(near).await.unwrap();
        let (near, _other) = tokio::io::duplex(1 << 16);
        let other = http2::Connection::open(near).await.unwrap();
        let lease = lease_in(State::Http2(silent.clone()));
        lease.forget(&other);
        assert!(matches!(*lease.lock(), State::Http2(_)), "not for another");
        lease.forget(&silent.clone());
        assert!(matches!(*lease.lock(), State::None));
    }

    #[test]
    fn a_dial_that_failed_while_nobody_waited_fails_no_later_request() {
        let failed = Err(ConnectError::Unreachable("long ago".to_owned()));
        let (_tell, dialing) = watch::channel(Some(failed));
        assert!(
            lease_in(State::Dialing(dialing))
                .lock()
                .standing()
                .is_none()
        );
        let (_tell, dialing) = watch::channel(None);
        let lease = lease_in(State::Dialing(dialing));
        assert!(matches!(lease.lock().standing(), Some(Err(_))));
    }
}
