//! Messages that are odd, and right all the same; and wrong ones, whose fault shall be said.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Told, ask, script};
use crate::Bench;
use crate::cell::ServerKind;
use crate::server::{Place, ServerStream};
use crate::way::Way;

/// A place whose server gives that response to each request that has no body.
async fn answering(bench: &Bench, response: Vec<u8>) -> Arc<Place> {
    let response: Arc<[u8]> = response.into();
    let script = script(move |stream| serve(stream, Arc::clone(&response)));
    bench.server.scripted(ServerKind::H1, script).await
}

async fn serve(mut stream: ServerStream, response: Arc<[u8]>) {
    let mut seen = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        seen.push(byte);
        if seen.ends_with(b"\r\n\r\n") {
            seen.clear();
            if stream.write_all(&response).await.is_err() || stream.flush().await.is_err() {
                return; // a peer that has gone
            }
        }
    }
}

/// What curl gets of a response by each version of HTTP, with its head; and over HTTP/1.1 directly.
async fn got(
    bench: &Bench,
    response: Vec<u8>,
) -> Result<([(&'static str, String); 2], String), String> {
    let place = answering(bench, response).await;
    let mut got = [("--http1.1", String::new()), ("--http2", String::new())];
    for (version, text) in &mut got {
        *text = fetch(&place, &bench.session.proxied, version).await?;
    }
    let directly = fetch(&place, &bench.session.direct, "--http1.1").await?;
    Ok((got, directly))
}

async fn fetch(place: &Place, way: &Way, version: &str) -> Result<String, String> {
    let url = format!("https://{}/api/scene", place.authority());
    let words = ["-i", "--suppress-connect-headers", version, &url];
    let output = ask::curl(place, way, &words).await?;
    let said = String::from_utf8_lossy(&output.stderr);
    let text = format!("{}{said}", String::from_utf8_lossy(&output.stdout));
    Ok(text.replace('\r', "").to_ascii_lowercase())
}

/// A response's name, its bytes, and what a client that gets it directly finds in it.
type Case = (&'static str, Vec<u8>, Vec<String>);

async fn check(bench: &Bench, cases: Vec<Case>) -> Told {
    let (count, mut wrong) = (cases.len(), Vec::new());
    for (name, response, expected) in cases {
        let (got, directly) = got(bench, response).await?;
        let expected: Vec<_> = expected
            .iter()
            .map(|part| part.to_ascii_lowercase())
            .collect();
        // Were the server not understood at all, there would be nothing to miss behind the proxy.
        for status in expected.iter().filter(|part| part.starts_with(' ')) {
            if !directly.contains(status) {
                wrong.push(format!("{name}, directly: no {status:?} in {directly:?}"));
            }
        }
        for (version, text) in got {
            for part in expected.iter().filter(|part| directly.contains(*part)) {
                if !text.contains(part) {
                    let start: String = text.chars().take(300).collect();
                    wrong.push(format!("{name}, {version}: no {part:?} in {start:?}"));
                }
            }
        }
    }
    if wrong.is_empty() {
        Ok(format!("{count} answers"))
    } else {
        Err(wrong.join("\n"))
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn response(head: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{head}content-length: 2\r\n\r\nok").into_bytes()
}

pub(super) async fn responses(bench: Arc<Bench>) -> Told {
    let cookies: Vec<_> = (0..150)
        .map(|number| format!("set-cookie: c{number}=1\r\n"))
        .collect();
    let mut obs_text =
        b"HTTP/1.1 200 OK\r\nx-name: caf\xe9\r\ncontent-length: 2\r\n\r\nok".to_vec();
    let mut latin_reason = b"HTTP/1.1 200 Tr\xe8s bien\r\ncontent-length: 2\r\n\r\nok".to_vec();
    let cases = vec![
        (
            "150 fields",
            response(&cookies.concat()),
            texts(&[" 200", "c0=1", "c149=1", "\nok"]),
        ),
        (
            "a blank before the colon",
            response("x-blank : yes\r\n"),
            texts(&[" 200", "x-blank: yes", "\nok"]),
        ),
        (
            "a length with a blank before the colon",
            b"HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\nok".to_vec(),
            texts(&[" 200", "\nok"]),
        ),
        (
            "no reason",
            b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok".to_vec(),
            texts(&[" 200", "\nok"]),
        ),
        (
            "a reason with quotes",
            b"HTTP/1.1 200 \"Fine\"; (really)\r\ncontent-length: 2\r\n\r\nok".to_vec(),
            texts(&[" 200", "\nok"]),
        ),
        (
            "obs-text in a reason",
            std::mem::take(&mut latin_reason),
            texts(&[" 200", "\nok"]),
        ),
        (
            "obs-text in a field",
            std::mem::take(&mut obs_text),
            texts(&[" 200", "x-name: caf", "\nok"]),
        ),
        (
            "an unknown status",
            b"HTTP/1.1 299 Odd\r\ncontent-length: 2\r\n\r\nok".to_vec(),
            texts(&[" 299", "\nok"]),
        ),
        (
            "two equal lengths",
            response("content-length: 2\r\n"),
            texts(&[" 200", "\nok"]),
        ),
        (
            "a list of equal lengths",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok".to_vec(),
            texts(&[" 200", "\nok"]),
        ),
        (
            "204 with a length",
            b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n".to_vec(),
            texts(&[" 204"]),
        ),
        (
            "connection fields",
            response("connection: keep-alive\r\nkeep-alive: timeout=5\r\nproxy-connection: x\r\n"),
            texts(&[" 200", "\nok"]),
        ),
    ];
    check(&bench, cases).await
}

pub(super) async fn interim(bench: Arc<Bench>) -> Told {
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let processing = "HTTP/1.1 102 Processing\r\n\r\n".repeat(60);
    let cases = vec![
        (
            "103",
            format!("{hints}{ok}").into_bytes(),
            texts(&[" 103", "</a.css>", " 200", "\nok"]),
        ),
        (
            "two 103",
            format!("{hints}{hints}{ok}").into_bytes(),
            texts(&[" 103", " 200", "\nok"]),
        ),
        (
            "60 times 102",
            format!("{processing}{ok}").into_bytes(),
            texts(&[" 102", " 200", "\nok"]),
        ),
    ];
    check(&bench, cases).await
}

/// The provider's fault is said to be its own: nobody is sent to look at the network.
pub(super) async fn wrong_responses(bench: Arc<Bench>) -> Told {
    let cases = [
        (
            "two lengths",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        ),
        (
            "a length that is no number",
            "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\nok",
        ),
        ("another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        (
            "a field without a name",
            "HTTP/1.1 200 OK\r\n: x\r\ncontent-length: 2\r\n\r\nok",
        ),
    ];
    let mut wrong = Vec::new();
    for (name, response) in cases {
        let (got, _) = got(&bench, response.as_bytes().to_vec()).await?;
        for (version, text) in got {
            let blames_the_network = text.contains("cannot reach") || text.contains("the network");
            if !text.contains(" 502") || blames_the_network {
                wrong.push(format!("{name}, {version}: {text:?}"));
            }
        }
    }
    if wrong.is_empty() {
        Ok(format!("{} answers", cases.len()))
    } else {
        Err(wrong.join("\n"))
    }
}

/// What clients send: wrong framing is a 400, and what browsers and curl leave unencoded in a URL
/// is encoded, or refused in words.
pub(super) async fn requests(bench: Arc<Bench>) -> Told {
    let place = answering(&bench, response("")).await;
    let (mut count, mut wrong) = (0, Vec::new());
    for chunk in [
        "zz\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
    ] {
        let head = format!(
            "POST /api/scene HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n",
            place.authority()
        );
        let request = format!("{head}{chunk}");
        let got = ask::http1(&place, &bench.session.proxied, request.as_bytes(), false).await?;
        count += 1;
        let got = String::from_utf8_lossy(&got).into_owned();
        if !got.starts_with("HTTP/1.1 400") {
            wrong.push(format!("the chunk {chunk:?} got {got:?}"));
        }
    }
    for target in ["?q=\"<>`", "?q={a|b}^", "/a\"b", "?q=\\"] {
        for version in ["--http1.1", "--http2"] {
            let url = format!("https://{}/api/scene{target}", place.authority());
            let words = ["-g", "-i", "--suppress-connect-headers", version, &url];
            let output = ask::curl(&place, &bench.session.proxied, &words).await?;
            count += 1;
            let got = String::from_utf8_lossy(&output.stdout).into_owned();
            let line = got.lines().next().unwrap_or_default().to_owned();
            let said = String::from_utf8_lossy(&output.stderr);
            let is_refused_in_words = line.contains(" 400") && got.contains("message");
            // h2 resets a stream with such a `:path`; the log says why.
            let may_be_reset = version == "--http2" && target.contains(['"', '<', '>', '`']);
            let is_reset = may_be_reset && said.contains("PROTOCOL_ERROR");
            if !line.contains(" 200") && !is_refused_in_words && !is_reset {
                wrong.push(format!("{target} by {version} got {line:?} {said}"));
            }
        }
    }
    if wrong.is_empty() {
        Ok(format!("{count} requests"))
    } else {
        Err(wrong.join("\n"))
    }
}

/// A client that has sent its request, and closes its direction, still wants the response (RFC 9112
/// §9.6).
pub(super) async fn half_closes(bench: Arc<Bench>) -> Told {
    let place = answering(&bench, response("")).await;
    let request = format!(
        "GET /api/scene HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        place.authority()
    );
    let directly = ask::http1(&place, &bench.session.direct, request.as_bytes(), true).await?;
    let proxied = ask::http1(&place, &bench.session.proxied, request.as_bytes(), true).await?;
    let is_answered = |bytes: &[u8]| bytes.starts_with(b"HTTP/1.1 200") && bytes.ends_with(b"ok");
    match (is_answered(&directly), is_answered(&proxied)) {
        (true, true) => Ok("answered".to_owned()),
        _ => Err(format!(
            "it gets {:?}, and directly {:?}",
            String::from_utf8_lossy(&proxied),
            String::from_utf8_lossy(&directly)
        )),
    }
}
