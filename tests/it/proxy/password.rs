//! The session's password.

use crate::kit::Setup;
use crate::kit::client::{authority, expect_ours, python};

#[test]
fn the_password_is_asked_for_and_taken_on_the_same_connection() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let program = r#"
target = sys.argv[1]
peer = proxy()
wrong = base64.b64encode(b"authsome:wrong").decode()
asked = ask(peer, f"CONNECT {target} HTTP/1.1\nHost: {target}\nProxy-Authorization: Basic {wrong}")
say(asked)
peer = tls(connect(target, peer), "localhost")
say(ask(peer, f"GET /api/v4/user HTTP/1.1\nHost: {target}"))
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    expect_ours(&told[0], 407, "proxy_authentication_required");
    let challenge = told[0]["headers"]["proxy-authenticate"].as_str().unwrap();
    assert!(challenge.starts_with("Basic "), "{challenge}");
    let length: usize = told[0]["headers"]["content-length"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(length, told[0]["body"].as_str().unwrap().len());
    assert_ne!(told[0]["headers"]["connection"], "close");
    assert_eq!(told[1]["status"], 200, "{}", told[1]);
}

#[test]
fn only_the_sessions_own_password_is_taken() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let program = r#"
def given(value):
    target = sys.argv[1]
    peer = proxy()
    peer.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: {value}\r\n\r\n")
    return peer.head()[0]
def basic(user, password):
    return base64.b64encode(f"{user}:{password}".encode()).decode()
say([given(value) for value in [
    "Basic " + BASIC,
    "basic " + BASIC,
    "Basic " + basic(PROXY.username, PROXY.password + "x"),
    "Basic " + basic(PROXY.username, PROXY.password[:-1]),
    "Basic " + basic("root", PROXY.password),
    "Basic " + basic("", ""),
    "Bearer " + PROXY.password,
    "Basic",
]])
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(
        told[0],
        serde_json::json!([200, 200, 407, 407, 407, 407, 407, 407])
    );
}

#[test]
fn a_request_to_the_proxy_itself_is_malformed() {
    let Setup {
        world,
        gitlab: _gitlab,
        ..
    } = Setup::connected();
    let program = r#"
say(ask(proxy(), f"GET / HTTP/1.1\nHost: {PROXY.hostname}:{PROXY.port}\n{PASSWORD}"))
say(ask(proxy(), f"GET / HTTP/1.1\nHost: {PROXY.hostname}:{PROXY.port}"))
say(ask(proxy(), f"CONNECT localhost HTTP/1.1\nHost: localhost\n{PASSWORD}"))
here = f"{PROXY.hostname}:{PROXY.port}"
say(ask(proxy(), f"CONNECT {here} HTTP/1.1\nHost: {here}\n{PASSWORD}"))
"#;
    let told = python(&world, &[], program, &[]);
    expect_ours(&told[0], 400, "bad_request");
    expect_ours(&told[1], 400, "bad_request");
    expect_ours(&told[2], 400, "bad_request");
    expect_ours(&told[3], 403, "denied");
}
