//! Where one message ends and the next begins.

use std::io::Write;
use std::sync::mpsc;

use crate::kit::client::{authority, python};
use crate::kit::servers::{Scripted, connect_elsewhere, read_head};
use crate::kit::{Setup, World};

#[test]
fn a_request_that_crosses_with_the_end_of_an_idle_connection_is_sent_once_more() {
    let world = World::new();
    let ok = Some("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let (upstream, asked) = answering(&[ok, None, ok]);
    connect_elsewhere(&world, &upstream.base_url(), Some(&upstream.ca_pem));
    let url = format!("{}/api/v4/user", upstream.base_url());
    let told = world
        .run(["curl", "-sS", "--http1.1", &url, &url])
        .expect(0);
    assert_eq!(told.stdout, "okok");
    let lines: Vec<_> = asked.try_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines, ["GET /api/v4/user HTTP/1.1"; 3]);
}

#[test]
fn a_request_that_changes_something_is_never_sent_twice() {
    let world = World::new();
    let ok = Some("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let (upstream, asked) = answering(&[ok, None, ok]);
    connect_elsewhere(&world, &upstream.base_url(), Some(&upstream.ca_pem));
    let url = format!("{}/api/v4/projects", upstream.base_url());
    let told = world
        .run(["curl", "-sS", "--http1.1", "-X", "POST", &url, &url])
        .expect(0);
    assert!(told.stdout.starts_with("ok{"), "{}", told.stdout);
    assert!(
        told.stdout.contains("upstream_unreachable"),
        "{}",
        told.stdout
    );
    let lines: Vec<_> = asked.try_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines, ["POST /api/v4/projects HTTP/1.1"; 2]);
}

#[test]
fn what_a_provider_says_unasked_answers_no_request() {
    let world = World::new();
    let (upstream, asked) = answering(&[
        Some(
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nEVIL",
        ),
        Some("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
    ]);
    connect_elsewhere(&world, &upstream.base_url(), Some(&upstream.ca_pem));
    let url = format!("{}/api/v4/user", upstream.base_url());
    assert_eq!(
        world
            .run(["curl", "-sS", "--http1.1", &url, &url])
            .expect(0)
            .stdout,
        "okok"
    );
    let lines: Vec<_> = asked.try_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines, ["GET /api/v4/user HTTP/1.1"; 2]);
}

#[test]
fn responses_of_every_shape_arrive_and_those_of_none_are_said() {
    let table = [
        (
            "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            "ok",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;x=y\r\no\r\n1\r\nk\r\n0\r\n\r\n",
            "ok",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 99\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            "ok",
        ),
        ("HTTP/1.1 200 OK\ncontent-length: 2\n\nok", "ok"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
            "upstream_malformed",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
            "upstream_malformed",
        ),
        (
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            "upstream_malformed",
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "upstream_malformed"),
    ];
    for (response, expected) in table {
        let world = World::new();
        let (upstream, _asked) = answering(&[Some(response)]);
        connect_elsewhere(&world, &upstream.base_url(), Some(&upstream.ca_pem));
        let url = format!("{}/api/v4/user", upstream.base_url());
        let told = world.run(["curl", "-sS", "--http1.1", &url]).expect(0);
        assert!(
            told.stdout.contains(expected),
            "{response:?}: {}",
            told.stdout
        );
    }
}

#[test]
fn a_request_whose_end_is_in_doubt_is_refused_and_not_forwarded() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let program = r#"
target = sys.argv[1]
for lines in [
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Content-Length: +5",
    "Content-Length : 5",
]:
    peer = managed(target)
    peer.send(f"POST /api/v4/echo HTTP/1.1\r\nHost: {target}\r\n{lines}\r\n\r\nhello")
    response = peer.response()
    peer.rest()
    say(response)
peer = managed(target)
peer.send(f"GET /api/v4/user HTTP/1.1\r\nHost: {target}\r\nX: " + "x" * 200000 + "\r\n\r\n")
say(peer.response())
"#;
    let mut told = python(&world, &[], program, &[authority(&gitlab)]);
    let too_large = told.pop().unwrap();
    assert_eq!((told.len(), &too_large["status"]), (7, &431.into()));
    for response in told {
        assert_eq!(response["status"], 400, "{response}");
        assert_eq!(
            response["headers"]["authsome-error"], "bad_request",
            "{response}"
        );
        assert_eq!(response["headers"]["connection"], "close", "{response}");
    }
    assert!(gitlab.seen().is_empty());
}

#[test]
fn requests_that_come_before_their_turn_are_answered_in_order() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let program = r#"
target = sys.argv[1]
peer = managed(target)
get = f"GET /api/v4/status/%d HTTP/1.1\r\nHost: {target}\r\n\r\n"
put = f"PUT /api/v4/upload HTTP/1.1\r\nHost: {target}\r\nContent-Length: 5\r\n\r\nhello"
peer.send(get % 204 + put + get % 304 + put)
say([peer.head()[0], peer.response()["body"], peer.head()[0], peer.response()["body"]])
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    let bytes = r#"{"bytes":5}"#;
    assert_eq!(told[0], serde_json::json!([204, bytes, 304, bytes]));
}

/// A provider that gives its responses one after the other, each to one request; after `None` it
/// closes the connection that the request came on. What it was asked, request line by request line,
/// and an empty one where a connection ended without a request.
fn answering(responses: &[Option<&'static str>]) -> (Scripted, mpsc::Receiver<String>) {
    let (tell, asked) = mpsc::channel();
    let mut responses = Vec::from(responses).into_iter();
    let upstream = Scripted::start(move |stream| {
        loop {
            let head = read_head(stream);
            let line = head.lines().next().unwrap_or_default().to_owned();
            let ended = line.is_empty();
            if tell.send(line).is_err() || ended {
                return;
            }
            let Some(Some(response)) = responses.next() else {
                return;
            };
            if stream.write_all(response.as_bytes()).is_err() || !response.starts_with("HTTP/1.1") {
                return;
            }
        }
    });
    (upstream, asked)
}
