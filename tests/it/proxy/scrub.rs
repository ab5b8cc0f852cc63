//! A response that shows a session's secrets reaches the child without them, however it shows them.

use std::io::{BufRead, Read, Write};
use std::sync::mpsc;

use authsome::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::kit::World;
use crate::kit::client::{LONG, fetch, log, python, spawn};
use crate::kit::servers::{Scripted, Tls, connect_elsewhere, read_head};

const PLACEHOLDER: &str = "authsome-proxy-managed";

/// The response to a WebSocket handshake.
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// What a server was asked.
struct Asked {
    head: String,
    /// The last segment of the target.
    name: String,
    /// The token that it was sent.
    token: String,
}

impl Asked {
    fn of(stream: &mut Tls) -> Self {
        let head = read_head(stream);
        let target = head.split(' ').nth(1).unwrap_or_default();
        let name = target.rsplit('/').next().unwrap_or_default().to_owned();
        let mut lines = head.lines();
        let token = lines.find_map(|line| line.strip_prefix("authorization: Bearer "));
        let token = token.unwrap_or_default().to_owned();
        Self { head, name, token }
    }
}

/// A server that shows what it was sent, and a world that is connected to it.
fn showing(mut show: impl FnMut(&mut Tls, Asked) + Send + 'static) -> (World, Scripted) {
    let world = World::new();
    let server = Scripted::start(move |stream| {
        let asked = Asked::of(stream);
        show(stream, asked);
        let _ = stream.flush(); // the client may have left
    });
    connect_elsewhere(&world, &server.base_url(), Some(&server.ca_pem));
    (world, server)
}

fn respond(stream: &mut Tls, fields: &str, body: &[u8]) {
    let length = body.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n{fields}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
}

/// The ways in which a text shows a token.
fn forms(token: &str) -> Vec<(&'static str, String)> {
    let hex: Vec<_> = token.bytes().map(|byte| format!("{byte:02x}")).collect();
    let hex = hex.concat();
    let percent = token
        .replace('/', "%2F")
        .replace('+', "%2B")
        .replace('=', "%3D");
    vec![
        ("as-it-is", token.to_owned()),
        ("basic-0", STANDARD.encode(format!("abc{token}xyz"))),
        ("basic-1", STANDARD.encode(format!("oauth2:{token}"))),
        ("basic-2", STANDARD.encode(format!("ab:cd{token}:"))),
        ("hex", hex.clone()),
        ("hex-upper", hex.to_uppercase()),
        ("json", token.replace('/', "\\/")),
        ("percent", percent),
        ("twice", format!("{token}{token}")),
    ]
}

fn url(server: &Scripted, path: &str) -> String {
    format!("{}/api/v4/{path}", server.base_url())
}

#[test]
fn a_body_shows_no_token_in_any_form() {
    let (tell, told) = mpsc::channel();
    let (world, server) = showing(move |stream, asked| {
        let mut forms = forms(&asked.token).into_iter();
        let (_, form) = forms.find(|(name, _)| *name == asked.name).unwrap();
        let body = format!("{{\"before\":1,\"shown\":\"{form}\",\"behind\":\"x\"}}");
        tell.send((asked.token, form)).unwrap();
        respond(
            stream,
            "content-type: application/json\r\n",
            body.as_bytes(),
        );
    });
    let mut connection = world.stored("default");
    connection.tokens.access = Secret::new("tok/AbCdEf+GhIj_KlMn.Op~qRs==".to_owned());
    world.store().create(&connection, true).unwrap();
    for (name, _) in forms("tok/") {
        let response = fetch(&world, &[], &[&url(&server, name)]);
        let (token, form) = told.recv_timeout(LONG).unwrap();
        assert!(token.len() > 20, "the server was sent {token:?}");
        let text = response.text();
        assert!(
            !text.contains(&form) && !text.contains(&token),
            "{name}: {text}"
        );
        assert!(text.starts_with("{\"before\":1,") && text.ends_with("\"behind\":\"x\"}"));
        let length = response.header("content-length").unwrap();
        assert_eq!(
            length,
            text.len().to_string(),
            "{name}: the length stays what it was"
        );
    }
}

#[test]
fn what_is_shown_can_be_sent_as_the_placeholder() {
    let (world, server) = showing(|stream, asked| {
        respond(
            stream,
            "content-type: text/plain\r\n",
            asked.token.as_bytes(),
        );
    });
    let shown = fetch(&world, &[], &[&url(&server, "me")]).text();
    assert!(shown.starts_with(PLACEHOLDER), "{shown}");
    let shown = format!("authorization: Bearer {shown}");
    let again = fetch(&world, &[], &["-H", &shown, &url(&server, "me")]);
    assert_eq!(again.status, 200, "{}", again.text());
    assert!(again.text().starts_with(PLACEHOLDER));
}

#[test]
fn fields_and_trailers_show_no_token() {
    let (world, server) = showing(|stream, asked| {
        let (token, coded) = (&asked.token, STANDARD.encode(&asked.token));
        let head = format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/octet-stream\r\n\
             x-seen: Bearer {token}\r\nlocation: /next?t={token}\r\nset-cookie: s={coded}\r\n\
             trailer: x-last\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\
             x-last: {token}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
    });
    let token = token(&world);
    let response = fetch(&world, &[], &["-H", "te: trailers", &url(&server, "x")]);
    assert_eq!(response.text(), "ok");
    let head = &response.head;
    assert!(
        !head.contains(&token) && !head.contains(&STANDARD.encode(&token)[..20]),
        "{head}"
    );
    assert_eq!(
        response.header("x-seen"),
        Some("Bearer authsome-proxy-managed")
    );
    assert_eq!(response.header("x-last"), Some(PLACEHOLDER), "{head}");
    let told = log(&world);
    assert_eq!(told.last().unwrap()["scrubbed"], 3, "{told:?}");
    let off = fetch(&world, &["--scrub", "off"], &[&url(&server, "x")]);
    assert_eq!(off.header("x-seen").unwrap(), format!("Bearer {token}"));
}

fn token(world: &World) -> String {
    world.stored("default").tokens.access.expose().clone()
}

#[test]
fn every_secret_of_the_connection_is_looked_for() {
    let (world, server) = showing(|stream, asked| {
        let named = asked
            .head
            .lines()
            .find_map(|line| line.strip_prefix("x-show: "));
        respond(
            stream,
            "content-type: text/html\r\n",
            named.unwrap().as_bytes(),
        );
    });
    let mut connection = world.stored("default");
    let client = connection.client.as_mut().unwrap();
    client.client_secret = Some(Secret::new("gloas-0123456789abcdef".to_owned()));
    world.store().create(&connection, true).unwrap();
    let refresh = connection.tokens.refresh.unwrap().expose().clone();
    for secret in [refresh.as_str(), "gloas-0123456789abcdef"] {
        let field = format!("x-show: {secret}");
        let response = fetch(&world, &[], &["-H", &field, &url(&server, "x")]);
        assert!(!response.text().contains(secret), "{}", response.text());
        assert!(
            response.text().contains(&PLACEHOLDER[..20]),
            "{}",
            response.text()
        );
    }
}

#[test]
fn a_compressed_body_is_searched_and_stays_compressed() {
    let (world, server) = showing(|stream, asked| {
        let token = &asked.token;
        let text = format!(
            "[{}\"{token}\"{}]",
            "1,".repeat(40_000),
            ",2".repeat(40_000)
        );
        let (coding, body) = match asked.name.as_str() {
            "gzip" => ("gzip", gzipped(text.as_bytes())),
            "twice" => ("gzip, gzip", gzipped(&gzipped(text.as_bytes()))),
            _ => ("zstd", zstd(text.as_bytes())),
        };
        let fields = format!("content-type: application/json\r\ncontent-encoding: {coding}\r\n");
        respond(stream, &fields, &body);
    });
    let token = token(&world);
    for (name, coding) in [("gzip", "gzip"), ("twice", "gzip, gzip"), ("zstd", "zstd")] {
        let response = fetch(&world, &[], &[&url(&server, name)]);
        assert_eq!(response.header("content-encoding"), Some(coding));
        let text = match name {
            "gzip" => gunzipped(&response.body),
            "twice" => gunzipped(&gunzipped(&response.body)),
            _ => unzstd(&response.body),
        };
        let text = String::from_utf8(text).unwrap();
        assert!(!text.contains(&token), "{name}");
        assert!(
            text.contains(PLACEHOLDER) && text.ends_with(",2]"),
            "{name}"
        );
        assert_eq!(text.len(), 160_004 + token.len(), "{name}");
    }
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn gunzipped(coded: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(coded);
    decoder.read_to_end(&mut text).unwrap();
    text
}

fn zstd(text: &[u8]) -> Vec<u8> {
    let mut coded = vec![0; zstd_safe::compress_bound(text.len())];
    let length = zstd_safe::compress(&mut coded[..], text, 3).unwrap();
    coded.truncate(length);
    coded
}

fn unzstd(coded: &[u8]) -> Vec<u8> {
    let mut decoder = zstd_safe::DCtx::create();
    let (mut input, mut text) = (zstd_safe::InBuffer::around(coded), Vec::new());
    let mut piece = vec![0; 1 << 16];
    loop {
        let mut output = zstd_safe::OutBuffer::around(&mut piece[..]);
        decoder.decompress_stream(&mut output, &mut input).unwrap();
        let length = output.pos();
        text.extend_from_slice(&piece[..length]);
        if length == 0 && input.pos() == coded.len() {
            return text;
        }
    }
}

#[test]
fn a_coding_that_nobody_knows_is_refused() {
    let (world, server) = showing(|stream, asked| {
        let fields = "content-type: text/plain\r\ncontent-encoding: rot13\r\n";
        respond(stream, fields, asked.token.as_bytes());
    });
    let refused = fetch(&world, &[], &[&url(&server, "x")]);
    let told = refused.expect_ours(502, "upstream_malformed");
    assert!(
        told["message"]
            .as_str()
            .unwrap()
            .contains("--scrub headers"),
        "{told}"
    );
    let passed = fetch(&world, &["--scrub", "headers"], &[&url(&server, "x")]);
    assert_eq!(passed.text(), token(&world));
}

#[test]
fn a_stored_file_passes_as_it_is() {
    let (world, server) = showing(|stream, asked| {
        respond(
            stream,
            "content-type: application/zip\r\n",
            asked.token.as_bytes(),
        );
    });
    assert_eq!(
        fetch(&world, &[], &[&url(&server, "x")]).text(),
        token(&world)
    );
}

#[test]
fn a_text_is_not_fetched_in_parts() {
    let (world, server) = showing(|stream, asked| {
        let kind = if asked.name == "zip" {
            "application/zip"
        } else {
            "text/plain"
        };
        let text = format!("here: {}", asked.token);
        if !asked.head.contains("\r\nrange: ") {
            return respond(
                stream,
                &format!("content-type: {kind}\r\n"),
                text.as_bytes(),
            );
        }
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\nconnection: close\r\ncontent-length: 20\r\n\
             content-range: bytes 0-19/{}\r\ncontent-type: {kind}\r\n\r\n",
            text.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&text.as_bytes()[..20]).unwrap();
    });
    let range = ["-H", "range: bytes=0-19"];
    let text = fetch(&world, &[], &[range[0], range[1], &url(&server, "text")]);
    assert_eq!(text.status, 200);
    assert!(
        text.text().starts_with("here: authsome-proxy-managed"),
        "{}",
        text.text()
    );
    let part = fetch(&world, &[], &[range[0], range[1], &url(&server, "zip")]);
    assert_eq!((part.status, part.body.len()), (206, 20));
}

#[test]
fn an_event_with_a_token_is_not_held_back() {
    for version in ["--http1.1", "--http2"] {
        let (send, may_send) = mpsc::channel::<()>();
        let (world, server) = showing(move |stream, asked| {
            let head =
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n";
            stream.write_all(head.as_bytes()).unwrap();
            while may_send.recv().is_ok() {
                write!(stream, "data: {}\n\n", asked.token).unwrap();
                stream.flush().unwrap();
            }
        });
        let (mut child, mut lines) = spawn(
            &world,
            &[
                "curl",
                "-sSN",
                version,
                "--max-time",
                "60",
                &url(&server, "x"),
            ],
        );
        // The next event is sent when the one before was read.
        for _ in 0..3 {
            send.send(()).unwrap();
            let line = lines.next_line();
            assert!(line.starts_with("data: authsome-proxy-managed"), "{line}");
            assert_eq!(lines.next_line(), "");
        }
        drop(send);
        assert_eq!(lines.0.lines().count(), 0);
        child.wait().unwrap();
    }
}

#[test]
fn a_websocket_shows_no_token_in_its_messages() {
    let (world, server) = showing(|stream, asked| {
        let extended = asked.head.contains("sec-websocket-extensions");
        stream.write_all(SWITCHING).unwrap();
        let (first, second) = asked.token.split_at(9);
        let mut send = |first_byte: u8, text: &str| {
            let length = u8::try_from(text.len()).unwrap();
            stream.write_all(&[first_byte, length]).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
        };
        send(0x81, if extended { "extended" } else { "plain" });
        send(0x81, &format!("you are {}", asked.token));
        send(0x01, first); // a message in two frames
        send(0x80, second);
        send(0x82, &asked.token); // binary
        send(0x88, "");
        stream.flush().unwrap();
        let _ = stream.read(&mut [0; 16]);
    });
    let program = r#"
peer = managed(sys.argv[1])
peer.send(f"GET /api/v4/cable HTTP/1.1\r\nHost: {sys.argv[1]}\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
say(peer.head()[0])
message = ""
while True:
    first, size = peer.exactly(2)
    message += peer.exactly(size).decode()
    if first & 0x80:
        say([first & 15, message])
        message = ""
    if first & 15 == 8:
        break
"#;
    let told = python(&world, &[], program, &[server.authority()]);
    let token = token(&world);
    assert_eq!(told[0], 101);
    assert_eq!(told[1], serde_json::json!([1, "plain"]));
    assert_eq!(
        told[2],
        serde_json::json!([1, format!("you are {PLACEHOLDER}")])
    );
    let split = told[3][1].as_str().unwrap();
    assert_eq!(split, PLACEHOLDER);
    assert_eq!(
        told[4],
        serde_json::json!([2, token]),
        "binary messages pass"
    );
    assert_eq!(told[5], serde_json::json!([8, ""]));
}

#[test]
fn an_interim_response_is_searched_as_well() {
    for version in ["--http1.1", "--http2"] {
        let (world, server) = showing(|stream, asked| {
            let token = asked.token;
            let early =
                format!("HTTP/1.1 103 Early Hints\r\nlink: </{token}>; rel=preload\r\n\r\n");
            stream.write_all(early.as_bytes()).unwrap();
            respond(stream, "", b"{}");
        });
        let url = format!("{}/api/v4/early", server.base_url());
        let head = fetch(&world, &[], &[version, &url]).head;
        let shown = format!("link: </{PLACEHOLDER}>");
        assert!(
            head.contains(" 103") && head.contains(&shown),
            "{version}: {head}"
        );
    }
}
