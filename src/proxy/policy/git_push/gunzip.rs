//! Takes gzip off a push as it streams. git codes small ones so.

use flate2::{Decompress, FlushDecompress, Status};

use super::problem::Problem;

/// The header without optional fields, as git's own and other clients' is (RFC 1952 §2.3.1): its
/// beginning, and its length.
const BEGIN: [u8; 4] = [0x1f, 0x8b, 8, 0];
const HEADER: usize = 10;

/// The checksum and the length, which the server checks.
const TRAILER: usize = 8;

/// A decoder of one member. Servers differ in what they do with a second one, so there must be
/// none.
#[derive(Debug)]
pub(super) struct Gunzip {
    inflate: Decompress,
    /// How much of the header, and of the trailer, has passed.
    header: usize,
    trailer: Option<usize>,
}

impl Gunzip {
    pub(super) fn new() -> Self {
        Self {
            inflate: Decompress::new(false),
            header: 0,
            trailer: None,
        }
    }

    /// Decodes into `plain` and returns how many bytes that are; 0 if all of `coded` is used up.
    pub(super) fn decode(&mut self, coded: &mut &[u8], plain: &mut [u8]) -> Result<usize, Problem> {
        const WRONG: Problem = Problem::Malformed("its gzip is not valid");
        while self.header < HEADER {
            let Some((first, rest)) = coded.split_first() else {
                return Ok(0);
            };
            if BEGIN.get(self.header).is_some_and(|byte| byte != first) {
                return Err(WRONG);
            }
            *coded = rest;
            self.header += 1;
        }
        while self.trailer.is_none() {
            let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(coded, plain, FlushDecompress::None)
                .map_err(|_| WRONG)?;
            let passed = |total: u64, before| usize::try_from(total - before).map_err(|_| WRONG);
            let read = passed(self.inflate.total_in(), read)?;
            let written = passed(self.inflate.total_out(), written)?;
            *coded = &coded[read..];
            if status == Status::StreamEnd {
                self.trailer = Some(0);
            }
            if written > 0 || (read == 0 && self.trailer.is_none()) {
                return Ok(written);
            }
        }
        let trailer = self.trailer.unwrap_or_default() + coded.len();
        if trailer > TRAILER {
            return Err(Problem::Malformed("there is more behind its gzip"));
        }
        self.trailer = Some(trailer);
        *coded = &[];
        Ok(0)
    }
}
