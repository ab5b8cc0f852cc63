//! Content codings (RFC 9110 §8.4.1), taken off the small bodies that authsome reads itself: a
//! provider's 401, a response of a token endpoint.
//!
//! What is decoded has a bound of its own, and so has the memory for it: a few bytes that stand for
//! gigabytes are read to that bound.

use std::borrow::Cow;
use std::io::Read;

use brotli_decompressor::{BrotliDecoderParameter, Decompressor};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use ruzstd::decoding::StreamingDecoder;

/// Codings on top of each other; more are nobody's honest response.
const MAX_CODINGS: usize = 3;

/// The largest window that a decoder of the coding `zstd` must have (RFC 9659 §3).
const MAX_ZSTD_WINDOW: u64 = 8 * 1024 * 1024;

/// What the decoder of `br` reads at once.
const BROTLI_BUFFER: usize = 4096;

/// A body without the codings that the fields name, cut at `limit` bytes. One that breaks off is
/// decoded as far as it came; what has a coding that is not known is left as it is.
pub fn decoded<'a>(fields: &HeaderMap, body: &'a [u8], limit: usize) -> Cow<'a, [u8]> {
    let lines = fields.get_all(CONTENT_ENCODING).into_iter();
    let names = lines.filter_map(|line| line.to_str().ok());
    let names = names.flat_map(|line| line.split(',')).map(str::trim);
    let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    let mut plain = Cow::Borrowed(body);
    if names.len() > MAX_CODINGS {
        return plain;
    }
    // In the order in which they were applied: the last one is the outermost.
    for name in names.iter().rev() {
        match without(name, &plain, limit) {
            Some(Some(inner)) => plain = Cow::Owned(inner),
            Some(None) => {}
            None => return Cow::Borrowed(body),
        }
    }
    plain
}

/// The body without that coding; `None` for a coding that is not known, `Some(None)` for one that
/// changes nothing.
#[expect(clippy::option_option, reason = "three results, each for one use")]
fn without(coding: &str, body: &[u8], limit: usize) -> Option<Option<Vec<u8>>> {
    let plain = match coding.to_ascii_lowercase().as_str() {
        "identity" => return Some(None),
        "gzip" | "x-gzip" => read(MultiGzDecoder::new(body), limit),
        "deflate" => {
            // The name means zlib's format (RFC 9110 §8.4.1.2); some servers send the bare one.
            let zlib = read(ZlibDecoder::new(body), limit);
            if zlib.is_empty() {
                read(DeflateDecoder::new(body), limit)
            } else {
                zlib
            }
        }
        "br" => {
            let mut decoder = Decompressor::new(body, BROTLI_BUFFER);
            // Windows of up to a gigabyte are an extension that RFC 7932 does not have.
            decoder.set_parameter(BrotliDecoderParameter::BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
            read(decoder, limit)
        }
        "zstd" => StreamingDecoder::new_with_max_window_size(body, MAX_ZSTD_WINDOW)
            .map(|decoder| read(decoder, limit))
            .unwrap_or_default(),
        _ => return None,
    };
    Some(Some(plain))
}

fn read(decoder: impl Read, limit: usize) -> Vec<u8> {
    let mut plain = Vec::new();
    // What came before the break is there.
    let _ = decoder.take(limit as u64).read_to_end(&mut plain);
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

    /// `TEXT` by Node's zlib and the `zstd` command.
    const BROTLI: &str = "CwyAeyJlcnJvciI6ImludmFsaWRfdG9rZW4ifQM=";
    const ZSTD: &str = "KLUv/QRoyQAAeyJlcnJvciI6ImludmFsaWRfdG9rZW4ifTt7xiQ=";
    /// 64 MiB of zeros, by Node's zlib.
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

    /// 64 MiB of zeros: one block that says so, over and over (RFC 8878 §3.1.1).
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
