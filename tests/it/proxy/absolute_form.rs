//! Requests in absolute form, in clear and over TLS.

use authsome_test_support::{Arrived, FakeGitLab};

use crate::kit::client::{PYTHON, authority, expect_ours, fetch, lines};
use crate::kit::servers::{Recorder, connect_elsewhere};
use crate::kit::{Outcome, PLACEHOLDER, World};

#[test]
fn plain_http_is_forwarded_and_never_injected_even_at_a_managed_place() {
    let world = World::new();
    let plain =
        Recorder::start("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nplain");
    let base = format!("https://localhost:{}", plain.port);
    connect_elsewhere(&world, &base, None);
    let url = format!("http://localhost:{}/api/v4/user?a=b", plain.port);
    let response = fetch(&world, &[], &["-H", "X-Own: kept", &url]);
    assert_eq!((response.status, response.text().as_str()), (200, "plain"));
    let arrived = plain.next();
    assert!(
        arrived.starts_with("GET /api/v4/user?a=b HTTP/1.1\r\n"),
        "{arrived}"
    );
    let arrived = arrived.to_ascii_lowercase();
    assert!(arrived.contains("x-own: kept"), "{arrived}");
    for absent in ["authorization", "proxy-", "private-token"] {
        assert!(!arrived.contains(absent), "{absent} in {arrived}");
    }
}

#[test]
fn the_placeholder_does_not_go_out_over_plain_http() {
    let world = World::new();
    let plain = Recorder::start("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    connect_elsewhere(&world, "https://localhost:1", None);
    let url = format!("http://localhost:{}/api/v4/user", plain.port);
    let bearer = format!("Authorization: Bearer {PLACEHOLDER}");
    let query = format!("private_token={PLACEHOLDER}");
    let user = format!("ada:{PLACEHOLDER}");
    for words in [["-H", &bearer], ["-u", &user], ["-d", &query]] {
        let response = fetch(&world, &[], &[words[0], words[1], &url]);
        response.expect_ours(403, "denied");
    }
    fetch(&world, &[], &["-G", "-d", &query, &url]).expect_ours(403, "denied");
    for arrived in plain.all() {
        assert!(!arrived.contains(PLACEHOLDER), "{arrived}");
    }
}

#[test]
fn absolute_https_is_injected_where_it_is_managed_and_only_there() {
    let (world, gitlab, other) = (World::new(), FakeGitLab::start(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    let program = r#"
for target in sys.argv[1:]:
    say(ask(proxy(), f"GET https://{target}/api/v4/user HTTP/1.1\nHost: {target}\n{PASSWORD}"))
say(ask(proxy(), f"GET https://{sys.argv[2]}/x HTTP/1.1\nHost: {sys.argv[2]}\n{PASSWORD}\nX-Token: authsome-proxy-managed"))
"#;
    let script = world.file("child.py", &format!("{PYTHON}{program}"));
    let mut command = world.authsome(["run", "--", "python3"]);
    command
        .arg(script)
        .args([authority(&gitlab), authority(&other)]);
    let outcome = Outcome::of(
        command
            .env("SSL_CERT_FILE", other.ca_file())
            .output()
            .unwrap(),
    )
    .expect(0);
    let told = lines(&outcome.stdout);
    assert_eq!(told[0]["status"], 200, "{}", told[0]);
    assert_eq!(told[1]["status"], 401, "{}", told[1]);
    assert!(
        told[1]["headers"]["authsome-error"].is_null(),
        "{}",
        told[1]
    );
    expect_ours(&told[2], 400, "placeholder");
    assert_eq!(
        gitlab.seen()[0].credential,
        Arrived::Bearer { token: pair.access }
    );
    let seen = other.seen();
    assert_eq!((seen.len(), &seen[0].credential), (1, &Arrived::None));
    assert_eq!(seen[0].header("proxy-authorization"), None);
}
