//! The search and the codings through their own doors.

use std::io::{Read, Write};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use zstd_safe::{CCtx, InBuffer, OutBuffer, zstd_sys::ZSTD_EndDirective};

use super::coding::{Coding, CodingError, Codings};
use super::patterns::{Fit, Hidden, LeftOut, Patterns, Reason};
use super::properties::{self, Cutter, decoded};
use super::stream::Scrubber;
use super::{Plan, ScrubbedBody, scrub_fields};

const TOKEN: &str = "glpat-AbCdEfGhIjKlMnOpQrSt";
const PLACEHOLDER: &str = "authsome-proxy-managed";

fn patterns(secrets: &[&str]) -> Arc<Patterns> {
    let hidden = secrets.iter().map(|secret| Hidden {
        secret: secret.as_bytes(),
        placeholder: PLACEHOLDER,
    });
    Arc::new(Patterns::new(hidden))
}

fn scrub(secret: &str, text: &str, fit: Fit) -> Option<String> {
    let scrubbed = patterns(&[secret]).scrub(text.as_bytes(), fit);
    scrubbed.map(|text| String::from_utf8(text).unwrap())
}

#[test]
fn a_secret_is_found_in_every_encoding() {
    let secret = "a+b/c=d&e<f>g\"h'i j~";
    for text in [
        secret,
        "a%2Bb%2Fc%3Dd%26e%3Cf%3Eg%22h%27i%20j~",
        "a%2bb%2fc%3dd%26e%3cf%3eg%22h%27i%20j~",
        "a%2Bb%2Fc%3Dd%26e%3Cf%3Eg%22h%27i+j%7E",
        "a%2Bb%2Fc%3Dd%26e%3Cf%3Eg%22h'i%20j~",
        r#"a+b/c=d&e<f>g\"h'i j~"#,
        r#"a+b\/c=d&e<f>g\"h'i j~"#,
        r#"a+b/c=d\u0026e\u003cf\u003eg\"h'i j~"#,
        r"a\u002Bb/c=d\u0026e\u003Cf\u003Eg\u0022h\u0027i j~",
        r"a\u002bb\u002fc\u003dd\u0026e\u003cf\u003eg\u0022h\u0027i\u0020j\u007e",
        "a+b/c=d&amp;e&lt;f&gt;g&quot;h&#39;i j~",
        "a&#43;b/c=d&amp;e&lt;f&gt;g&#34;h&#39;i j~",
        "a+b&#x2F;c&#x3D;d&amp;e&lt;f&gt;g&quot;h&#39;i j~",
        "a&#43;b&#47;c&#61;d&#38;e&#60;f&#62;g&#34;h&#39;i&#32;j&#126;",
        "612b622f633d6426653c663e6722682769206a7e",
        "612B622F633D6426653C663E6722682769206A7E",
    ] {
        for fit in [Fit::Exact, Fit::SameLength] {
            let scrubbed = scrub(secret, &format!("x\"{text}\"y"), fit).expect(text);
            assert!(
                !scrubbed.contains("%2") && !scrubbed.contains("d&"),
                "{scrubbed}"
            );
            if fit == Fit::SameLength {
                assert_eq!(scrubbed.len(), text.len() + 4, "{scrubbed}");
            }
        }
    }
    assert_eq!(scrub(secret, "a+b/c=d&e<f>g\"h'i j", Fit::Exact), None);
}

#[test]
fn basic_credentials_stay_decodable_whatever_the_user_is_called() {
    for secret in [TOKEN, "8-bytes!", "nine-byte", "ten-bytes!"] {
        for before in 0..7 {
            for after in ["", ":", "::", ":x-y"] {
                let user = "u".repeat(before);
                let text = STANDARD.encode(format!("{user}{secret}{after}"));
                let longer = format!("Basic {text}");
                let scrubbed = scrub(secret, &longer, Fit::Exact).expect(&longer);
                let plain = STANDARD
                    .decode(&scrubbed["Basic ".len()..])
                    .expect(&scrubbed);
                let plain = String::from_utf8(plain).unwrap();
                // At each end, a few bits of one byte may be the secret's.
                let (inner, own) = (
                    &PLACEHOLDER[1..PLACEHOLDER.len() - 1],
                    &secret[1..secret.len() - 1],
                );
                assert!(plain.contains(inner) && !plain.contains(own), "{plain}");
                assert!(
                    plain.starts_with(&user) && plain.ends_with(after),
                    "{plain}"
                );
                let same = scrub(secret, &longer, Fit::SameLength).unwrap();
                let plain = STANDARD.decode(&same["Basic ".len()..]).expect(&same);
                assert_eq!(
                    (same.len(), plain.len()),
                    (longer.len(), before + secret.len() + after.len())
                );
            }
        }
    }
}

#[test]
fn what_is_not_searched_for_is_told() {
    let long = "x".repeat(20_000);
    let patterns = patterns(&["short", TOKEN, &long, "proxy-managed", TOKEN]);
    let left_out = |position, reason| LeftOut { position, reason };
    assert_eq!(
        patterns.left_out(),
        [
            left_out(0, Reason::TooShort),
            left_out(2, Reason::TooLong),
            left_out(3, Reason::InPlaceholder),
        ]
    );
    assert!(!patterns.is_empty());
    assert!(!format!("{patterns:?}").contains("AbCd"));
    let secrets: Vec<_> = (0..1000).map(|number| format!("{number:040}")).collect();
    let secrets: Vec<_> = secrets.iter().map(String::as_str).collect();
    let patterns = self::patterns(&secrets);
    let last = patterns.left_out().last();
    assert_eq!(last, Some(&left_out(999, Reason::TooMany)));
    assert!(patterns.scrub(secrets[0].as_bytes(), Fit::Exact).is_some());
}

#[test]
fn every_cut_of_a_text_gives_the_same() {
    let patterns = patterns(&[TOKEN, "glpat-AbCdEf", "aaaaaaaab"]);
    let text = format!("{TOKEN}glpat-AbCdEfGh aaaaaaaaaab glpat-AbCdE{TOKEN}");
    let whole = patterns.scrub(text.as_bytes(), Fit::Exact).unwrap();
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let mut scrubber = Scrubber::new(Arc::clone(&patterns), Fit::Exact);
            let mut streamed = Vec::new();
            for part in [&text[..first], &text[first..second], &text[second..]] {
                let piece = Bytes::copy_from_slice(part.as_bytes());
                streamed.extend(scrubber.push(piece).unwrap_or_default());
            }
            streamed.extend(scrubber.finish().unwrap_or_default());
            assert_eq!(streamed, whole, "{first} {second}");
            assert_eq!(scrubber.matches(), 4);
        }
    }
}

#[test]
fn any_bytes_hold_the_properties() {
    let mut random = Cutter(1);
    for round in 0..400 {
        let length = random.next() % 300;
        let bytes: Vec<u8> = (0..length)
            .map(|_| random.next().to_le_bytes()[0])
            .collect();
        properties::scrubber(&bytes);
        if round % 8 == 0 {
            properties::codings(&bytes);
        }
    }
}

#[test]
fn a_clean_piece_is_passed_on_itself_and_an_event_at_once() {
    let mut scrubber = Scrubber::new(patterns(&[TOKEN]), Fit::SameLength);
    let event = Bytes::from_static(b"data: {\"delta\": \"glpat\"}\n\n");
    let passed = scrubber.push(event.clone()).unwrap();
    assert_eq!(
        (passed.as_ptr(), passed.len()),
        (event.as_ptr(), event.len())
    );
    assert_eq!(scrubber.push(Bytes::from_static(b"gl")), None);
    assert_eq!(scrubber.push(Bytes::from_static(b"ad ")).unwrap(), "glad ");
    let begun = Bytes::from_static(b"data: glpat-AbC");
    assert_eq!(scrubber.push(begun).unwrap(), "data: ");
    assert_eq!(scrubber.finish().unwrap(), "glpat-AbC");
    assert_eq!(scrubber.finish(), None);
}

#[test]
fn fields_lose_their_secrets() {
    let mut headers = HeaderMap::new();
    let location = format!("https://gitlab.test/?access_token={TOKEN}&state=x");
    headers.insert("location", location.parse().unwrap());
    headers.append("set-cookie", HeaderValue::from_static("a=b"));
    headers.append("set-cookie", format!("session={TOKEN}").parse().unwrap());
    assert_eq!(
        scrub_fields(&mut headers, &patterns(&[TOKEN]), Fit::Exact),
        2
    );
    let scrubbed = format!("https://gitlab.test/?access_token={PLACEHOLDER}&state=x");
    assert_eq!(headers["location"], scrubbed);
    let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=b", &format!("session={PLACEHOLDER}")]);
    assert_eq!(scrub_fields(&mut headers, &patterns(&[]), Fit::Exact), 0);
}

fn headers(content_type: &'static str, coding: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    headers
}

fn body(coding: &'static str) -> ScrubbedBody {
    let headers = headers("application/json", coding);
    match Plan::of(&headers, &patterns(&[TOKEN]), Fit::SameLength) {
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
) -> Result<Vec<Vec<u8>>, CodingError> {
    let mut out = Vec::new();
    for piece in pieces {
        body.push(piece);
        let mut passed = Vec::new();
        while let Some(piece) = body.next()? {
            passed.extend(piece);
        }
        out.push(passed);
    }
    out.push(body.finish()?.unwrap_or_default().to_vec());
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
        let mut client = super::coding::decode::Decoder::new(&codings);
        for (event, piece) in events.iter().zip(pieces) {
            body.push(Bytes::from(piece));
            let mut passed = Vec::new();
            while let Some(piece) = body.next().unwrap() {
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
        while let Some(piece) = body.next().unwrap() {
            (pieces, largest) = (pieces + 1, largest.max(piece.len()));
        }
        assert!(
            largest <= 4 * 32 * 1024 && pieces > 400,
            "{coding}: {pieces}, {largest}"
        );
        body.finish().unwrap().unwrap();
    }
}
