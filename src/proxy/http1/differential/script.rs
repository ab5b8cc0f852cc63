//! A stream that says what a script has, and keeps what it is told.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::proxy::io::readiness::Source;

/// What stands behind a script.
#[derive(Clone, Debug, Default)]
pub(super) struct Strings {
    /// What was written to the stream.
    pub(super) told: Arc<Mutex<Vec<u8>>>,
    /// Whether the stream ends behind its last byte, or just says no more.
    pub(super) ends: Arc<AtomicBool>,
}

/// The stream.
#[derive(Debug)]
pub(super) struct Script {
    says: Vec<u8>,
    said: usize,
    /// It says nothing before it is spoken to.
    responses: bool,
    strings: Strings,
}

impl Script {
    /// A client's: it says all at once, and ends.
    pub(super) fn of_client(says: &[u8]) -> (Self, Strings) {
        let strings = Strings::default();
        strings.ends.store(true, Ordering::Relaxed);
        Self::new(says, false, strings)
    }

    /// A server's: it says all once it was asked, and ends when [`Strings::ends`] says so.
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
            return Poll::Pending; // whoever drives it polls again
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
