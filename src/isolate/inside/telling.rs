//! The socket to authsome, from inside.

use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::errno::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use crate::isolate::plan::SOCKET;
use crate::isolate::report::{Message, Progress, Role, Step};

/// As many descriptors as are ever handed over.
const MAX_DESCRIPTORS: usize = 253;

/// A step that failed.
#[derive(Debug)]
pub(super) struct Failed {
    step: Step,
    errno: i32,
}

/// Attaches the step to an error.
pub(super) trait At<T> {
    /// The result, with the step that it was of.
    fn at(self, step: Step) -> Result<T, Failed>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, step: Step) -> Result<T, Failed> {
        self.map_err(|error| Failed {
            step,
            errno: error.raw_os_error().unwrap_or(Errno::EIO as i32),
        })
    }
}

impl<T> At<T> for Result<T, Errno> {
    fn at(self, step: Step) -> Result<T, Failed> {
        self.map_err(|errno| Failed {
            step,
            errno: errno as i32,
        })
    }
}

impl<T> At<T> for rustix::io::Result<T> {
    fn at(self, step: Step) -> Result<T, Failed> {
        self.map_err(io::Error::from).at(step)
    }
}

/// The socket to authsome.
#[derive(Debug)]
pub(super) struct Telling(UnixStream);

impl Telling {
    /// Connects to the socket in the session's directory.
    pub(super) fn connect(directory: &Path) -> io::Result<Self> {
        UnixStream::connect(directory.join(SOCKET)).map(Self)
    }

    /// Says what failed. Nobody may hear it; the exit code says so much.
    pub(super) fn failed(&mut self, failed: &Failed) {
        let Failed { step, errno } = *failed;
        let _ = self.say(&Message::Failed { step, errno });
    }

    /// Hands the listeners over.
    pub(super) fn ready(
        &mut self,
        listeners: &[(Role, OwnedFd)],
        captures_all: bool,
    ) -> io::Result<()> {
        let roles = listeners.iter().map(|(role, _)| *role).collect();
        let line = line(&Message::Ready {
            roles,
            captures_all,
        })?;
        let descriptors: Vec<BorrowedFd<'_>> =
            listeners.iter().map(|(_, socket)| socket.as_fd()).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let sent = sendmsg(
            &self.0,
            &[IoSlice::new(&line)],
            &mut ancillary,
            SendFlags::empty(),
        )?;
        self.0.write_all(line.get(sent..).unwrap_or_default())
    }

    /// The command was started.
    pub(super) fn started(&mut self) {
        let _ = self.say(&Message::Started);
    }

    /// How the command does.
    pub(super) fn changed(&mut self, change: Progress) {
        let _ = self.say(&Message::Changed(change));
    }

    fn say(&mut self, message: &Message) -> io::Result<()> {
        self.0.write_all(&line(message)?)
    }
}

fn line(message: &Message) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}
