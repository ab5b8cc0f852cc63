//! A stream that plays a script, and records what is written to it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::proxy::io::readiness::Source;

/// What a test sees and controls of a [`Script`].
#[derive(Clone, Debug, Default)]
pub(super) struct Strings {
    /// What was written to the stream.
    pub(super) told: Arc<Mutex<Vec<u8>>>,
    /// Whether the stream ends after its last byte, or stays open without more.
    pub(super) ends: Arc<AtomicBool>,
}

/// A stream that plays a script.
#[derive(Debug)]
pub(super) struct Script {
    says: Vec<u8>,
    said: usize,
    /// Nothing can be read before something was written.
    responses: bool,
    strings: Strings,
}

impl Script {
    /// A client's stream: all bytes can be read at once, and then it ends.
    pub(super) fn of_client(says: &[u8]) -> (Self, Strings) {
        let strings = Strings::default();
        strings.ends.store(true, Ordering::Relaxed);
        Self::new(says, false, strings)
    }

    /// A server's stream: all bytes can be read once something was written, and it ends when
    /// [`Strings::ends`] is set.
    pub(super) fn of_server(says: &[u8]) -> (Self, Strings) {
        Self::new(says, true, Strings::default())
    }

    fn new(says: &[u8], responses: bool, strings: Strings) -> (Self, Strings) {
        let script = Self {
            says: says.to_vec(),
            said: 0,
            responses,
            strings: strings.clone(),
        };
        (script, strings)
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.responses && self.strings.told.lock().unwrap().is_empty() {
            return Poll::Pending;
        }
        let rest = &self.says[self.said..];
        if rest.is_empty() && !self.strings.ends.load(Ordering::Relaxed) {
            return Poll::Pending; // the test polls again by itself
        }
        let length = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..length]);
        self.said += length;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.strings.told.lock().unwrap().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Source for Script {
    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}
