//! The buffers that h2 sends.

use bytes::{Buf, Bytes};
use tokio::sync::oneshot;

/// A piece of a body for h2 to send, with an optional signal to a task that waits until everything
/// before it is on the wire.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) data: Bytes,
    /// Dropped together with the piece, when it is written or never will be.
    pub(super) _written: Option<oneshot::Sender<()>>,
}

impl From<Bytes> for Piece {
    fn from(data: Bytes) -> Self {
        Self {
            data,
            _written: None,
        }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.data.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.data.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.data.advance(count);
    }
}
