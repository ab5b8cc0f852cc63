//! The connection to the server: one for each process, made again when it is lost.
//!
//! A thread of its own has the socket. A call sends its messages there and waits for the answer,
//! for [`CALL_TIMEOUT`] at most; after that the connection is given up, and with it the transaction
//! that may have been open in the server.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_postgres::types::{FromSqlOwned, ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, NoTls, Row};

use super::address::Address;
use super::block::within;
use super::error::{classify, is_broken_off, unexpected};
use super::tls::MakeTls;
use super::told::Told;
use super::waits::Waits;
use crate::os::host_name::host_name;
use crate::vault::VaultError;
use crate::vault::changes::Changed;

/// How long one call may take: more than a server under load needs, and less than a request of the
/// user should wait.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait for a connection, over all hosts of the address.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);

/// A failure to connect that takes longer than this is not waited for by each call.
const SLOW_FAILURE: Duration = Duration::from_millis(500);

/// After such a failure, calls fail at once for this long: the requests that wait would
/// otherwise wait one after the other.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long a process waits for another machine's renewal before it looks for a newer state itself.
/// Where the server tells of changes, the wait ends with the change.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(500);
pub(super) const LOOK_INTERVAL_TOLD: Duration = Duration::from_secs(2);

/// The channel on which servers tell of changes.
pub(super) const CHANNEL: &str = "authsome";

/// A parameter of a statement, with its type, so that the server need not be asked for it.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The way to the server.
pub(super) struct Link {
    pub(super) address: Address,
    /// This machine, for those who wait for it.
    pub(super) machine: String,
    runtime: Handle,
    client: Mutex<State>,
    pub(super) told: Arc<Told>,
    pub(super) waits: Waits,
    /// Dropped with this, which ends the thread.
    _end: oneshot::Sender<()>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) client: Option<Client>,
    failed: Option<(Instant, String)>,
    /// Whether the server can tell of changes.
    pub(super) notifies: bool,
    pub(super) listens: bool,
}

impl Link {
    /// Starts the thread, and connects.
    pub(super) fn connect(address: Address) -> Result<Self, VaultError> {
        let failed = |error: std::io::Error| unexpected(&address.shown, error);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        thread::Builder::new()
            .name("vault-server".to_owned())
            .spawn(move || drop(runtime.block_on(ended)))
            .map_err(failed)?;
        let link = Self {
            address,
            machine: host_name().unwrap_or_else(|| "a machine without a name".to_owned()),
            runtime: handle,
            client: Mutex::default(),
            told: Arc::default(),
            waits: Waits::default(),
            _end: end,
        };
        link.with(|_| Ok(()))?;
        Ok(link)
    }

    /// Runs `work` with the connection, which is made first if there is none.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut Client) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let mut state = self.state();
        self.reconnect(&mut state)?;
        let Some(client) = state.client.as_mut() else {
            return Err(self.unreachable("there is no connection"));
        };
        let done = work(client);
        // Whatever was under way is given up with the connection, which the next call makes again.
        if client.is_closed() || matches!(done, Err(VaultError::ServerUnreachable { .. })) {
            state.client = None;
        }
        done
    }

    /// The rows of one statement.
    pub(super) fn rows(
        &self,
        text: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, VaultError> {
        self.with(|client| self.wait(client.query_typed(text, parameters)))
    }

    /// The same for a statement that may be carried out twice: on a new connection, if the one that
    /// there was turns out to be broken.
    pub(super) fn repeatable(
        &self,
        text: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, VaultError> {
        self.again_if_broken(|| self.rows(text, parameters))
    }

    /// Does that once more if the connection that there was turns out to be broken. A server that
    /// does not respond is not asked twice.
    pub(super) fn again_if_broken<T>(
        &self,
        mut work: impl FnMut() -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let (was_connected, begun) = (self.state().client.is_some(), Instant::now());
        match work() {
            Err(VaultError::ServerUnreachable { .. })
                if was_connected && begun.elapsed() < CALL_TIMEOUT =>
            {
                work()
            }
            done => done,
        }
    }

    /// Waits for an answer of the server.
    pub(super) fn wait<T>(
        &self,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, VaultError> {
        match within(CALL_TIMEOUT, answer) {
            Some(answer) => answer.map_err(|error| classify(&self.address.shown, &error)),
            None => Err(self.unreachable("it does not respond")),
        }
    }

    /// The value in a column of a row.
    pub(super) fn column<T: FromSqlOwned>(&self, row: &Row, index: usize) -> Result<T, VaultError> {
        row.try_get(index)
            .map_err(|error| unexpected(&self.address.shown, error))
    }

    /// Whether the server tells this process of changes.
    pub(super) fn tells_changes(&self) -> bool {
        let state = self.state();
        state.listens && state.client.is_some()
    }

    /// Whether the server can tell others of changes. It is known once there is a connection.
    pub(super) fn notifies(&self) -> bool {
        self.state().notifies
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn unreachable(&self, reason: &str) -> VaultError {
        VaultError::ServerUnreachable {
            server: self.address.shown.clone(),
            reason: reason.to_owned(),
        }
    }

    pub(super) fn reconnect(&self, state: &mut State) -> Result<(), VaultError> {
        if state
            .client
            .as_ref()
            .is_some_and(|client| !client.is_closed())
        {
            return Ok(());
        }
        state.client = None;
        if let Some((at, reason)) = &state.failed
            && at.elapsed() < RETRY_AFTER
        {
            return Err(self.unreachable(reason));
        }
        let begun = Instant::now();
        match self.dial(state) {
            Ok(client) => {
                state.client = Some(client);
                state.failed = None;
                Ok(())
            }
            Err(error) => {
                if let VaultError::ServerUnreachable { reason, .. } = &error
                    && begun.elapsed() > SLOW_FAILURE
                {
                    state.failed = Some((Instant::now(), reason.clone()));
                }
                Err(error)
            }
        }
    }

    fn dial(&self, state: &mut State) -> Result<Client, VaultError> {
        let (sender, receiver) = oneshot::channel();
        let config = self.address.config.clone();
        let tls = self.address.tls.clone().map(MakeTls);
        let told = Arc::clone(&self.told);
        self.runtime.spawn(async move {
            let mut connected = dial(&config, tls.clone(), Arc::clone(&told)).await;
            if connected.as_ref().is_err_and(is_broken_off) {
                connected = dial(&config, tls, told).await;
            }
            drop(sender.send(connected));
        });
        let (client, version) = match within(CONNECT_LIMIT, receiver) {
            Some(Ok(Ok(connected))) => connected,
            Some(Ok(Err(error))) => return Err(classify(&self.address.shown, &error)),
            _ => return Err(self.unreachable("it does not respond")),
        };
        let version: String = match version.first() {
            Some(row) => self.column(row, 0)?,
            None => String::new(),
        };
        state.notifies = version.starts_with("PostgreSQL") && !version.contains("-YB-");
        state.listens = false;
        Ok(client)
    }
}

/// A connection, and what the server calls itself: those that speak the protocol and are not
/// PostgreSQL may lack notifications.
async fn dial(
    config: &Config,
    tls: Option<MakeTls>,
    told: Arc<Told>,
) -> Result<(Client, Vec<Row>), Error> {
    let client = match tls {
        None => {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(drive(connection, told));
            client
        }
        Some(tls) => {
            let (client, connection) = config.connect(tls).await?;
            tokio::spawn(drive(connection, told));
            client
        }
    };
    let version = client.query_typed("SELECT version()", &[]).await?;
    Ok((client, version))
}

/// Moves messages to and from the server until the connection ends.
async fn drive<S, T>(mut connection: Connection<S, T>, told: Arc<Told>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(notification) = message {
            told.tell(&Changed::Record(notification.payload().to_owned()));
        }
    }
    told.tell(&Changed::Any);
}
