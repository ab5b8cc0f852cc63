//! A POST is at the server once, whatever becomes of its response: clients repeat what got an empty
//! reply, so that a response whose head is dropped with its broken body makes two of one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Told, ask, script};
use crate::Bench;
use crate::cell::ServerKind;
use crate::server::ServerStream;

/// Responses that break off, or are wrong behind their head, and whether the connection is reset
/// then.
const RESPONSES: &[(&str, &str, bool)] = &[
    (
        "a bad chunk",
        "transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        false,
    ),
    (
        "a bad chunk behind a good one",
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
        false,
    ),
    (
        "a short body, closed",
        "content-length: 100\r\n\r\nhello",
        false,
    ),
    (
        "a short body, reset",
        "content-length: 100\r\n\r\nhello",
        true,
    ),
    (
        "no last chunk",
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        false,
    ),
    (
        "chunks with bare line feeds",
        "transfer-encoding: chunked\r\n\r\n5\nhello\n0\n\n",
        false,
    ),
];

pub(super) async fn posts_once(bench: Arc<Bench>) -> Told {
    let mut wrong = Vec::new();
    for (name, response, is_reset) in RESPONSES {
        for time in 0..TIMES {
            let directly = posts(&bench, response, *is_reset, false).await?;
            let proxied = posts(&bench, response, *is_reset, true).await?;
            if proxied.0 != 1 || (proxied.1.is_empty() && !directly.1.is_empty()) {
                wrong.push(format!(
                    "{name}, try {time}: {} POSTs, {:?} (directly {}, {:?})",
                    proxied.0, proxied.1, directly.0, directly.1
                ));
            }
        }
    }
    if wrong.is_empty() {
        Ok(format!("{} answers", RESPONSES.len()))
    } else {
        Err(wrong.join("\n"))
    }
}

/// A GET that is answered well, and behind it on the same connection a POST; how often that was
/// seen, and what its client got.
async fn posts(
    bench: &Bench,
    response: &'static str,
    is_reset: bool,
    proxied: bool,
) -> Result<(usize, String), String> {
    let posts = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&posts);
    let script = script(move |stream| serve(stream, response, is_reset, Arc::clone(&counting)));
    let place = bench.server.scripted(ServerKind::H1, script).await;
    let way = if proxied {
        &bench.session.proxied
    } else {
        &bench.session.direct
    };
    let url = format!("https://{}/api/scene", place.authority());
    let words = ["--http1.1", &url, "--next", "-sS", "-i", "--cacert"];
    let trust = way.trust.display().to_string();
    let mut words = words.to_vec();
    words.extend([&*trust, "-d", "body", "--max-time", "20"]);
    let proxy = way.proxy.as_ref().map(ToString::to_string);
    let resolve = format!("{}:127.0.0.1", place.authority());
    match &proxy {
        Some(proxy) => words.extend(["-x", proxy]),
        None => words.extend(["--resolve", &resolve]),
    }
    words.extend(["--http1.1", "--suppress-connect-headers"]);
    words.extend(["--noproxy", "", &url]);
    let output = ask::curl(&place, way, &words).await?;
    let got = String::from_utf8_lossy(&output.stdout).into_owned();
    let got = got
        .strip_prefix("first")
        .unwrap_or(&got)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    Ok((posts.load(Ordering::Relaxed), got))
}

async fn serve(
    mut stream: ServerStream,
    response: &'static str,
    is_reset: bool,
    posts: Arc<AtomicUsize>,
) {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => seen.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            _ => return,
        }
        let is_post = seen.starts_with(b"POST");
        if is_post && seen.ends_with(b"body") {
            posts.fetch_add(1, Ordering::Relaxed);
            let response = format!("HTTP/1.1 201 Created\r\n{response}");
            let _ = stream.write_all(response.as_bytes()).await;
            let _ = stream.flush().await;
            if is_reset {
                tokio::time::sleep(BREATH).await; // what was sent shall be there first
                let _ = stream.get_ref().0.set_zero_linger();
            } else {
                let _ = stream.shutdown().await;
            }
            return;
        }
        if !is_post && seen.ends_with(b"\r\n\r\n") {
            seen.clear();
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst")
                .await;
            let _ = stream.flush().await;
        }
    }
}

/// How often each is tried.
const TIMES: usize = 3;

/// Before the connection is reset.
const BREATH: Duration = Duration::from_millis(100);
