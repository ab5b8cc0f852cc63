//! Bodies in content codings.

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd_safe::{CCtx, InBuffer, OutBuffer};

use super::{PLACEHOLDER, TOKEN, patterns};
use crate::proxy::rewrite::scrub::coding::decode::Decoder;
use crate::proxy::rewrite::scrub::coding::{Coding, CodingError, Codings};
use crate::proxy::rewrite::scrub::mints::NoMints;
use crate::proxy::rewrite::scrub::patterns::Fit;
use crate::proxy::rewrite::scrub::properties::{Cutter, decoded};
use crate::proxy::rewrite::scrub::{Plan, ScrubbedBody, SearchError};

fn headers(content_type: &'static str, coding: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    headers
}

fn body(coding: &'static str) -> ScrubbedBody {
    let headers = headers("application/json", coding);
    match Plan::of(&headers, &patterns(&[TOKEN]), None, Fit::SameLength) {
        Plan::Scrub(body) => body,
        plan => panic!("{plan:?}"),
    }
}

#[test]
fn a_plan_follows_type_and_coding() {
    let plan = |content_type, coding, secrets| {
        Plan::of(
            &headers(content_type, coding),
            &patterns(secrets),
            None,
            Fit::SameLength,
        )
    };
    assert!(matches!(plan("text/html", "", &[TOKEN]), Plan::Scrub(body) if body.keeps_length()));
    assert!(matches!(plan("text/html", "br", &[TOKEN]), Plan::Scrub(body) if !body.keeps_length()));
    assert!(matches!(
        plan("text/html", "dcb", &[TOKEN]),
        Plan::UnknownCoding
    ));
    assert!(matches!(plan("image/png", "dcb", &[TOKEN]), Plan::Pass));
    assert!(matches!(plan("text/html", "br", &[]), Plan::Pass));
}

/// Sends pieces through a body, and returns what came of each of them.
fn through(
    body: &mut ScrubbedBody,
    pieces: impl IntoIterator<Item = Bytes>,
) -> Result<Vec<Vec<u8>>, SearchError> {
    let mut out = Vec::new();
    for piece in pieces {
        body.push(piece);
        let mut passed = Vec::new();
        while let Some(piece) = body.next(&NoMints)? {
            passed.extend(piece);
        }
        out.push(passed);
    }
    out.push(body.finish(&NoMints)?.unwrap_or_default().to_vec());
    Ok(out)
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    let mut out = vec![0; zstd_safe::compress_bound(plain.len())];
    let length = zstd_safe::compress(out.as_mut_slice(), plain, 3).unwrap();
    out.truncate(length);
    out
}

/// What programs that do not know us make of a body.
fn by_others(coding: &str, body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        "gzip" => flate2::read::GzDecoder::new(body)
            .read_to_end(&mut plain)
            .unwrap(),
        "deflate" => flate2::read::ZlibDecoder::new(body)
            .read_to_end(&mut plain)
            .unwrap(),
        "br" => brotli_decompressor::Decompressor::new(body, 4096)
            .read_to_end(&mut plain)
            .unwrap(),
        _ => {
            plain.resize(1 << 20, 0);
            let length = zstd_safe::decompress(plain.as_mut_slice(), body).unwrap();
            plain.truncate(length);
            length
        }
    };
    plain
}

/// `{"token":"glpat-AbCdEfGhIjKlMnOpQrSt"}` a thousand times over, compressed by Node's zlib.
const BROTLI: &str = "G2+U+MXaOe23GxabJEmSDBMJ6dMnm9QkH1YNsHjoJWAEgMQgLleoqpvpdrrlKezI6eSLDw==";

#[test]
fn a_secret_is_found_within_each_coding_however_it_is_cut() {
    let text = format!("{{\"token\":\"{TOKEN}\"}}").repeat(1000);
    let scrubbed = text.replace(TOKEN, &format!("{PLACEHOLDER}----"));
    let plain = text.as_bytes();
    for (coding, body_bytes) in [
        ("gzip", gzip(plain)),
        ("deflate", zlib(plain)),
        ("deflate", deflate(plain)),
        ("br", STANDARD.decode(BROTLI).unwrap()),
        ("zstd", zstd(plain)),
    ] {
        for seed in 0..20 {
            let mut body = body(coding);
            let pieces = through(&mut body, Cutter(seed).pieces(&body_bytes)).unwrap();
            assert!(
                by_others(coding, &pieces.concat()) == scrubbed.as_bytes(),
                "{coding}"
            );
            assert_eq!(body.matches(), 1000);
        }
    }
}

#[test]
fn codings_on_top_of_each_other_are_taken_off_and_put_on() {
    let text = format!("{{\"token\":\"{TOKEN}\"}}");
    let whole = zstd(&gzip(text.as_bytes()));
    let mut body = body("gzip, zstd");
    let out = through(&mut body, [Bytes::from(whole)]).unwrap().concat();
    let plain = by_others("gzip", &by_others("zstd", &out));
    assert_eq!(
        plain,
        text.replace(TOKEN, &format!("{PLACEHOLDER}----"))
            .as_bytes()
    );
}

#[test]
fn an_empty_body_stays_empty_and_an_empty_text_stays_one() {
    for (coding, empty) in [
        ("gzip", gzip(b"")),
        ("deflate", zlib(b"")),
        ("br", vec![6]),
        ("zstd", zstd(b"")),
    ] {
        assert!(through(&mut body(coding), []).unwrap().concat().is_empty());
        let out = through(&mut body(coding), [Bytes::from(empty)])
            .unwrap()
            .concat();
        assert!(
            !out.is_empty() && by_others(coding, &out).is_empty(),
            "{coding}"
        );
    }
}

/// Three pieces as Node's zlib flushed them: an event, an event, and the end.
const BROTLI_EVENTS: [&str; 3] = [
    "ixOAZGF0YTogZmlyc3QgZ2xwYXQtQWJDZEVmR2hJaktsTW5PcFFyU3QKCg==",
    "mAAAQEoBJAlZRJK0Mo013sAY",
    "Aw==",
];

#[test]
fn each_event_passes_as_it_was_flushed() {
    let events = [
        format!("data: first {TOKEN}\n\n"),
        "data: second event\n\n".to_owned(),
    ];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let mut context = CCtx::create();
    let (mut gzipped, mut zstded) = (Vec::new(), Vec::new());
    for event in &events {
        gzip.write_all(event.as_bytes()).unwrap();
        gzip.flush().unwrap();
        gzipped.push(std::mem::take(gzip.get_mut()));
        let mut out = vec![0; 1000];
        let mut to = OutBuffer::around(out.as_mut_slice());
        let mut from = InBuffer::around(event.as_bytes());
        let flush = ZSTD_EndDirective::ZSTD_e_flush;
        context.compress_stream2(&mut to, &mut from, flush).unwrap();
        let length = to.pos();
        out.truncate(length);
        zstded.push(out);
    }
    let brotli: Vec<_> = BROTLI_EVENTS
        .map(|piece| STANDARD.decode(piece).unwrap())
        .into();
    for (coding, pieces) in [("gzip", gzipped), ("zstd", zstded), ("br", brotli)] {
        let codings = Codings(vec![match coding {
            "gzip" => Coding::Gzip,
            "zstd" => Coding::Zstd,
            _ => Coding::Brotli,
        }]);
        let mut body = body(coding);
        let mut client = Decoder::new(&codings);
        for (event, piece) in events.iter().zip(pieces) {
            body.push(Bytes::from(piece));
            let mut passed = Vec::new();
            while let Some(piece) = body.next(&NoMints).unwrap() {
                client.push(piece);
                while let Some(text) = client.next().unwrap() {
                    passed.extend(text);
                }
            }
            let event = event.replace(TOKEN, &format!("{PLACEHOLDER}----"));
            assert_eq!(String::from_utf8(passed).unwrap(), event, "{coding}");
        }
    }
}

#[test]
fn members_and_frames_follow_each_other_and_what_is_behind_them_is_dropped() {
    let decode = |coding, bytes: &[u8]| {
        let codings = Codings(vec![coding]);
        let whole = decoded(&codings, [Bytes::copy_from_slice(bytes)]);
        let single = bytes.iter().map(|byte| Bytes::copy_from_slice(&[*byte]));
        assert_eq!(whole, decoded(&codings, single), "{coding:?}");
        whole
    };
    let both = |one: Vec<u8>, other: &[u8]| [one, other.to_vec()].concat();
    assert_eq!(
        decode(Coding::Gzip, &both(gzip(b"one"), &gzip(b"two"))).unwrap(),
        b"onetwo"
    );
    assert_eq!(
        decode(Coding::Zstd, &both(zstd(b"one"), &zstd(b"two"))).unwrap(),
        b"onetwo"
    );
    for rubbish in [&b"\0\0\0"[..], b"\x1f", b"rubbish", b"\x1frubbish"] {
        assert_eq!(
            decode(Coding::Gzip, &both(gzip(b"one"), rubbish)).unwrap(),
            b"one"
        );
        assert_eq!(
            decode(Coding::Deflate, &both(zlib(b"one"), rubbish)).unwrap(),
            b"one"
        );
        assert_eq!(
            decode(Coding::Deflate, &both(deflate(b"one"), rubbish)).unwrap(),
            b"one"
        );
        assert_eq!(
            decode(Coding::Zstd, &both(zstd(b"one"), rubbish)).unwrap(),
            b"one"
        );
    }
    for (coding, whole) in [
        (Coding::Gzip, gzip(&[7; 5000])),
        (Coding::Deflate, zlib(&[7; 5000])),
        (Coding::Deflate, deflate(&[7; 5000])),
        (Coding::Zstd, zstd(&[7; 5000])),
        (Coding::Brotli, STANDARD.decode(BROTLI).unwrap()),
    ] {
        for end in 1..whole.len() {
            assert_eq!(
                decode(coding, &whole[..end]),
                Err(CodingError::Truncated),
                "{coding:?} {end}"
            );
        }
        let mut changed = whole.clone();
        let last = changed.len() - 9;
        changed[last] ^= 0xff;
        assert!(
            decode(coding, &changed).is_err() || coding != Coding::Gzip,
            "{coding:?}"
        );
    }
    for coding in [Coding::Gzip, Coding::Deflate, Coding::Zstd, Coding::Brotli] {
        assert_eq!(
            decode(coding, &[0xff; 40]),
            Err(CodingError::Malformed),
            "{coding:?}"
        );
    }
}

#[test]
fn a_bomb_is_decoded_piece_by_piece() {
    let zeros = vec![0; 64 << 20];
    for (coding, bomb) in [("gzip", gzip(&zeros)), ("zstd", zstd(&zeros))] {
        let mut body = body(coding);
        body.push(Bytes::from(bomb));
        let (mut pieces, mut largest) = (0, 0);
        while let Some(piece) = body.next(&NoMints).unwrap() {
            (pieces, largest) = (pieces + 1, largest.max(piece.len()));
        }
        assert!(
            largest <= 4 * 32 * 1024 && pieces > 400,
            "{coding}: {pieces}, {largest}"
        );
        body.finish(&NoMints).unwrap().unwrap();
    }
}
