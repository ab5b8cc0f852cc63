//! The HTTP/2 connection of one client's connection, shared with nobody while it has it: what one
//! client leaves unread, or resets, counts against the limits of the whole connection, so that
//! another one would wait for it, or be broken off with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::connector::Connector;
use super::destination::{Destination, Dialect};
use super::stream::speaks_http2;
use crate::net::dial::ConnectError;
use crate::proxy::http1;
use crate::proxy::http2;

/// How one client's requests by HTTP/2 go on.
///
/// ```text
/// None ── a request comes ──► Dialing ── it stands ──► Http2 ── it ends, or goes away ──► None
///                                │  └── the server has no HTTP/2 ──► Http1
///                                └── it fails ──► None
/// ```
#[derive(Debug)]
pub(super) struct Http2Lease {
    destination: Arc<Destination>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
enum State {
    /// One request dials for all that come meanwhile.
    Dialing(Dialing),
    /// The server does not speak HTTP/2: connections for one request each come from its pool.
    Http1,
    Http2(http2::Connection),
    #[default]
    None,
}

type Dialing = watch::Receiver<Option<Result<Leased, ConnectError>>>;

/// What a request goes on by.
#[derive(Clone, Debug)]
pub(super) enum Leased {
    /// A connection of the pool.
    Http1,
    /// This one.
    Http2(http2::Connection),
}

impl Http2Lease {
    pub(super) fn new(destination: &Arc<Destination>) -> Self {
        Self {
            destination: Arc::clone(destination),
            state: Mutex::default(),
        }
    }

    /// The connection of this client, or a new one; another client's former one only where
    /// `may_reuse` says so.
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
            Err(_) => None, // the task is gone, as at the session's end
        };
        let outcome = outcome.unwrap_or_else(|| {
            let reason = "the session ends".to_owned();
            Err(ConnectError::Unreachable(reason))
        });
        let mut state = self.lock();
        // The first of those who have waited says how it went on.
        if matches!(&*state, State::Dialing(current) if current.same_channel(&dialing)) {
            *state = match &outcome {
                Ok(Leased::Http1) => State::Http1,
                Ok(Leased::Http2(connection)) => State::Http2(connection.clone()),
                Err(_) => State::None,
            };
        }
        outcome
    }

    /// What there is, or how to learn of what is being dialled.
    fn standing(&self, connector: &Connector, may_reuse: bool) -> Result<Leased, Dialing> {
        let mut state = self.lock();
        match &mut *state {
            State::Dialing(dialing) => return Err(dialing.clone()),
            State::Http1 => return Ok(Leased::Http1),
            State::Http2(connection) => {
                if connection.is_open() {
                    return Ok(Leased::Http2(connection.clone()));
                }
            }
            State::None => {}
        }
        if let Some(connection) = self.destination.take_http2(may_reuse) {
            *state = State::Http2(connection.clone());
            return Ok(Leased::Http2(connection));
        }
        let (tell, dialing) = watch::channel(None);
        let (connector, destination) = (connector.clone(), Arc::clone(&self.destination));
        // In a task of its own: the request that came first may be given up, and the others go on.
        tokio::spawn(async move {
            let outcome = dial(&connector, &destination).await;
            tell.send_replace(Some(outcome));
        });
        *state = State::Dialing(dialing.clone());
        Err(dialing)
    }

    /// The server wants HTTP/1.1 for what it was asked (RFC 9113 §7, `HTTP_1_1_REQUIRED`).
    pub(super) fn speaks_http1_only(&self) {
        *self.lock() = State::Http1;
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
