//! Commits of a pack that later ones may be changes of.

use std::collections::{HashMap, VecDeque};

use super::object_id::ObjectId;
use crate::proxy::limits::MAX_PUSH_BASES;

/// The last commits, of up to [`MAX_PUSH_BASES`] bytes. Older ones are dropped: git makes a delta
/// of what is near.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// In the order of their offsets.
    commits: VecDeque<Base>,
    offsets: HashMap<ObjectId, u64>,
    bytes: usize,
}

#[derive(Debug)]
struct Base {
    offset: u64,
    id: ObjectId,
    content: Vec<u8>,
}

impl Kept {
    /// Keeps the commit that begins at that byte of the pack, behind all that were kept.
    pub(super) fn keep(&mut self, offset: u64, id: ObjectId, content: Vec<u8>) {
        self.bytes += content.len() + size_of::<Base>();
        self.offsets.insert(id, offset);
        self.commits.push_back(Base {
            offset,
            id,
            content,
        });
        while self.bytes > MAX_PUSH_BASES
            && let Some(base) = self.commits.pop_front()
        {
            self.bytes -= base.content.len() + size_of::<Base>();
            // A later copy of it may be kept still.
            if self.offsets.get(&base.id) == Some(&base.offset) {
                self.offsets.remove(&base.id);
            }
        }
    }

    /// Where a commit begins.
    pub(super) fn offset_of(&self, id: &ObjectId) -> Option<u64> {
        self.offsets.get(id).copied()
    }

    /// The content of the commit that begins there.
    pub(super) fn content_at(&self, offset: u64) -> Option<&[u8]> {
        let found = self
            .commits
            .binary_search_by_key(&offset, |base| base.offset);
        found.ok().map(|index| &*self.commits[index].content)
    }
}
