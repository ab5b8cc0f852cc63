//! Both versions of HTTP, as a provider speaks them.

use std::process::Command;

use authsome_test_support::{Arrived, FakeGitLab, Protocol};

use crate::kit::client::{authority, fetch, node, python};
use crate::kit::{Setup, World};

#[test]
fn a_hundred_http2_streams_are_open_at_once_on_one_connection() {
    let Setup {
        world,
        gitlab,
        pair,
        ..
    } = Setup::connected();
    // Each stream is answered with what it sends; none is ended before all have had their first
    // echo.
    let program = r"
open(target, session => {
    let echoed = 0, ended = 0;
    const streams = [...Array(100).keys()].map(number => {
        const stream = session.request({':method': 'POST', ':path': '/api/v4/bidi'});
        const told = {number, body: ''};
        stream.on('response', headers => { told.status = headers[':status']; });
        stream.on('data', data => {
            if (told.body === '' && ++echoed === 100) streams.forEach(stream => stream.end('.'));
            told.body += data;
        });
        stream.on('trailers', trailers => { told.trailer = trailers['grpc-status']; });
        stream.on('close', () => { say(told); if (++ended === 100) { session.destroy(); process.exit(0); } });
        stream.write(`stream ${number}`);
        return stream;
    });
});
";
    let told = node(&world, program, &gitlab);
    assert_eq!(told.len(), 100);
    for line in &told {
        assert_eq!(line["status"], 200, "{line}");
        assert_eq!(
            line["body"],
            format!("stream {}.", line["number"]),
            "{line}"
        );
        assert_eq!(line["trailer"], "0", "{line}");
    }
    let seen = gitlab.seen();
    assert_eq!(seen.len(), 100);
    for request in seen {
        assert_eq!(request.version, Protocol::Http2);
        assert_eq!(
            request.credential,
            Arrived::Bearer {
                token: pair.access.clone()
            }
        );
    }
}

#[test]
fn both_versions_of_http_are_spoken_with_any_provider() {
    for http1_only in [false, true] {
        let world = World::new();
        let gitlab = if http1_only {
            FakeGitLab::builder().http1_only().start()
        } else {
            FakeGitLab::start()
        };
        world.connect(&gitlab);
        let url = format!("{}/api/v4/user", gitlab.base_url());
        for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
            let response = fetch(&world, &[], &[flag, &url]);
            assert_eq!((response.status, response.version.as_str()), (200, version));
        }
        let arrived: Vec<_> = gitlab.seen().iter().map(|seen| seen.version).collect();
        let second = if http1_only {
            Protocol::Http1
        } else {
            Protocol::Http2
        };
        assert_eq!(arrived, [Protocol::Http1, second]);
    }
}

#[test]
fn alt_svc_does_not_lead_around_the_proxy() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/altsvc", gitlab.base_url());
    for version in ["--http1.1", "--http2"] {
        let response = fetch(&world, &[], &[version, &url]);
        assert_eq!((response.status, response.header("alt-svc")), (200, None));
    }
}

#[test]
fn trailers_reach_an_http1_client_that_asks_for_them() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let program = r#"
target = sys.argv[1]
say(ask(managed(target), f"GET /api/v4/trailers HTTP/1.1\nHost: {target}\nTE: trailers\nConnection: TE"))
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told[0]["body"], "before the trailers\n");
    assert_eq!(told[0]["trailers"]["grpc-status"], "0", "{}", told[0]);
    assert_eq!(told[0]["trailers"]["x-checksum"], "fake", "{}", told[0]);
}

#[test]
fn a_compressed_response_passes_byte_for_byte_unless_it_is_searched() {
    let Setup { world, gitlab, .. } = Setup::connected();
    gitlab.accept_personal_token("direct");
    let url = format!("{}/api/v4/gzip", gitlab.base_url());
    let direct = Command::new("curl")
        .args([
            "-sS",
            "--noproxy",
            "*",
            "-H",
            "PRIVATE-TOKEN: direct",
            "--cacert",
        ])
        .arg(gitlab.ca_file())
        .arg(&url)
        .output()
        .unwrap();
    assert!(direct.stdout.starts_with(&[0x1f, 0x8b]));
    for version in ["--http1.1", "--http2"] {
        let response = fetch(&world, &["--scrub", "headers"], &[version, &url]);
        assert_eq!(response.header("content-encoding"), Some("gzip"));
        assert_eq!(response.body, direct.stdout);
        let searched = fetch(&world, &[], &[version, &url]);
        assert_eq!(searched.header("content-encoding"), Some("gzip"));
        let searched = fetch(&world, &[], &[version, "--compressed", &url]);
        assert_eq!(searched.text(), r#"{"gzip":true}"#);
    }
}

#[test]
fn a_redirect_is_the_clients_to_follow() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/redirect?to=/api/v4/user", gitlab.base_url());
    let response = fetch(&world, &[], &[&url]);
    assert_eq!(
        (response.status, response.header("location")),
        (302, Some("/api/v4/user"))
    );
    assert_eq!(gitlab.seen().len(), 1);
}

#[test]
fn the_response_to_head_has_its_length_and_no_body() {
    for http1_only in [true, false] {
        let world = World::new();
        let gitlab = if http1_only {
            FakeGitLab::builder().http1_only().start()
        } else {
            FakeGitLab::start()
        };
        world.connect(&gitlab);
        let url = format!("{}/api/v4/user", gitlab.base_url());
        for version in ["--http1.1", "--http2"] {
            let whole = fetch(&world, &[], &[version, &url]);
            let head = fetch(&world, &[], &[version, "-I", &url]);
            assert_eq!(head.status, 200);
            assert_eq!(
                head.header("content-length"),
                Some(whole.body.len().to_string().as_str())
            );
        }
    }
}

#[test]
fn responses_without_a_body_have_none() {
    let Setup { world, gitlab, .. } = Setup::connected();
    for version in ["--http1.1", "--http2"] {
        for status in [204, 304] {
            let url = format!("{}/api/v4/status/{status}", gitlab.base_url());
            let response = fetch(&world, &[], &[version, &url]);
            assert_eq!((response.status, response.body.len()), (status, 0));
        }
    }
}

#[test]
fn end_to_end_headers_pass_and_hop_by_hop_ones_do_not() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let program = r#"
target = sys.argv[1]
say(ask(managed(target), f"""GET /api/v4/echo?a=%2F&b HTTP/1.1
Host: {target}
Range: bytes=0-9
If-None-Match: "x"
Accept-Encoding: zstd
X-Hop: gone
Connection: keep-alive, X-Hop
Keep-Alive: timeout=9
Proxy-Connection: keep-alive
Proxy-Authorization: Basic eDp5"""))
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told[0]["status"], 200, "{}", told[0]);
    let seen = gitlab.seen().remove(0);
    assert_eq!(
        (seen.path.as_str(), seen.query.as_deref()),
        ("/api/v4/echo", Some("a=%2F&b"))
    );
    assert_eq!(seen.header("range"), Some("bytes=0-9"));
    assert_eq!(seen.header("if-none-match"), Some("\"x\""));
    assert_eq!(seen.header("accept-encoding"), Some("zstd"));
    for name in [
        "x-hop",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "connection",
    ] {
        assert_eq!(seen.header(name), None, "{name}");
    }
}
