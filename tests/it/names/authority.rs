//! One spelling of a host and a port.

use authsome_test_support::Arrived;
use serde_json::Value;

use crate::kit::Setup;
use crate::kit::client::{authority, python};

#[test]
fn what_is_forwarded_has_the_tunnels_own_authority() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let program = r#"
target = sys.argv[1]
port = target.split(":")[1]
for host in [target, f"LOCALHOST:{port}", f"localhost.:{port}", f"localhost:0{port}", "localhost"]:
    say(ask(managed(target), f"GET /api/v4/user HTTP/1.1\nHost: {host}"))
say(ask(managed(target), f"GET https://LOCALHOST:0{port}/api/v4/user HTTP/1.1\nHost: localhost"))
say(ask(managed(target), "GET /api/v4/user HTTP/1.0"))
for place in [target, f"LOCALHOST.:0{port}"]:
    say(ask(proxy(), f"GET https://{place}/api/v4/user HTTP/1.1\nHost: evil.test\n{PASSWORD}"))
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    for response in &told {
        assert_eq!(response["status"], 200, "{response}");
    }
    let seen = gitlab.seen();
    assert_eq!((seen.len(), told.len()), (9, 9));
    for request in seen {
        let hosts: Vec<_> = request
            .headers
            .iter()
            .filter(|(name, _)| name == "host")
            .collect();
        assert_eq!(hosts.len(), 1, "{request:?}");
        assert_eq!(hosts[0].1, authority(&gitlab), "{request:?}");
    }
}

#[test]
fn a_name_that_servers_could_read_differently_is_refused() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let program = r#"
target = sys.argv[1]
port = target.split(":")[1]
for host in [f"[localhost]:{port}", "[localhost]", f"localhost:+{port}", f"localhost: {port}", f"localhost :{port}",
             f"me@{target}", f"{target}:{port}", f"{target},evil.test", f"localhost..:{port}", f"[{target}]"]:
    say(ask(managed(target), f"GET /api/v4/user HTTP/1.1\nHost: {host}"))
for place in [f"[localhost]:{port}", f"localhost:+{port}", f"me@{target}"]:
    peer = managed(target)
    peer.send(f"GET https://{place}/api/v4/user HTTP/1.1\r\nHost: {target}\r\n\r\n")
    say(peer.response())
for place in [f"[localhost]:{port}", f"localhost:+{port}", f"me@{target}"]:
    peer = proxy()
    peer.send(f"GET https://{place}/api/v4/user HTTP/1.1\r\nHost: {target}\r\n{PASSWORD}\r\n\r\n")
    say({"status": peer.head()[0]})
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    let (inside, outside) = told.split_at(13);
    for response in inside {
        // What is not even a URL is malformed.
        let status = response["status"].as_u64().unwrap();
        assert!([421, 400].contains(&status), "{response}");
        assert!(
            !response["headers"]["authsome-error"].is_null(),
            "{response}"
        );
    }
    let misdirected = inside.iter().filter(|response| response["status"] == 421);
    assert!(misdirected.count() >= 10, "{inside:?}");
    for response in outside {
        assert_eq!(response["status"], 400, "{response}");
    }
    assert!(gitlab.seen().is_empty(), "{:?}", gitlab.seen());
}

#[test]
fn every_spelling_of_an_address_is_that_address() {
    let (world, gitlab) = Setup::unconnected();
    let (_, pair) = world.connect_as("default", &gitlab, &gitlab.base_url_at("127.0.0.1"), 7200);
    let program = r#"
port = sys.argv[1].split(":")[1]
for host in ["[::ffff:127.0.0.1]", "[::FFFF:7f00:1]", "127.1", "0x7f.0.0.1", "2130706433"]:
    say(ask(tls(connect(f"{host}:{port}"), "127.0.0.1"), f"GET /api/v4/user HTTP/1.1\nHost: {host}:{port}"))
for host in ["[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "2130706433", "localhost."]:
    say(ask(proxy(), f"CONNECT {host}:{PROXY.port} HTTP/1.1\nHost: {host}\n{PASSWORD}"))
    say(ask(proxy(), f"GET http://{host}:{PROXY.port}/ HTTP/1.1\nHost: {host}\n{PASSWORD}"))
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    let (managed, own) = told.split_at(5);
    for response in managed {
        assert_eq!(response["status"], 200, "{response}");
    }
    let place = format!("127.0.0.1:{}", gitlab.port());
    for request in gitlab.seen() {
        let token = pair.access.clone();
        assert_eq!(request.credential, Arrived::Bearer { token });
        assert_eq!(request.header("host"), Some(&*place));
    }
    assert_eq!(own.len(), 10);
    for response in own {
        assert_eq!(response["status"], 403, "{response}");
        let body = response["body"].as_str().unwrap();
        assert!(body.contains("come back to authsome itself"), "{response}");
    }
}

/// A session's end waits a moment for the connections that it counts.
#[test]
fn an_upgraded_connection_in_absolute_form_counts_to_its_end() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let program = r#"
import time
target, command = sys.argv[1], os.getpid()
peer = proxy()
peer.send(f"GET https://{target}/api/v4/cable HTTP/1.1\r\nHost: {target}\r\n{PASSWORD}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
say({"status": peer.head()[0]})
if os.fork():
    os._exit(0)
while os.getppid() == command:
    time.sleep(0.001)
time.sleep(0.2) # a session that waits for nobody has ended by then, one that does has not
try:
    peer.send(frame(1, b"hello"))
    say({"echo": read_frame(peer)[1].decode()})
except (EOFError, OSError) as error:
    say({"echo": None})
"#;
    let told: Vec<Value> = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told[0]["status"], 101, "{told:?}");
    assert_eq!(told[1]["echo"], "hello", "{told:?}");
}
