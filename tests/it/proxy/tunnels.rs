//! Tunnels to hosts of no connection.

use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::thread;

use authsome_test_support::{Arrived, FakeGitLab};

use crate::kit::World;
use crate::kit::client::{authority, expect_ours, fetch, python};

#[test]
fn an_unmanaged_host_is_reached_by_a_blind_tunnel_with_its_own_certificate() {
    let (world, gitlab, other) = (World::new(), FakeGitLab::start(), FakeGitLab::start());
    world.connect(&gitlab);
    other.accept_personal_token("mine");
    let url = format!("{}/api/v4/user", other.base_url());
    // Only the other server's CA is trusted: a leaf of the session CA would be refused.
    let trust = other.ca_file().display().to_string();
    let response = fetch(
        &world,
        &[],
        &["--cacert", &trust, "-H", "PRIVATE-TOKEN: mine", &url],
    );
    assert_eq!(response.status, 200, "{}", response.text());
    let seen = other.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        seen[0].credential,
        Arrived::PrivateToken {
            token: "mine".to_owned()
        }
    );
    assert!(gitlab.seen().is_empty());
}

#[test]
fn a_blind_tunnel_leaves_every_byte_untouched() {
    let world = World::new();
    world.connect(&FakeGitLab::start());
    let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = echo.local_addr().unwrap().port();
    thread::spawn(move || {
        let (stream, _) = echo.accept().unwrap();
        std::io::copy(&mut &stream, &mut &stream).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
    });
    let program = r#"
import threading
peer = connect(sys.argv[1])
sent = bytes(range(256)) * 4000 + b"authsome-proxy-managed"
def write():
    peer.send(sent)
    peer.sock.shutdown(socket.SHUT_WR)
threading.Thread(target=write).start()
say({"same": peer.rest() == sent})
"#;
    let told = python(&world, &[], program, &[format!("localhost:{port}")]);
    assert_eq!(told[0]["same"], true);
}

#[test]
fn policy_deny_refuses_unmanaged_hosts_and_serves_managed_ones() {
    let (world, gitlab, other) = (World::new(), FakeGitLab::start(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
for url in sys.argv[1:3]:
    peer = proxy()
    say(ask(peer, f"{url}\n{PASSWORD}"))
say(ask(managed(sys.argv[3]), f"GET /api/v4/user HTTP/1.1\nHost: {sys.argv[3]}"))
"#;
    let arguments = [
        format!("CONNECT {0} HTTP/1.1\nHost: {0}", authority(&other)),
        format!("GET http://{0}/x HTTP/1.1\nHost: {0}", authority(&other)),
        authority(&gitlab),
    ];
    let told = python(&world, &["--policy", "deny"], program, &arguments);
    expect_ours(&told[0], 403, "denied");
    expect_ours(&told[1], 403, "denied");
    assert_eq!(told[2]["status"], 200, "{}", told[2]);
    assert!(other.seen().is_empty());
}
