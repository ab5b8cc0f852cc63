//! Requests inside of a managed tunnel that are refused.

use crate::kit::Setup;
use crate::kit::client::{authority, expect_ours, fetch, log, node, python};

#[test]
fn a_request_for_another_host_than_its_tunnel_is_misdirected() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let program = r#"
target = sys.argv[1]
get = "GET /api/v4/user HTTP/1.1\n"
say(ask(managed(target), get + "Host: evil.test"))
say(ask(managed(target), get + "Host: localhost:1"))
say(ask(managed(target), f"GET https://evil.test/api/v4/user HTTP/1.1\nHost: {target}"))
say(ask(tls(connect(target), "evil.test", False), get + f"Host: {target}"))
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told.len(), 4);
    for told in told {
        expect_ours(&told, 421, "misdirected");
    }
    assert!(gitlab.seen().is_empty());
}

#[test]
fn an_http2_authority_of_another_host_is_misdirected() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let program = r"
open(target, session => {
    const stream = session.request({':path': '/api/v4/user', ':authority': 'evil.test'});
    stream.on('response', headers => { say({status: headers[':status'], code: headers['authsome-error']}); session.destroy(); process.exit(0); });
});
";
    let told = node(&world, program, &gitlab);
    assert_eq!(
        (&told[0]["status"], &told[0]["code"]),
        (&421.into(), &"misdirected".into())
    );
    assert!(gitlab.seen().is_empty());
}

#[test]
fn ambiguous_requests_are_refused() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let program = r#"
target = sys.argv[1]
host = f"Host: {target}"
for head in [
    f"GET /api/v4/../v4/user HTTP/1.1\n{host}",
    f"GET /api/v4/%2e%2e/v4/user HTTP/1.1\n{host}",
    f"GET /api/v4/.%2E/v4/user HTTP/1.1\n{host}",
    f"GET /api/v4/..%2fuser HTTP/1.1\n{host}",
    f"GET /api/v4/%252e%252e/user HTTP/1.1\n{host}",
    f"GET /api/v4/./user HTTP/1.1\n{host}",
    f"GET /api\\v4/user HTTP/1.1\n{host}",
    f"GET /api/v4/user HTTP/1.1\n{host}\n{host}",
    f"GET /api/v4/user HTTP/1.1\n{host}\nHost: evil.test",
    "GET /api/v4/user HTTP/1.1",
]:
    say(dict(ask(managed(target), head), asked=head))
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told.len(), 10);
    for told in told {
        assert_eq!(told["status"], 400, "{told}");
    }
    assert!(gitlab.seen().is_empty());
}

#[test]
fn trace_is_not_served() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    for version in ["--http1.1", "--http2"] {
        fetch(&world, &[], &[version, "-X", "TRACE", &url]).expect_ours(405, "method_not_allowed");
    }
    assert!(gitlab.seen().is_empty());
}

#[test]
fn what_is_not_tls_in_a_managed_tunnel_is_closed_and_said_in_the_log() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let program = r#"
peer = connect(sys.argv[1])
peer.send(f"GET /api/v4/user HTTP/1.1\r\nHost: {sys.argv[1]}\r\n\r\n")
say({"ended": peer.ended()})
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told[0]["ended"], true);
    assert!(gitlab.seen().is_empty());
    let said = log(&world);
    let line = said
        .iter()
        .find(|line| line["event"] == "failed")
        .unwrap_or_else(|| panic!("{said:?}"));
    assert_eq!(
        (&line["method"], &line["host"]),
        (&"CONNECT".into(), &authority(&gitlab).into())
    );
    assert!(
        line["reason"].as_str().unwrap().contains("not TLS"),
        "{line}"
    );
}
