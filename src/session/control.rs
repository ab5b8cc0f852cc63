//! The Unix socket of a run, `sessions/ID.sock` in the home, by which other programs of the user
//! see what it does, and say what it shall do.
//!
//! # Protocol
//!
//! A client connects, writes one request, a JSON object on one line, and reads lines of JSON until
//! the run closes the connection. What is asked is in `do`:
//!
//! | `do` | the response |
//! | --- | --- |
//! | `state` | one object: the run, its command, its connections, what has happened in numbers |
//! | `watch` | the same object with `"event": "state"`, the last lines of the log, `{"event": "live"}` with the `run`, then each event as it happens; to the end of the run, or of the connection |
//! | `stop` | `{}`; the command is told to end (SIGTERM), and after `grace_ms` killed |
//!
//! [`Handlers`] take more of them. A failure is one object `{"error": CODE, "message": TEXT}`.
//!
//! Events are the lines of the log (docs/json.md), and those that only watchers are told: `began`
//! with the number of a `request`, which the line of its end has again; `gone` where that request
//! has no line; `missed` with a number of `batches` where the client reads too slowly.
//!
//! # Who may ask
//!
//! This user only: the file's mode is 0600, and the kernel tells the user of each connection. And
//! no process of a run, of this one or of another: it would see what other runs do, and decide for
//! itself what a person is to decide. `admit.rs` has how that is told.

mod admit;
mod client;
mod connection;
mod handler;
mod shared;
mod state;
mod stop;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

pub(crate) use self::admit::{SESSION, is_of_a_run};
pub use self::client::{ControlClient, ControlClientError, StateReply};
use self::connection::serve;
pub use self::handler::{ControlError, Handler, Handlers, Reply};
use self::shared::Shared;
pub(super) use self::state::{RunState, StateHandler};
pub(super) use self::stop::{StopHandler, Stopping};
use crate::audit::Audit;
use crate::os::home::Home;
use crate::os::private_socket::{PrivateSocket, SocketError};

/// How many clients are served at one time.
const MAX_CLIENTS: usize = 32;

/// How long the end of a run waits for those who watch to be told of it.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How long nothing is accepted after that has failed, as the next time would fail at once too.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The socket of a run that is alive. Dropping it removes its file, and ends its connections.
pub(super) struct Control {
    accepting: JoinHandle<()>,
    audit: Arc<Audit>,
    end: Option<oneshot::Sender<()>>,
}

impl Control {
    /// Listens at the place of the run with that ID.
    pub(super) fn bind(
        home: &Home,
        path: &Path,
        audit: &Arc<Audit>,
        handlers: Handlers,
    ) -> Result<Self, SocketError> {
        let socket = PrivateSocket::bind_new(path)?;
        let shared = Arc::new(Shared {
            home: home.clone(),
            audit: Arc::clone(audit),
            handlers,
            clients: Arc::new(Semaphore::new(MAX_CLIENTS)),
        });
        let (end, ended) = oneshot::channel();
        Ok(Self {
            accepting: tokio::spawn(accept(socket, shared, ended)),
            audit: Arc::clone(audit),
            end: Some(end),
        })
    }

    /// The run has ended: those who watch are told what has happened up to now, and no more.
    pub(super) async fn close(mut self) {
        self.audit.end_watching();
        drop(self.end.take());
        let _ = timeout(LAST_WORDS, &mut self.accepting).await; // one that does not read
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Accepts until the end, then waits for the connections. They end with this task.
async fn accept(socket: PrivateSocket, shared: Arc<Shared>, mut ended: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok(turn) = Arc::clone(&shared.clients).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = &mut ended => break,
        };
        match accepted {
            Ok((stream, true)) => {
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    serve(stream, &shared).await;
                    drop(turn);
                });
            }
            Ok((_, false)) => {} // another user; closed
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(socket);
    while connections.join_next().await.is_some() {}
}
