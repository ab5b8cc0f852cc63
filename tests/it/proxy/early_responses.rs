//! A response that comes before the upload has ended.

use authsome_test_support::{Endpoint, Fault};

use crate::kit::client::{authority, python};
use crate::kit::{PLACEHOLDER, Setup, World};

#[test]
fn a_client_that_waits_for_100_continue_gets_it() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let program = r#"
target = sys.argv[1]
peer = managed(target)
peer.send(f"PUT /api/v4/upload HTTP/1.1\r\nHost: {target}\r\nContent-Length: 200000\r\nExpect: 100-continue\r\n\r\n")
first = peer.head()[0]
peer.send(b"x" * 200000)
say(dict(peer.response(), first=first))
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(
        (&told[0]["first"], &told[0]["status"]),
        (&100.into(), &200.into())
    );
    assert_eq!(told[0]["body"], r#"{"bytes":200000}"#);
}

#[test]
fn an_early_refusal_of_the_provider_to_a_large_upload_is_readable() {
    let Setup { world, gitlab, .. } = Setup::connected();
    gitlab.fault(
        Endpoint::Api,
        Fault::Status {
            code: 403,
            retry_after: None,
        },
        10,
    );
    let told = upload_often(&world, &format!("{}/api/v4/upload", gitlab.base_url()));
    assert_eq!(told, ["403 0"; 10]);
    let told = upload_often(
        &world,
        &format!("{}/api/v4/unauthorized", gitlab.base_url()),
    );
    assert_eq!(told, ["401 0"; 10]);
}

#[test]
fn an_early_refusal_of_authsome_to_a_large_upload_is_readable() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let told = upload_often(
        &world,
        &format!("{}/api/v4/projects/1/deploy_keys", gitlab.base_url()),
    );
    assert_eq!(told, ["403 0"; 10]);
    let told = upload_often(
        &world,
        &format!("{}/api/v4/upload?token={PLACEHOLDER}", gitlab.base_url()),
    );
    assert_eq!(told, ["400 0"; 10]);
    assert!(gitlab.seen().is_empty());
}

#[test]
fn a_client_that_sends_all_before_it_reads_gets_the_refusal() {
    let Setup { world, gitlab, .. } = Setup::connected();
    // As Python's http.client does.
    let program = r#"
target = sys.argv[1]
for path in sys.argv[2:]:
    peer = managed(target)
    peer.send(f"POST {path} HTTP/1.1\r\nHost: {target}\r\nContent-Length: 5000000\r\n\r\n")
    peer.send(b"x" * 5000000)
    say({"status": peer.response()["status"]})
"#;
    let paths = [
        "/api/v4/projects/1/deploy_keys",
        "/api/v4/nothing",
        "/api/v4/nothing",
    ]
    .map(str::to_owned);
    let arguments: Vec<_> = [authority(&gitlab)].into_iter().chain(paths).collect();
    let told = python(&world, &[], program, &arguments);
    let statuses: Vec<_> = told.iter().map(|line| line["status"].clone()).collect();
    assert_eq!(statuses, [403, 404, 404]);
}

#[test]
fn a_refusal_on_the_proxys_own_port_to_a_client_that_sends_all_first_is_readable() {
    let Setup {
        world,
        gitlab: _gitlab,
        ..
    } = Setup::connected();
    let program = r#"
def refused(head):
    peer = proxy()
    peer.send(f"{head}\r\nContent-Length: 5000000\r\n\r\n")
    peer.send(b"x" * 5000000)
    say(peer.response()["status"])
for password in PASSWORD, "Proxy-Authorization: Basic eDp5":
    refused(f"POST http://localhost:1/x HTTP/1.1\r\nHost: localhost:1\r\n{password}")
refused(f"POST http://localhost:1/x HTTP/1.1\r\nHost: localhost:1\r\nX-Token: authsome-proxy-managed\r\n{PASSWORD}")
refused(f"POST https://localhost:1/x HTTP/1.1\r\nHost: localhost:1\r\n{PASSWORD}")
refused(f"POST http://localhost:+1/x HTTP/1.1\r\nHost: localhost:1\r\n{PASSWORD}")
refused(f"POST /x HTTP/1.1\r\nHost: localhost:1\r\n{PASSWORD}")
"#;
    let told = python(&world, &["--policy", "deny"], program, &[]);
    assert_eq!(told, [403, 407, 403, 403, 400, 400]);
}

/// Uploads 5 MB five times in each version of HTTP; says each status and curl's exit code.
fn upload_often(world: &World, url: &str) -> Vec<String> {
    let file = world.file("upload.bin", &"x".repeat(5_000_000));
    let script = r#"
for version in --http1.1 --http2; do
    for _ in 1 2 3 4 5; do
        curl -sS "$version" --max-time 60 -o /dev/null -w '%{http_code}' -H 'Expect:' -H 'Content-Type: application/octet-stream' --data-binary "@$1" "$2"
        echo " $?"
    done
done
"#;
    let file = file.display().to_string();
    let outcome = world
        .run(["bash", "-c", script, "bash", &file, url])
        .expect(0);
    outcome.stdout.lines().map(str::to_owned).collect()
}
