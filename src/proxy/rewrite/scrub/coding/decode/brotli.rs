//! `br`.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::stage::Decode;
use crate::proxy::limits::DECODED_PIECE;
use crate::proxy::rewrite::scrub::coding::CodingError;

/// RFC 7932, without the larger windows that are an extension of it. What is behind the end is
/// dropped.
pub(super) struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    has_ended: bool,
}

impl Brotli {
    pub(super) fn new() -> Self {
        let allocator = StandardAlloc::default;
        Self {
            state: Box::new(BrotliState::new_strict(
                allocator(),
                allocator(),
                allocator(),
            )),
            has_ended: false,
        }
    }
}

impl Decode for Brotli {
    fn run(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, CodingError> {
        if self.has_ended {
            return Ok(input.len());
        }
        output.resize(DECODED_PIECE, 0);
        let (mut available_in, mut read) = (input.len(), 0);
        let (mut available_out, mut written, mut total) = (output.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut available_in,
            &mut read,
            input,
            &mut available_out,
            &mut written,
            output,
            &mut total,
            &mut self.state,
        );
        output.truncate(written);
        match result {
            BrotliResult::ResultFailure => return Err(CodingError::Malformed),
            BrotliResult::ResultSuccess => self.has_ended = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
        }
        Ok(read)
    }

    fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), CodingError> {
        if self.has_ended {
            Ok(())
        } else {
            Err(CodingError::Truncated)
        }
    }
}
