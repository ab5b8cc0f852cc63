//! What h2 is given to send.

use bytes::{Buf, Bytes};
use tokio::sync::oneshot;

/// What h2 sends: a piece of a body, and a word to whoever waits for all before it to be on the
/// wire.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) data: Bytes,
    /// Dropped with it, once it is written or will never be.
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
