//! authsome's end: the socket by which it takes the listeners, and hears how the command does.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};

use super::descriptors::receive;
use super::plan::{FILE, SOCKET};
use super::report::{Handed, Message, Progress, Role, Step};
use crate::os::home::HomeError;
use crate::os::run_dir::RunDirectory;

use super::{Connector, Plan};

/// The longest message from inside, in bytes.
const MAX_MESSAGE: usize = 16 * 1024;

/// How long what a helper has said may take to arrive after its end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why a command cannot be isolated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IsolateError {
    /// The system forbids a step.
    #[error("the command cannot be isolated: the system does not permit {step}")]
    Forbidden {
        /// What was tried.
        step: Step,
        /// Why it failed.
        source: io::Error,
    },
    /// The files for the helper cannot be written.
    #[error(transparent)]
    Files(#[from] HomeError),
    /// The helper has ended without a word.
    #[error(
        "the command cannot be isolated: the helper that makes its namespaces has ended without a word"
    )]
    NoWord,
    /// There are no namespaces on this system.
    #[error("the command cannot be isolated: that takes the namespaces of Linux")]
    OtherSystem,
    /// What the helper said cannot be read.
    #[error("the command cannot be isolated: the helper that makes its namespaces cannot be heard")]
    Unheard(#[source] io::Error),
}

/// Where the helper finds the plan, and where it says what came of it. Dropping it removes the
/// socket.
#[derive(Debug)]
pub struct Doorway {
    listener: UnixListener,
    path: PathBuf,
}

/// How the command does, from its first process.
#[derive(Debug)]
pub struct Control {
    stream: UnixStream,
    read: Vec<u8>,
    descriptors: Vec<OwnedFd>,
    /// The process ID of the first process inside, as it is seen here.
    init: Option<i32>,
}

impl Doorway {
    /// Writes the plan into the session's directory, and listens there.
    pub fn open(directory: &RunDirectory, plan: &Plan) -> Result<Self, IsolateError> {
        if !cfg!(target_os = "linux") {
            return Err(IsolateError::OtherSystem);
        }
        let text = serde_json::to_vec(plan).map_err(|error| IsolateError::Unheard(error.into()))?;
        directory.write(FILE, &text)?;
        let path = directory.path().join(SOCKET);
        let listener = UnixListener::bind(&path).map_err(IsolateError::Unheard)?;
        Ok(Self { listener, path })
    }

    /// The directory with the plan and the socket, for the helper.
    pub fn path(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Waits until all stands inside, and takes the listeners. `ended` completes if the helper has
    /// ended.
    pub async fn take(
        self,
        ended: impl Future<Output = ()>,
    ) -> Result<(Handed, Control), IsolateError> {
        let taken = async {
            let (stream, _) = self
                .listener
                .accept()
                .await
                .map_err(IsolateError::Unheard)?;
            let init = stream.peer_cred().ok().and_then(|peer| peer.pid());
            let mut control = Control {
                stream,
                read: Vec::new(),
                descriptors: Vec::new(),
                init,
            };
            match control.next().await.map_err(IsolateError::Unheard)? {
                Some(Message::Ready {
                    roles,
                    captures_all,
                }) => {
                    let descriptors = std::mem::take(&mut control.descriptors);
                    let handed = handed(roles, descriptors, captures_all);
                    Ok((handed.map_err(IsolateError::Unheard)?, control))
                }
                Some(Message::Failed { step, errno }) => Err(IsolateError::Forbidden {
                    step,
                    source: io::Error::from_raw_os_error(errno),
                }),
                Some(_) | None => Err(IsolateError::NoWord),
            }
        };
        let mut taken = pin!(taken);
        tokio::select! {
            biased;
            taken = &mut taken => return taken,
            () = ended => {}
        }
        // What it has said before its end may not have been read yet: a command can be short.
        let last = tokio::time::timeout(LAST_WORDS, taken).await;
        last.unwrap_or(Err(IsolateError::NoWord))
    }
}

impl Drop for Doorway {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn handed(roles: Vec<Role>, descriptors: Vec<OwnedFd>, captures_all: bool) -> io::Result<Handed> {
    let mut handed = Handed {
        captures_all,
        ..Handed::default()
    };
    for (role, descriptor) in roles.into_iter().zip(descriptors) {
        match role {
            Role::Capture => handed.capture.push(TcpListener::from(descriptor)),
            Role::Names => handed.names.push(UdpSocket::from(descriptor)),
            Role::NamesOverTcp => handed.names_over_tcp.push(TcpListener::from(descriptor)),
            Role::HostPort(port) => handed
                .host_ports
                .push((port, TcpListener::from(descriptor))),
            Role::Connector => handed.connector = Some(Connector::new(descriptor)?),
        }
    }
    Ok(handed)
}

impl Control {
    /// The process ID of the first process inside, as it is seen here.
    pub fn init(&self) -> Option<i32> {
        self.init
    }

    /// Waits until the command was started. `false` if it could not be: the first process has said
    /// why, and ends.
    pub async fn started(&mut self) -> bool {
        matches!(self.next().await, Ok(Some(Message::Started)))
    }

    /// The next change of the command; `None` when the first process has ended.
    pub async fn changed(&mut self) -> Option<Progress> {
        loop {
            match self.next().await {
                Ok(Some(Message::Changed(change))) => return Some(change),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// The next message; `None` at the end.
    async fn next(&mut self) -> io::Result<Option<Message>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return Ok(Some(serde_json::from_slice(&line)?));
            }
            if self.read.len() > MAX_MESSAGE {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.stream.readable().await?;
            match self.stream.try_io(Interest::READABLE, || {
                receive(&self.stream, &mut self.read, &mut self.descriptors)
            }) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}
