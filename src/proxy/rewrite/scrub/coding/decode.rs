//! Takes codings off a body that comes in pieces.

mod brotli;
mod deflate;
mod gzip;
mod stage;
mod zstd;

use bytes::{Buf, Bytes};

use self::brotli::Brotli;
use self::deflate::Deflate;
use self::gzip::Gzip;
use self::stage::Decode;
use self::zstd::Zstd;
use super::{Coding, CodingError, Codings};

/// A body on its way out of its codings.
///
/// ```text
/// push(piece) --> next() --> Some(text), Some(text), …, None --> push(piece) …
///                                                        \--> finish(), at the end
/// ```
pub(in crate::proxy) struct Decoder {
    /// The outermost coding, which was put on last, comes first.
    stages: Vec<Stage>,
    input: Bytes,
    /// Whether the body has any byte: one without is no coding's beginning.
    has_begun: bool,
}

struct Stage {
    decode: Box<dyn Decode + Send>,
    input: Bytes,
    output: Vec<u8>,
}

impl Decoder {
    pub(in crate::proxy) fn new(codings: &Codings) -> Self {
        let stages = codings.0.iter().rev().map(|coding| Stage {
            decode: match coding {
                Coding::Brotli => Box::new(Brotli::new()),
                Coding::Deflate => Box::new(Deflate::Unknown { first: None }),
                Coding::Gzip => Box::new(Gzip::Between { members: 0 }),
                Coding::Zstd => Box::new(Zstd::new()),
            },
            input: Bytes::new(),
            output: Vec::new(),
        });
        Self {
            stages: stages.collect(),
            input: Bytes::new(),
            has_begun: false,
        }
    }

    /// The next piece of the body. What the piece before stands for has been taken.
    pub(in crate::proxy) fn push(&mut self, piece: Bytes) {
        debug_assert!(self.input.is_empty(), "what has come before is decoded");
        self.has_begun |= !piece.is_empty();
        self.input = piece;
    }

    /// Whether nothing has come.
    pub(in crate::proxy) fn is_untouched(&self) -> bool {
        !self.has_begun
    }

    /// The next piece of the text. `None` if the next piece of the body is wanted, or its end.
    pub(in crate::proxy) fn next(&mut self) -> Result<Option<Bytes>, CodingError> {
        pull(&mut self.stages, &mut self.input)
    }

    /// Whether the body may end here.
    pub(in crate::proxy) fn finish(&mut self) -> Result<(), CodingError> {
        if !self.has_begun {
            return Ok(());
        }
        let stages = self.stages.iter_mut();
        let mut finished = stages.map(|stage| stage.decode.finish(&mut stage.output));
        finished.find(Result::is_err).unwrap_or(Ok(()))
    }
}

/// The next piece that comes out of the last of these stages.
fn pull(stages: &mut [Stage], input: &mut Bytes) -> Result<Option<Bytes>, CodingError> {
    let Some((stage, before)) = stages.split_last_mut() else {
        let piece = std::mem::take(input);
        return Ok((!piece.is_empty()).then_some(piece));
    };
    loop {
        let read = stage.decode.run(&stage.input, &mut stage.output)?;
        stage.input.advance(read);
        if !stage.output.is_empty() {
            return Ok(Some(taken(&mut stage.output)));
        }
        if read > 0 {
            continue;
        }
        if !stage.input.is_empty() {
            return Err(CodingError::Malformed); // it neither reads nor writes
        }
        match pull(before, input)? {
            Some(more) => stage.input = more,
            None => return Ok(None),
        }
    }
}

/// The bytes of a buffer, which keeps its memory unless most of it is in use.
fn taken(output: &mut Vec<u8>) -> Bytes {
    if output.len() * 2 > output.capacity() {
        return Bytes::from(std::mem::take(output));
    }
    let piece = Bytes::copy_from_slice(output);
    output.clear();
    piece
}
