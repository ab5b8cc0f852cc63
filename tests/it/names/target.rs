//! One spelling of a path.

use crate::kit::Setup;
use crate::kit::client::{authority, python};

#[test]
fn a_target_goes_on_as_browsers_would_write_it() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/user?q=\"<a>\"`\\|'&r=%3c", gitlab.base_url());
    let told = world.run(["curl", "-sSgf", "--http1.1", &url]).expect(0);
    assert!(told.stdout.contains("ada"), "{told:?}");
    let seen = gitlab.seen();
    let query = seen[0].query.as_deref();
    assert_eq!(query, Some("q=%22%3Ca%3E%22`\\|'&r=%3c"));
    let program = r#"
peer = managed(sys.argv[1])
peer.send(f"GET /api/v4/a b HTTP/1.1\r\nHost: {sys.argv[1]}\r\n\r\n")
say(peer.response())
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told[0]["status"], 400, "{}", told[0]);
    assert!(
        told[0]["body"].as_str().unwrap().contains("%20"),
        "{}",
        told[0]
    );
    assert_eq!(gitlab.seen().len(), 1);
}

/// h2 resets its stream before anybody has seen the request.
#[test]
fn a_target_that_http2_does_not_take_is_in_the_log() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/user?q=\"<a>", gitlab.base_url());
    let told = world.run(["curl", "-sSg", "--http2", &url]);
    assert_eq!(told.code, Some(92), "{told:?}");
    let log = world.call(["--json", "log", "-n", "10"]).expect(0).stdout;
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains("PROTOCOL_ERROR"))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains(&authority(&gitlab)), "{log}");
    assert!(gitlab.seen().is_empty());
}

#[test]
fn over_http2_the_name_is_ours_as_well() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let base = gitlab.base_url();
    let port = gitlab.port();
    for host in [format!("LOCALHOST.:0{port}"), "localhost".to_owned()] {
        let header = format!("Host: {host}"); // curl writes it into `:authority`
        let url = format!("{base}/api/v4/user");
        let words = ["curl", "-sSf", "--http2", "-H", &header, &url];
        let told = world.run(words).expect(0);
        assert!(told.stdout.contains("ada"), "{told:?}");
    }
    for host in [format!("[localhost]:{port}"), format!("localhost:+{port}")] {
        let header = format!("Host: {host}");
        let url = format!("{base}/api/v4/user");
        let words = [
            "curl",
            "-sS",
            "--http2",
            "-H",
            &header,
            "-w",
            "%{http_code}",
            &url,
        ];
        let told = world.run(words);
        assert!(
            told.code == Some(92) || told.stdout.ends_with("421"),
            "{told:?}"
        );
    }
    let seen = gitlab.seen();
    assert_eq!(seen.len(), 2);
    for request in seen {
        let place = authority(&gitlab);
        assert_eq!(request.header(":authority"), Some(&*place), "{request:?}");
        assert_eq!(request.header("host"), None, "{request:?}");
    }
}
