//! The API: whose credential counts, and bodies that stream.

use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;

use crate::common::{curl, get};
use authsome_test_support::{Arrived, FakeGitLab, Protocol, pattern_byte};

fn server() -> (FakeGitLab, String) {
    let gitlab = FakeGitLab::start();
    let app = gitlab.register_app(false);
    let token = gitlab.issue_tokens(&app, "api").access;
    (gitlab, token)
}

#[test]
fn the_lookup_goes_in_gitlabs_order() {
    let (gitlab, token) = server();
    let with = |path: &str, headers: &[&str]| {
        let arguments: Vec<&str> = headers.iter().flat_map(|header| ["-H", header]).collect();
        curl(&gitlab, path, &arguments).status()
    };
    let (bearer, private) = (
        format!("Authorization: Bearer {token}"),
        format!("PRIVATE-TOKEN: {token}"),
    );
    let query = format!("/api/v4/user?access_token={token}");
    assert_eq!(with("/api/v4/user", &[&bearer]), 200);
    assert_eq!(with("/api/v4/user", &[]), 401);
    assert_eq!(with("/api/v4/user", &[&private]), 401);
    assert_eq!(
        with("/api/v4/user", &[&bearer, "PRIVATE-TOKEN: bogus"]),
        200
    );
    assert_eq!(with(&query, &[]), 200);
    assert_eq!(with(&query, &[&bearer]), 400);
    gitlab.accept_personal_token("glpat-1");
    assert_eq!(with("/api/v4/user", &["PRIVATE-TOKEN: glpat-1"]), 200);
    assert_eq!(
        with("/api/v4/user", &["Authorization: Bearer glpat-1"]),
        200
    );
    assert_eq!(
        with(
            "/api/v4/user",
            &["Authorization: Bearer glpat-1", "PRIVATE-TOKEN: bogus"]
        ),
        401
    );
    let several = gitlab.seen()[3].credential.clone();
    assert!(matches!(several, Arrived::Several(all) if all.len() == 2));
}

#[test]
fn http_2_and_http_1_are_told_apart() {
    let (gitlab, token) = server();
    let bearer = format!("Authorization: Bearer {token}");
    for (flag, answered) in [("--http2", "HTTP/2 200"), ("--http1.1", "HTTP/1.1 200")] {
        let reply = curl(&gitlab, "/api/v4/user", &[flag, "-H", &bearer]);
        assert!(reply.head.starts_with(answered), "{}", reply.head);
    }
    let seen = gitlab.seen();
    assert_eq!(
        (seen[0].version, seen[1].version),
        (Protocol::Http2, Protocol::Http1)
    );
    assert_eq!(
        seen[0].header(":authority"),
        Some(format!("localhost:{}", gitlab.port()).as_str())
    );

    let old = FakeGitLab::builder().http1_only().start();
    assert!(
        curl(&old, "/public", &["--http2"])
            .head
            .starts_with("HTTP/1.1 200")
    );
}

#[test]
fn the_fixed_routes_answer() {
    let (gitlab, token) = server();
    let status = |path: &str| get(&gitlab, path, &token).status();
    assert_eq!(status("/api/v4/status/503"), 503);
    assert_eq!(status("/api/v4/status/204"), 204);
    assert_eq!(status("/api/v4/unauthorized"), 401);
    assert_eq!(status("/api/v4/redirect?to=https://elsewhere.test/"), 302);
    assert_eq!(status("/api/v4/nothing"), 404);
    assert_eq!(status("/"), 200);
    assert_eq!(status("/-/user_settings/applications"), 200);
    assert!(
        get(&gitlab, "/api/v4/altsvc", &token)
            .header("alt-svc")
            .is_some()
    );
    let bearer = format!("Authorization: Bearer {token}");
    let graphql = curl(&gitlab, "/api/graphql", &["-H", &bearer, "-d", "{}"]);
    assert_eq!(graphql.json()["data"]["currentUser"]["username"], "ada");
    assert_eq!(
        curl(
            &gitlab,
            "/api/graphql",
            &["-H", "Authorization: Bearer x", "-d", "{}"]
        )
        .status(),
        401
    );
    let unpacked = curl(&gitlab, "/api/v4/gzip", &["-H", &bearer, "--compressed"]);
    assert_eq!(unpacked.json()["gzip"], true);
    let minted = curl(
        &gitlab,
        "/api/v4/projects/1/access_tokens",
        &["-H", &bearer, "-d", "{}"],
    );
    assert_eq!(minted.status(), 201);
}

#[test]
fn bodies_stream_both_ways() {
    let (gitlab, token) = server();
    let bearer = format!("Authorization: Bearer {token}");
    let download = get(&gitlab, "/api/v4/download?bytes=200000", &token);
    assert_eq!(download.header("content-length"), Some("200000"));
    let right = (0..200_000)
        .map(pattern_byte)
        .eq(download.body.iter().copied());
    assert!(right && download.body.len() == 200_000);

    let file = gitlab.dir().join("body");
    std::fs::File::create(&file)
        .unwrap()
        .write_all(&download.body)
        .unwrap();
    let data = format!("@{}", file.display());
    let body = ["-H", &bearer, "--data-binary", &data];
    assert_eq!(
        curl(&gitlab, "/api/v4/upload", &body).json()["bytes"],
        200_000
    );
    let bidi = curl(&gitlab, "/api/v4/bidi", &body).body;
    // curl prints the trailers behind the body.
    assert!(bidi.starts_with(&download.body) && bidi.len() < 200_100);
    let echo = curl(&gitlab, "/api/v4/echo/any/where?x=1", &body).json();
    assert_eq!(echo["bytes"], 200_000);
    assert_eq!(echo["query"], "x=1");
    assert_eq!(echo["credential"], "bearer");

    for version in ["--http1.1", "--http2"] {
        let asked = ["-H", &bearer, "-H", "TE: trailers", version];
        let trailers = curl(&gitlab, "/api/v4/trailers", &asked);
        let text = String::from_utf8_lossy(&trailers.body).into_owned();
        assert!(text.contains("grpc-status: 0"), "{version}: {text}");
    }
    let events = get(&gitlab, "/api/v4/events?count=3&interval_ms=1", &token);
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    assert_eq!(
        String::from_utf8_lossy(&events.body)
            .matches("sent_ms")
            .count(),
        3
    );
}

#[test]
fn a_file_comes_whole_in_part_or_not_at_all() {
    let (gitlab, token) = server();
    let bearer = format!("Authorization: Bearer {token}");
    let raw = "/api/v4/projects/1/repository/files/README.md/raw";
    let with = |path: &str, header: &str| curl(&gitlab, path, &["-H", &bearer, "-H", header]);
    let whole = get(&gitlab, raw, &token);
    assert_eq!(whole.status(), 200);
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let validator = format!("If-None-Match: {}", whole.header("etag").unwrap());
    let unchanged = with(raw, &validator);
    assert_eq!((unchanged.status(), unchanged.body.len()), (304, 0));
    let part = with(raw, "Range: bytes=4-9");
    assert_eq!((part.status(), part.body.as_slice()), (206, &b"456789"[..]));
    assert_eq!(part.header("content-range"), Some("bytes 4-9/26"));
    assert_eq!(with(raw, "Range: bytes=99-").status(), 416);

    let middle = with("/api/v4/download?bytes=200000", "Range: bytes=65000-140000");
    assert_eq!(middle.header("content-length"), Some("75001"));
    assert!(
        (65_000..=140_000)
            .map(pattern_byte)
            .eq(middle.body.iter().copied())
    );
}

#[test]
fn a_chat_model_answers_whole_or_word_by_word() {
    let (gitlab, token) = server();
    let bearer = format!("Authorization: Bearer {token}");
    let ask = |question: &str| {
        let path = "/api/v4/v1/chat/completions";
        curl(&gitlab, path, &["-H", &bearer, "-d", question])
    };
    let whole = ask(r#"{"model":"m"}"#).json();
    assert_eq!(whole["choices"][0]["message"]["content"], "Hello from ada");
    let streamed = ask(r#"{"model":"m","stream":true}"#);
    assert_eq!(streamed.header("content-type"), Some("text/event-stream"));
    let text = String::from_utf8_lossy(&streamed.body).into_owned();
    assert_eq!(text.matches("data: {").count(), 4);
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    assert_eq!(ask("no JSON").status(), 400);
}

#[test]
fn grpc_messages_come_back_with_a_status() {
    let (gitlab, token) = server();
    let file = gitlab.dir().join("messages");
    let two = b"\0\0\0\0\x05hello\0\0\0\0\x00";
    let call = |method: &str, token: &str, messages: &[u8]| {
        std::fs::File::create(&file)
            .unwrap()
            .write_all(messages)
            .unwrap();
        let path = format!("/echo.Echo/{method}");
        let bearer = format!("Authorization: Bearer {token}");
        let data = format!("@{}", file.display());
        let grpc = ["-H", "Content-Type: application/grpc", "-H", "TE: trailers"];
        let body = ["--http2", "-H", &bearer, "--data-binary", &data];
        let reply = curl(&gitlab, &path, &[&grpc[..], &body].concat());
        let status = reply.header("grpc-status").map(ToOwned::to_owned);
        (status, reply.body)
    };
    // curl prints the trailers behind the body.
    let (status, body) = call("Bidi", &token, two);
    assert!(status.is_none() && body.starts_with(two));
    assert!(body.ends_with(b"grpc-status: 0\r\n"), "{body:?}");
    let (_, body) = call("Unary", &token, b"\0\0\0\0\x05hell");
    assert!(body.ends_with(b"grpc-status: 13\r\n"), "{body:?}");
    assert_eq!(call("Unary", "bogus", two).0.as_deref(), Some("16"));
    assert_eq!(call("Other", &token, two).0.as_deref(), Some("12"));
}

#[test]
fn a_websocket_echoes_after_its_handshake_was_authorised() {
    let (gitlab, token) = server();
    let script = "import socket,ssl,sys\n\
        port,ca,token=int(sys.argv[1]),sys.argv[2],sys.argv[3]\n\
        c=ssl.create_default_context(cafile=ca)\n\
        c.verify_flags|=ssl.VERIFY_X509_STRICT\n\
        s=c.wrap_socket(socket.create_connection(('127.0.0.1',port)),server_hostname='a.gitlab.test')\n\
        s.sendall(('GET /api/v4/cable HTTP/1.1\\r\\nHost: a\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n'\n\
        'Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n'\n\
        'Authorization: Bearer '+token+'\\r\\n\\r\\n').encode())\n\
        head=b''\n\
        while not head.endswith(b'\\r\\n\\r\\n'): head+=s.recv(1) or sys.exit('closed')\n\
        status=head.split()[1].decode()\n\
        if status!='101': sys.exit(status)\n\
        assert b's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' in head\n\
        s.sendall(b'\\x81\\x82\\1\\2\\3\\4'+bytes([ord('h')^1,ord('i')^2]))\n\
        got=s.recv(4)\n\
        assert got==b'\\x81\\x02hi',got\n";
    let run = |token: &str| {
        let port = gitlab.port().to_string();
        let mut command = Command::new("python3");
        command
            .args(["-c", script, &port])
            .arg(gitlab.ca_file())
            .arg(token);
        command.output().expect("python3 is installed")
    };
    let echoed = run(&token);
    assert!(
        echoed.status.success(),
        "{}",
        String::from_utf8_lossy(&echoed.stderr)
    );
    assert_eq!(String::from_utf8_lossy(&run("bogus").stderr).trim(), "401");
}

#[test]
fn the_certificate_passes_openssls_strict_check() {
    let gitlab = FakeGitLab::start();
    let mut child = Command::new("openssl")
        .args([
            "s_client",
            "-x509_strict",
            "-verify_return_error",
            "-verify_hostname",
            "gitlab.test",
        ])
        .arg("-CAfile")
        .arg(gitlab.ca_file())
        .args(["-connect", &gitlab.addr().to_string()])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("openssl is installed");
    let mut told = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut told)
        .unwrap();
    assert!(child.wait().unwrap().success(), "{told}");
    assert!(told.contains("Verify return code: 0 (ok)"), "{told}");
}

#[test]
fn waiting_is_woken_by_an_arrival() {
    let (gitlab, token) = server();
    assert!(!gitlab.wait_for(Duration::from_millis(1), |seen| !seen.is_empty()));
    std::thread::scope(|scope| {
        scope.spawn(|| get(&gitlab, "/api/v4/user", &token));
        assert!(gitlab.wait_for(Duration::from_secs(5), |seen| seen.len() == 1));
    });
    gitlab.clear_seen();
    assert!(gitlab.seen().is_empty());
}

#[test]
fn a_panic_in_a_handler_fails_the_test_at_the_drop() {
    let gitlab = FakeGitLab::start();
    assert_eq!(curl(&gitlab, "/api/v4/panic", &[]).status(), 500);
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(gitlab)));
    let payload = dropped.expect_err("the drop panics");
    let message = payload.downcast_ref::<String>().expect("a message");
    assert!(message.contains("asked to panic"), "{message}");
}
