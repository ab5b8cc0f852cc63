//! The commits of a pack, as it streams (gitformat-pack).
//!
//! ```text
//! Begin ── "PACK", version, count ──▶ Head ── kind, size, base ──▶ Body ── end ──▶ Head …
//!                                      └── no object is left ──▶ End
//! ```
//!
//! Objects that are no commits are inflated too, as only that tells where they end, and dropped. A
//! commit that is a change of one outside of the pack is passed over like these.

use flate2::{Decompress, FlushDecompress, Status};

use super::commit::Commit;
use super::delta;
use super::entry_head::{EntryHead, HeadReader, Kind};
use super::kept::Kept;
use super::object_id::ObjectFormat;
use super::problem::Problem;
use crate::proxy::limits::{MAX_PUSH_COMMIT, MAX_PUSH_INFLATED};

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// All bytes are used up.
    Nothing,
    /// A commit.
    Commit(Commit),
    /// A tree or a blob has begun, or a change of one. git puts them behind the commits.
    Other,
    /// The end of the last object.
    End,
}

/// Reads a pack.
#[derive(Debug)]
pub(super) struct PackReader {
    format: ObjectFormat,
    state: State,
    /// Objects that have not ended.
    left: u32,
    /// Bytes that have passed.
    at: u64,
    inflate: Decompress,
    /// Bytes that were inflated.
    inflated: u64,
    kept: Kept,
}

#[derive(Debug)]
enum State {
    Begin(Vec<u8>),
    Head(u64, HeadReader),
    Body(Body),
    End,
}

/// An object whose content is being read.
#[derive(Debug)]
struct Body {
    /// Where it began.
    offset: u64,
    /// How large it is, and how much of it was inflated.
    size: u64,
    inflated: u64,
    is_commit: bool,
    /// Where the commit begins that it is a change of.
    base: Option<u64>,
    /// Of a commit, and of the change of one.
    content: Vec<u8>,
}

/// The length of what a pack begins with.
const BEGIN: usize = 12;

impl PackReader {
    /// A reader at the first byte of a pack.
    pub(super) fn new(format: ObjectFormat) -> Self {
        Self {
            format,
            state: State::Begin(Vec::with_capacity(BEGIN)),
            left: 0,
            at: 0,
            inflate: Decompress::new(true),
            inflated: 0,
            kept: Kept::default(),
        }
    }

    /// Reads on, up to the next thing that is found.
    pub(super) fn read(&mut self, bytes: &mut &[u8]) -> Result<Found, Problem> {
        loop {
            let before = bytes.len();
            let found = self.step(bytes);
            self.at += (before - bytes.len()) as u64;
            if let Some(found) = found? {
                return Ok(found);
            }
        }
    }

    /// One step; `None` if there may be more to do.
    fn step(&mut self, bytes: &mut &[u8]) -> Result<Option<Found>, Problem> {
        match &mut self.state {
            State::Begin(begin) => {
                let (now, rest) = bytes.split_at((BEGIN - begin.len()).min(bytes.len()));
                begin.extend_from_slice(now);
                *bytes = rest;
                let Some(begin) = begin.first_chunk::<BEGIN>() else {
                    return Ok(Some(Found::Nothing));
                };
                self.left = objects_of(*begin)?;
                self.state = self.next_object(BEGIN as u64);
                Ok(None)
            }
            State::Head(offset, reader) => {
                let offset = *offset;
                let Some(head) = reader.read(bytes, self.format)? else {
                    return Ok(Some(Found::Nothing));
                };
                Ok(self.begin_object(offset, head))
            }
            State::Body(_) => self.body(bytes),
            State::End => Ok(Some(Found::End)),
        }
    }

    fn next_object(&self, offset: u64) -> State {
        if self.left == 0 {
            State::End
        } else {
            State::Head(offset, HeadReader::default())
        }
    }

    fn begin_object(&mut self, offset: u64, head: EntryHead) -> Option<Found> {
        let base = match head.kind {
            Kind::Commit | Kind::Other | Kind::Tag => None,
            Kind::DeltaBehind(distance) => offset.checked_sub(distance),
            Kind::DeltaOf(id) => self.kept.offset_of(&id),
        };
        let base = base.filter(|base| self.kept.content_at(*base).is_some());
        let is_commit = head.kind == Kind::Commit || base.is_some();
        self.inflate.reset(true);
        self.state = State::Body(Body {
            offset,
            size: head.size,
            inflated: 0,
            is_commit: is_commit && head.size <= MAX_PUSH_COMMIT as u64,
            base,
            content: Vec::new(),
        });
        (!is_commit && head.kind != Kind::Tag).then_some(Found::Other)
    }

    /// Inflates a piece of the object.
    fn body(&mut self, bytes: &mut &[u8]) -> Result<Option<Found>, Problem> {
        const WRONG: Problem = Problem::Malformed("an object of its pack is not valid");
        let State::Body(body) = &mut self.state else {
            return Err(WRONG);
        };
        let mut piece = [0; 8 * 1024];
        let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(bytes, &mut piece, FlushDecompress::None)
            .map_err(|_| WRONG)?;
        let passed = |total: u64, before| usize::try_from(total - before).map_err(|_| WRONG);
        let read = passed(self.inflate.total_in(), read)?;
        let written = passed(self.inflate.total_out(), written)?;
        *bytes = &bytes[read..];
        body.inflated += written as u64;
        self.inflated += written as u64;
        if body.inflated > body.size {
            return Err(WRONG);
        }
        if self.inflated > MAX_PUSH_INFLATED {
            return Err(Problem::TooLarge("its pack inflates to too much"));
        }
        if body.is_commit {
            body.content.extend_from_slice(&piece[..written]);
        }
        if status != Status::StreamEnd {
            return Ok((read == 0 && written == 0).then_some(Found::Nothing));
        }
        if body.inflated != body.size {
            return Err(WRONG);
        }
        self.left -= 1;
        let end = self.at + read as u64;
        let next = self.next_object(end);
        let State::Body(body) = std::mem::replace(&mut self.state, next) else {
            return Err(WRONG);
        };
        Ok(self.commit(body).map(Found::Commit))
    }

    /// The commit that a whole object is.
    fn commit(&mut self, body: Body) -> Option<Commit> {
        if !body.is_commit {
            return None;
        }
        let content = match body.base {
            Some(base) => {
                let base = self.kept.content_at(base)?;
                delta::apply(base, &body.content, MAX_PUSH_COMMIT)?
            }
            None => body.content,
        };
        let commit = Commit::parse(&content, self.format)?;
        self.kept.keep(body.offset, commit.id, content);
        Some(commit)
    }
}

/// How many objects a pack says that it has.
fn objects_of(begin: [u8; BEGIN]) -> Result<u32, Problem> {
    let [b'P', b'A', b'C', b'K', 0, 0, 0, 2 | 3, count @ ..] = begin else {
        return Err(Problem::Malformed("no pack follows its list of refs"));
    };
    Ok(u32::from_be_bytes(count))
}
