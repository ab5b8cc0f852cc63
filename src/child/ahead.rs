//! The helper, started before it is known what it will become.
//!
//! This program takes longer to start than most commands do. The helper's loader and relocations
//! are done while the session is put together, on another processor; then one message and one exec
//! remain.
//!
//! ```text
//! authsome                             helper
//! start -- fork, exec ---------------> waits for a message at its standard input
//!   vault, connections, proxy, files
//! become_command -- variables,
//!   command, own stdin --------------> puts that stdin in place, exec of the command
//! ```
//!
//! Until then it has none of our variables: some are secret, and others are not cleaned yet. Where
//! the key may come from a descriptor, it is started after that was closed, as it would inherit
//! the descriptor.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, IoSlice, IoSliceMut, Read, Write, stdin};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::process::{self, Command};

use nix::unistd::dup2_stdin;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use super::helper::{EXEC_ARGUMENT, own_id};
use crate::defence::Defence;
use crate::env::env_vars::Environment;
use crate::os::private_memory;
use crate::os::ulimits::Ulimits;

/// The largest message. The kernel buffers as much for a socket, so to send it never waits; and
/// exec(2) takes as much under any limit, so it is never the helper that finds it too long.
const MAX_MESSAGE: usize = 96 * 1024;

/// Room for most messages, in bytes. A longer one arrives all the same.
const USUAL_MESSAGE: usize = 16 * 1024;

/// What the variables begin with that tell the system's loader where a program's libraries are.
const LOADERS: [&str; 2] = ["LD_", "NIX_LD"];

/// A helper that waits. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Ahead {
    /// `None` once it has become the command.
    process: Option<process::Child>,
    line: UnixStream,
}

impl Ahead {
    /// Starts it. Must be called on a thread that outlives the command, as [`super::Child::spawn`]
    /// says.
    pub(super) fn start(ulimits: Ulimits) -> io::Result<Self> {
        let program = private_memory::own_program().ok_or(io::ErrorKind::NotFound)?;
        let (line, end) = UnixStream::pair()?;
        let is_loaders = |name: &OsStr| {
            let mut prefixes = LOADERS.iter();
            prefixes.any(|prefix| name.as_bytes().starts_with(prefix.as_bytes()))
        };
        let process = Command::new(program)
            .args([EXEC_ARGUMENT.into(), own_id(), ulimits.to_argument()])
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| is_loaders(name)))
            .envs(Defence::switch())
            .stdin(OwnedFd::from(end))
            .spawn()?;
        Ok(Self {
            process: Some(process),
            line,
        })
    }

    /// Makes it the command. `None` if it cannot be told: it has ended, by a signal of the terminal
    /// for one, or the message is too large.
    pub(super) fn become_command(mut self, errand: &Errand) -> Option<process::Child> {
        let message = errand.to_bytes();
        if message.len() > MAX_MESSAGE {
            return None;
        }
        self.send(&message).ok()?;
        self.process.take()
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let own = stdin();
        let descriptors = [own.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        let pieces = [IoSlice::new(message)];
        let sent = sendmsg(&self.line, &pieces, &mut ancillary, SendFlags::empty())?;
        self.line.write_all(message.get(sent..).unwrap_or_default())
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill().and_then(|()| process.wait());
        }
    }
}

/// What the helper becomes: a command, with all of its variables.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Errand {
    variables: Vec<(OsString, OsString)>,
    command: OsString,
    arguments: Vec<OsString>,
}

impl Errand {
    /// The command, with our own variables as the session changes them.
    pub(super) fn new(
        (command, arguments): (&OsStr, &[OsString]),
        environment: &Environment,
    ) -> Self {
        let mut variables: BTreeMap<_, _> = std::env::vars_os().collect();
        for (name, value) in environment.changes() {
            match value {
                Some(value) => variables.insert(name.to_owned(), value.to_owned()),
                None => variables.remove(name),
            };
        }
        Self {
            variables: variables.into_iter().collect(),
            command: command.to_owned(),
            arguments: arguments.to_vec(),
        }
    }

    /// What the helper is told at its standard input, which it replaces with the one that comes
    /// along. `None` if authsome has ended without a word.
    pub(super) fn receive() -> io::Result<Option<Self>> {
        let line = UnixStream::from(stdin().as_fd().try_clone_to_owned()?);
        let Some((errand, own)) = Self::receive_from(line)? else {
            return Ok(None);
        };
        // It is closed with this value, so that the command has it once.
        dup2_stdin(own)?;
        Ok(Some(errand))
    }

    fn receive_from(mut line: UnixStream) -> io::Result<Option<(Self, OwnedFd)>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut message = vec![0; USUAL_MESSAGE]; // the rest of a longer one is read below
        let pieces = &mut [IoSliceMut::new(&mut message)];
        let received = recvmsg(&line, pieces, &mut ancillary, RecvFlags::empty())?;
        let own = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut rights) => rights.next(),
            _ => None,
        });
        if received.bytes == 0 {
            return Ok(None);
        }
        message.truncate(received.bytes);
        line.read_to_end(&mut message)?;
        let errand = Self::from_bytes(&message).ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Some((errand, own.ok_or(io::ErrorKind::UnexpectedEof)?)))
    }

    /// The command, ready to be executed.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.command);
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        command.args(&self.arguments).env_clear().envs(variables);
        command
    }

    /// The number of variables, their names and values, the command and its arguments, each ended
    /// by NUL, which none of them contains.
    fn to_bytes(&self) -> Vec<u8> {
        let count = OsString::from(self.variables.len().to_string());
        let variables = self.variables.iter();
        let words = std::iter::once(&count)
            .chain(variables.flat_map(|(name, value)| [name, value]))
            .chain([&self.command])
            .chain(&self.arguments);
        let mut message = Vec::with_capacity(USUAL_MESSAGE);
        for word in words {
            message.extend_from_slice(word.as_bytes());
            message.push(0);
        }
        message
    }

    fn from_bytes(message: &[u8]) -> Option<Self> {
        let mut words = message.strip_suffix(&[0])?.split(|byte| *byte == 0);
        let mut word = || words.next().map(|word| OsString::from_vec(word.to_vec()));
        let count = word()?.to_str()?.parse().ok()?;
        let variables = (0..count).map(|_| Some((word()?, word()?)));
        Some(Self {
            variables: variables.collect::<Option<_>>()?,
            command: word()?,
            arguments: std::iter::from_fn(word).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errand() -> Errand {
        let word = OsString::from;
        Errand {
            variables: vec![
                (word("A"), word("")),
                (word("B"), word("=x\ny")),
                (word("C"), OsString::from_vec(vec![0xff, b'=', 0x80])),
            ],
            command: word("env"),
            arguments: vec![word(""), word("--x=1"), word("")],
        }
    }

    #[test]
    fn an_errand_arrives_as_it_was_sent() {
        let alone = Errand {
            variables: Vec::new(),
            command: "true".into(),
            arguments: Vec::new(),
        };
        for errand in [errand(), alone] {
            assert_eq!(Errand::from_bytes(&errand.to_bytes()), Some(errand));
        }
    }

    #[test]
    fn a_line_that_ends_without_a_word_is_none() {
        let (line, end) = UnixStream::pair().unwrap();
        drop(line);
        assert!(Errand::receive_from(end).unwrap().is_none());
        let (mut line, end) = UnixStream::pair().unwrap();
        line.write_all(b"1\0A").unwrap();
        drop(line);
        let error = Errand::receive_from(end).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_part_of_one_is_none() {
        let whole = errand().to_bytes();
        let command = whole.windows(4).position(|bytes| bytes == b"env\0");
        for end in 0..command.unwrap() + 4 {
            assert_eq!(Errand::from_bytes(&whole[..end]), None, "{end}");
        }
    }
}
