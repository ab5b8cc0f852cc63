//! Takes codings off a body that comes in pieces.

use std::io::Write;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use bytes::{Buf, Bytes};
use flate2::write::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::{Coding, CodingError, Codings};
use crate::proxy::limits::{DECODED_PIECE, MAX_ZSTD_WINDOW_LOG};

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

/// One coding.
trait Decode {
    /// Decodes some of the input, to about [`DECODED_PIECE`] bytes of output. Returns how many
    /// bytes it has read. If it reads nothing and writes nothing, it wants more input.
    fn run(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, CodingError>;

    /// Whether the body may end here.
    fn finish(&mut self, output: &mut Vec<u8>) -> Result<(), CodingError>;
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

/// RFC 1952 §2.2: members one after another. Behind the last one, some files have zeros or other
/// bytes, which gzip itself ignores; they are dropped, as nobody has searched them.
///
/// ```text
/// Between --1f--> Member --its end--> Between --anything else--> Rest
/// ```
enum Gzip {
    Between {
        members: u64,
    },
    Member {
        decoder: Box<GzDecoder<Vec<u8>>>,
        members: u64,
    },
    Rest,
}

impl Decode for Gzip {
    fn run(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, CodingError> {
        match self {
            _ if input.is_empty() => Ok(0),
            Self::Rest => Ok(input.len()),
            Self::Between { members } => {
                if input.first() == Some(&0x1f) {
                    let decoder = Box::new(GzDecoder::new(Vec::new()));
                    let members = *members;
                    *self = Self::Member { decoder, members };
                } else if *members > 0 {
                    *self = Self::Rest;
                } else {
                    return Err(CodingError::Malformed);
                }
                self.run(input, output)
            }
            Self::Member { decoder, members } => {
                let is_in_head = decoder.header().is_none();
                // A write takes no more than what 32 KiB of output stand for.
                let read = decoder.write(input);
                let read = read.and_then(|read| decoder.flush().map(|()| read));
                output.append(decoder.get_mut());
                match read {
                    Ok(0) => {
                        let end = decoder.try_finish();
                        end.map_err(|_| CodingError::Malformed)?;
                        let members = *members + 1;
                        *self = Self::Between { members };
                        self.run(input, output)
                    }
                    Err(_) if is_in_head && *members > 0 => {
                        *self = Self::Rest;
                        Ok(input.len())
                    }
                    read => read.map_err(|_| CodingError::Malformed),
                }
            }
        }
    }

    fn finish(&mut self, output: &mut Vec<u8>) -> Result<(), CodingError> {
        match self {
            Self::Between { members: 0 } => Err(CodingError::Truncated),
            Self::Member { decoder, members } => {
                // A head that breaks off behind a whole member is no member.
                let is_rest = *members > 0 && decoder.header().is_none();
                let end = decoder.try_finish();
                output.append(decoder.get_mut());
                if is_rest {
                    return Ok(());
                }
                end.map_err(|_| CodingError::Truncated)
            }
            Self::Between { .. } | Self::Rest => Ok(()),
        }
    }
}

/// The zlib format (RFC 1950), or what is within it without its frame. The first two bytes tell:
/// those of zlib are a multiple of 31, with 8 in the lower half of the first (§2.2). What is behind
/// the end is dropped.
///
/// ```text
/// Unknown --two bytes--> Stream --its end--> Rest
/// ```
enum Deflate {
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

/// RFC 7932, without the larger windows that are an extension of it. What is behind the end is
/// dropped.
struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    has_ended: bool,
}

impl Brotli {
    fn new() -> Self {
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

/// RFC 8878: frames one after another, with windows of at most 8 MiB. What is no frame behind a
/// whole one is dropped.
struct Zstd {
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
    fn new() -> Self {
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
