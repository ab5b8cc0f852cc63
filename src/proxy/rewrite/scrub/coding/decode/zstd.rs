//! `zstd`.

use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::stage::Decode;
use crate::proxy::limits::{DECODED_PIECE, MAX_ZSTD_WINDOW_LOG};
use crate::proxy::rewrite::scrub::coding::CodingError;

/// RFC 8878: frames one after another, with windows of at most 8 MiB. What is no frame behind a
/// whole one is dropped.
pub(super) struct Zstd {
    context: DCtx<'static>,
    place: Place,
    /// Whether the output was full, so that there may be more without more input.
    has_more: bool,
}

/// Where in its frames a body of `zstd` is.
///
/// ```text
/// Frame --its end--> Between --a frame's first byte--> Frame
///                            --any other-------------> Rest
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Behind a whole one.
    Between,
    /// Within one, or at the beginning of the first one.
    Frame,
    /// Behind what is no frame.
    Rest,
}

impl Zstd {
    pub(super) fn new() -> Self {
        let mut context = DCtx::create();
        // It fails for a value that no window can have, which this one is not.
        let _ = context.set_parameter(DParameter::WindowLogMax(MAX_ZSTD_WINDOW_LOG));
        Self {
            context,
            place: Place::Frame,
            has_more: false,
        }
    }
}

impl Decode for Zstd {
    fn run(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, CodingError> {
        if self.place == Place::Between {
            self.place = match input.first() {
                None => Place::Between,
                // A frame's magic number (§3.1.1), or a skippable one's (§3.1.2).
                Some(0x28 | 0x50..=0x5f) => Place::Frame,
                Some(_) => Place::Rest,
            };
        }
        if self.place == Place::Rest {
            return Ok(input.len());
        }
        if input.is_empty() && !self.has_more {
            return Ok(0); // to ask it again and again without input is an error
        }
        output.resize(DECODED_PIECE, 0);
        let mut from = InBuffer::around(input);
        let mut to = OutBuffer::around(output.as_mut_slice());
        let result = self.context.decompress_stream(&mut to, &mut from);
        let (read, written) = (from.pos(), to.pos());
        output.truncate(written);
        self.has_more = written == DECODED_PIECE;
        if result.map_err(|_| CodingError::Malformed)? == 0 {
            self.place = Place::Between;
        }
        Ok(read)
    }

    fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), CodingError> {
        match self.place {
            Place::Between | Place::Rest => Ok(()),
            Place::Frame => Err(CodingError::Truncated),
        }
    }
}
