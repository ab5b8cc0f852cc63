//! Removes content codings (RFC 9110 §8.4.1) from the small bodies that authsome reads itself: a
//! provider's 401 response, and the response of a token endpoint.
//!
//! Against decompression bombs, both the decoded bytes and the memory of the decoder are limited:
//! if a few bytes stand for gigabytes, decoding stops at the limit.

use std::borrow::Cow;
use std::io::Read;

use brotli_decompressor::{BrotliDecoderParameter, Decompressor};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

/// The maximum number of codings on top of each other. No honest response has more.
const MAX_CODINGS: usize = 3;

/// The largest window that a decoder of `zstd` has to support (RFC 9659 §3), as a power of two.
const MAX_ZSTD_WINDOW_LOG: u32 = 23;

/// The read buffer of the decoder for `br`.
const BROTLI_BUFFER: usize = 4096;

/// The body without the codings that the fields name, cut at `limit` bytes. A body that breaks off
/// is decoded as far as it arrived. A body with an unknown coding is returned unchanged.
pub fn decoded<'a>(fields: &HeaderMap, body: &'a [u8], limit: usize) -> Cow<'a, [u8]> {
    let lines = fields.get_all(CONTENT_ENCODING).into_iter();
    let names = lines.filter_map(|line| line.to_str().ok());
    let names = names.flat_map(|line| line.split(',')).map(str::trim);
    let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    let mut plain = Cow::Borrowed(body);
    if names.len() > MAX_CODINGS {
        return plain;
    }
    // The field names the codings in the order in which they were applied (RFC 9110 §8.4), so the
    // last one is removed first.
    for name in names.iter().rev() {
        match without(name, &plain, limit) {
            Some(Some(inner)) => plain = Cow::Owned(inner),
            Some(None) => {}
            None => return Cow::Borrowed(body),
        }
    }
    plain
}

/// The body without one coding: `None` if the coding is unknown, `Some(None)` if it changes
/// nothing.
#[expect(clippy::option_option, reason = "three results, each for one use")]
fn without(coding: &str, body: &[u8], limit: usize) -> Option<Option<Vec<u8>>> {
    let plain = match coding.to_ascii_lowercase().as_str() {
        "identity" => return Some(None),
        "gzip" | "x-gzip" => read(MultiGzDecoder::new(body), limit),
        "deflate" => {
            // `deflate` means the zlib format (RFC 9110 §8.4.1.2), but some servers send raw
            // deflate.
            let zlib = read(ZlibDecoder::new(body), limit);
            if zlib.is_empty() {
                read(DeflateDecoder::new(body), limit)
            } else {
                zlib
            }
        }
        "br" => {
            let mut decoder = Decompressor::new(body, BROTLI_BUFFER);
            // Larger windows, of up to a gigabyte, are an extension that RFC 7932 does not have.
            decoder.set_parameter(BrotliDecoderParameter::BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
            read(decoder, limit)
        }
        "zstd" => zstd(body, limit),
        _ => return None,
    };
    Some(Some(plain))
}

fn read(decoder: impl Read, limit: usize) -> Vec<u8> {
    let mut plain = Vec::new();
    // If the body breaks off, `plain` has what was decoded until then.
    let _ = decoder.take(limit as u64).read_to_end(&mut plain);
    plain
}

/// What zstd's own decoder makes of the body, up to the limit.
fn zstd(body: &[u8], limit: usize) -> Vec<u8> {
    let mut plain = vec![0; limit];
    let mut context = DCtx::create();
    let is_bounded = context.set_parameter(DParameter::WindowLogMax(MAX_ZSTD_WINDOW_LOG));
    let mut input = InBuffer::around(body);
    let mut output = OutBuffer::around(plain.as_mut_slice());
    while is_bounded.is_ok() {
        let before = (input.pos(), output.pos());
        let step = context.decompress_stream(&mut output, &mut input);
        if step.is_err() || before == (input.pos(), output.pos()) {
            break;
        }
    }
    let length = output.pos();
    plain.truncate(length);
    plain
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const TEXT: &[u8] = br#"{"error":"invalid_token"}"#;

    /// `TEXT`, compressed by Node's zlib and by the `zstd` command.
    const BROTLI: &str = "CwyAeyJlcnJvciI6ImludmFsaWRfdG9rZW4ifQM=";
    const ZSTD: &str = "KLUv/QRoyQAAeyJlcnJvciI6ImludmFsaWRfdG9rZW4ifTt7xiQ=";
    /// 64 MiB of zeros, compressed by Node's zlib.
    const BROTLI_BOMB: &str = "y///PwAkAOKxQHLv//j//weABEAcFoDu/R////8AkACIwwLQvf/j//8fABIAcVgAuvd//P//A0ACIA4LQPf+j///fwBIAMRhAeje//H//w8ACYA4LADd+7/8//8DIAEQhwWge/8H";

    fn decode(coding: &str, body: &[u8]) -> Vec<u8> {
        let mut fields = HeaderMap::new();
        fields.append(CONTENT_ENCODING, coding.parse().unwrap());
        decoded(&fields, body, 1000).into_owned()
    }

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    /// 64 MiB of zeros: 512 RLE blocks of 128 KiB each (RFC 8878 §3.1.1.2).
    fn zstd_bomb() -> Vec<u8> {
        let block = |last: u32| {
            let header = (131_072 << 3) | (1 << 1) | last;
            let [first, second, third, _] = header.to_le_bytes();
            [first, second, third, 0]
        };
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
        frame.extend((0..511).flat_map(|_| block(0)));
        frame.extend(block(1));
        frame
    }

    #[test]
    fn each_coding_is_taken_off() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(TEXT).unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::fast());
        bare.write_all(TEXT).unwrap();
        let (brotli, zstd) = (
            STANDARD.decode(BROTLI).unwrap(),
            STANDARD.decode(ZSTD).unwrap(),
        );
        for (coding, body) in [
            ("gzip", gzip(TEXT)),
            ("X-GZIP", gzip(TEXT)),
            ("deflate", zlib.finish().unwrap()),
            ("deflate", bare.finish().unwrap()),
            ("br", brotli.clone()),
            ("zstd", zstd),
            ("identity", TEXT.to_vec()),
            ("br, gzip", gzip(&brotli)),
            (", gzip ,identity", gzip(TEXT)),
        ] {
            assert_eq!(decode(coding, &body), TEXT, "{coding}");
        }
        assert_eq!(&*decoded(&HeaderMap::new(), TEXT, 1000), TEXT);
    }

    #[test]
    fn what_is_not_known_stays_as_it_is() {
        for coding in ["compress", "gzip, new", "gzip,gzip,gzip,gzip"] {
            assert_eq!(decode(coding, TEXT), TEXT, "{coding}");
        }
    }

    #[test]
    fn a_bomb_is_cut_and_rubbish_is_nothing() {
        let zeros = gzip(&vec![0; 64 * 1024 * 1024]);
        let brotli = STANDARD.decode(BROTLI_BOMB).unwrap();
        for (coding, bomb) in [("gzip", zeros), ("br", brotli), ("zstd", zstd_bomb())] {
            assert_eq!(decode(coding, &bomb), [0; 1000], "{coding}");
        }
        for coding in ["gzip", "deflate", "br", "zstd"] {
            for rubbish in [&b""[..], b"\xff\xff\xff\xff\xff\xff", b"{}", &[0; 40]] {
                assert!(decode(coding, rubbish).len() <= 1000, "{coding}");
            }
        }
    }

    #[test]
    fn a_body_that_breaks_off_is_decoded_as_far_as_it_came() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
        encoder.write_all(TEXT).unwrap();
        let whole = encoder.finish().unwrap();
        assert_eq!(decode("gzip", &whole[..whole.len() - 6]), TEXT);
    }
}
