//! What every decoder does.

use crate::proxy::rewrite::scrub::coding::CodingError;

/// One coding.
pub(super) trait Decode {
    /// Decodes some of the input, to about [`DECODED_PIECE`](crate::proxy::limits) bytes of output.
    /// Returns how many bytes it has read. If it reads nothing and writes nothing, it wants more
    /// input.
    fn run(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, CodingError>;

    /// Whether the body may end here.
    fn finish(&mut self, output: &mut Vec<u8>) -> Result<(), CodingError>;
}
