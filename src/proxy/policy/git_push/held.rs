//! What a client has sent and nobody has got yet.

use bytes::{Bytes, BytesMut};

/// Bytes in blocks, so that adding to them moves none.
#[derive(Debug, Default)]
pub(super) struct Held {
    blocks: Vec<BytesMut>,
    length: usize,
}

/// The size of a block, which is at once the most that is allocated in vain.
const BLOCK: usize = 16 * 1024;

impl Held {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Adds bytes.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len();
        while !bytes.is_empty() {
            let block = match self.blocks.last_mut() {
                Some(block) if block.len() < BLOCK => block,
                _ => self.blocks.push_mut(BytesMut::with_capacity(BLOCK)),
            };
            let (now, rest) = bytes.split_at(bytes.len().min(BLOCK - block.len()));
            block.extend_from_slice(now);
            bytes = rest;
        }
    }

    /// All of it, in its order.
    pub(super) fn take(&mut self) -> Vec<Bytes> {
        self.length = 0;
        let blocks = std::mem::take(&mut self.blocks);
        blocks.into_iter().map(BytesMut::freeze).collect()
    }
}
