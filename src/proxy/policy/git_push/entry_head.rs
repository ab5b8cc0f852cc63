//! The head of an object in a pack (gitformat-pack, "pack-*.pack files have the following format").

use super::object_id::{ObjectFormat, ObjectId};
use super::problem::Problem;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A commit.
    Commit,
    /// A change of the object so many bytes before this one.
    DeltaBehind(u64),
    /// A change of the object with that id.
    DeltaOf(ObjectId),
    /// A tree or a blob.
    Other,
    /// A tag, which git puts among the commits.
    Tag,
}

/// The head of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EntryHead {
    pub(super) kind: Kind,
    /// Bytes of its content, or of its change, once inflated.
    pub(super) size: u64,
}

/// The longest head: a size of 64 bits, and an id.
const MAX_HEAD: usize = 10 + 32;

const WRONG: Problem = Problem::Malformed("an object's head is not valid");

/// Reads a head as it streams.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    bytes: Vec<u8>,
}

impl HeadReader {
    /// Reads on. `None` if all is used up before the head has ended.
    pub(super) fn read(
        &mut self,
        bytes: &mut &[u8],
        format: ObjectFormat,
    ) -> Result<Option<EntryHead>, Problem> {
        while let Some((byte, rest)) = bytes.split_first() {
            *bytes = rest;
            self.bytes.push(*byte);
            if let Some(head) = parse(&self.bytes, format)? {
                self.bytes.clear();
                return Ok(Some(head));
            }
            if self.bytes.len() > MAX_HEAD {
                return Err(WRONG);
            }
        }
        Ok(None)
    }
}

/// The head that these bytes are, or `None` if there must be more.
fn parse(mut bytes: &[u8], format: ObjectFormat) -> Result<Option<EntryHead>, Problem> {
    let mut next = || {
        let (byte, rest) = bytes.split_first()?;
        bytes = rest;
        Some(*byte)
    };
    let Some(mut byte) = next() else {
        return Ok(None);
    };
    let kind = byte >> 4 & 0x07;
    let mut size = u64::from(byte & 0x0f);
    let mut shift = 4;
    while byte & 0x80 != 0 {
        let Some(more) = next() else {
            return Ok(None);
        };
        byte = more;
        if shift > 57 {
            return Err(WRONG);
        }
        size |= u64::from(byte & 0x7f) << shift;
        shift += 7;
    }
    let kind = match kind {
        1 => Kind::Commit,
        2 | 3 => Kind::Other,
        4 => Kind::Tag,
        6 => {
            let distance = distance(&mut next)?;
            let Some(distance) = distance else {
                return Ok(None);
            };
            Kind::DeltaBehind(distance)
        }
        7 => match bytes.get(..format.size()) {
            Some(id) => Kind::DeltaOf(ObjectId::of(id)),
            None => return Ok(None),
        },
        _ => return Err(WRONG),
    };
    Ok(Some(EntryHead { kind, size }))
}

/// How far back a base is: seven bits in each byte, the highest first, and each byte that is
/// followed by another one counts one more.
fn distance(mut next: impl FnMut() -> Option<u8>) -> Result<Option<u64>, Problem> {
    let mut distance = 0_u64;
    loop {
        let Some(byte) = next() else {
            return Ok(None);
        };
        distance |= u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok(Some(distance));
        }
        distance = distance
            .checked_add(1)
            .and_then(|distance| distance.checked_mul(0x80))
            .ok_or(WRONG)?;
    }
}
