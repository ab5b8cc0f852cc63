//! `gzip`, by the crate that knows its head and its checksum.

use std::io::Write;

use flate2::write::GzDecoder;

use super::stage::Decode;
use crate::proxy::rewrite::scrub::coding::CodingError;

/// RFC 1952 §2.2: members one after another. Behind the last one, some files have zeros or other
/// bytes, which gzip itself ignores; they are dropped, as nobody has searched them.
///
/// ```text
/// Between --1f--> Member --its end--> Between --anything else--> Rest
/// ```
pub(super) enum Gzip {
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
