//! `deflate`, in the two formats that servers send under that name.

use flate2::{Decompress, FlushDecompress, Status};

use super::stage::Decode;
use crate::proxy::limits::DECODED_PIECE;
use crate::proxy::rewrite::scrub::coding::CodingError;

/// The zlib format (RFC 1950), or what is within it without its frame. The first two bytes tell:
/// those of zlib are a multiple of 31, with 8 in the lower half of the first (§2.2). What is behind
/// the end is dropped.
///
/// ```text
/// Unknown --two bytes--> Stream --its end--> Rest
/// ```
pub(super) enum Deflate {
    Unknown { first: Option<u8> },
    Stream(Decompress),
    Rest,
}

impl Deflate {
    fn begin(first: u8, second: u8) -> Self {
        let is_zlib = first & 0x0f == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31);
        Self::Stream(Decompress::new(is_zlib))
    }
}

impl Decode for Deflate {
    fn run(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, CodingError> {
        match self {
            Self::Rest => Ok(input.len()),
            Self::Stream(stream) => {
                let (before_in, before_out) = (stream.total_in(), stream.total_out());
                output.resize(DECODED_PIECE, 0);
                let status = stream.decompress(input, output, FlushDecompress::None);
                let counted = |more: u64| usize::try_from(more).unwrap_or_default();
                let read = counted(stream.total_in() - before_in);
                output.truncate(counted(stream.total_out() - before_out));
                if status.map_err(|_| CodingError::Malformed)? == Status::StreamEnd {
                    *self = Self::Rest;
                }
                Ok(read)
            }
            Self::Unknown { first } => match (*first, input) {
                (_, []) => Ok(0),
                (None, [first, second, ..]) => {
                    *self = Self::begin(*first, *second);
                    self.run(input, output)
                }
                (None, [only]) => {
                    *first = Some(*only);
                    Ok(1)
                }
                (Some(first), [second, ..]) => {
                    *self = Self::begin(first, *second);
                    self.run(&[first], output)?;
                    self.run(input, output)
                }
            },
        }
    }

    fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), CodingError> {
        match self {
            Self::Rest => Ok(()),
            Self::Stream(_) | Self::Unknown { .. } => Err(CodingError::Truncated),
        }
    }
}
