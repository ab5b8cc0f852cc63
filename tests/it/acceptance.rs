//! What real clients send to a proxy, in all the spellings that were seen: each is taken for what
//! it means.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpListener};
use std::thread;

use authsome_test_support::FakeGitLab;

use crate::kit::client::{authority, python};
use crate::kit::{Setup, World};

#[test]
fn connect_is_taken_in_http_1_0_and_without_a_host_header() {
    let Setup { world, gitlab, .. } = Setup::connected();
    // openssl s_client, Python before 3.12, Node's agents, Perl: in this order.
    let program = r#"
target = sys.argv[1]
for head in [
    f"CONNECT {target} HTTP/1.0\n{PASSWORD}",
    f"CONNECT {target} HTTP/1.0\nHost: {target}\n{PASSWORD}",
    f"CONNECT {target} HTTP/1.1\n{PASSWORD}",
    f"CONNECT {target} HTTP/1.1\nHost: {target}\nConnection: close\n{PASSWORD}",
    f"CONNECT {target} HTTP/1.1\nHost: {target}\nConnection: TE, close\nTE: deflate,gzip;q=0.3\n{PASSWORD}",
    f"CONNECT {target} HTTP/1.1\nHost: {target}\nProxy-Connection: Keep-Alive\nContent-Length: 0\n{PASSWORD}",
    f"CONNECT {target} HTTP/1.1\nHost: other.test:1\n{PASSWORD}",
]:
    peer = proxy()
    peer.send(head.replace("\n", "\r\n") + "\r\n\r\n")
    status, headers = peer.head()
    peer = tls(peer, "localhost")
    responses = [ask(peer, f"GET /api/v4/user HTTP/1.1\nHost: {target}")["status"] for _ in range(2)]
    say({"head": head, "connect": status, "length": headers.get("content-length"), "answers": responses})
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told.len(), 7);
    for told in told {
        assert_eq!(told["connect"], 200, "{told}");
        assert_eq!(told["answers"], serde_json::json!([200, 200]), "{told}");
        // A client that took it for a body would wait for it (RFC 9110 §9.3.6).
        assert_eq!(told["length"], serde_json::Value::Null, "{told}");
    }
}

#[test]
fn a_managed_host_is_found_in_every_spelling() {
    let (world, gitlab) = Setup::unconnected();
    let base = gitlab.base_url_at("gitlab.test");
    world.connect_as("default", &gitlab, &base, 7200);
    let port = base.rsplit_once(':').unwrap().1;
    let program = r#"
for name in sys.argv[2:]:
    target = f"{name}:{sys.argv[1]}"
    peer = tls(connect(target), name.rstrip("."))
    say(ask(peer, f"GET /api/v4/user HTTP/1.1\nHost: {target}"))
"#;
    let resolve = format!("gitlab.test:{port}:127.0.0.1");
    let arguments = [port, "gitlab.test", "GitLab.TEST", "gitlab.test."];
    let told = python(
        &world,
        &["--resolve", &resolve],
        program,
        &arguments.map(str::to_owned),
    );
    assert_eq!(told.len(), 3);
    for told in told {
        assert_eq!(told["status"], 200, "{told}");
    }
}

#[test]
fn an_ipv6_target_is_taken_with_and_without_brackets() {
    let (world, gitlab) = (
        World::new(),
        FakeGitLab::builder()
            .bind(Ipv6Addr::LOCALHOST.into())
            .start(),
    );
    let port = gitlab.addr().port();
    world.connect_as("default", &gitlab, &format!("https://[::1]:{port}"), 7200);
    // httpx leaves the brackets out.
    let program = r#"
for target in [f"[::1]:{sys.argv[1]}", f"::1:{sys.argv[1]}"]:
    peer = tls(connect(target), "::1")
    say(ask(peer, f"GET /api/v4/user HTTP/1.1\nHost: [::1]:{sys.argv[1]}"))
"#;
    let told = python(&world, &[], program, &[port.to_string()]);
    assert_eq!(told.len(), 2);
    for told in told {
        assert_eq!(told["status"], 200, "{told}");
    }
}

#[test]
fn an_unmanaged_ipv6_target_is_tunnelled_with_and_without_brackets() {
    let world = World::new();
    let echo = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let port = echo.local_addr().unwrap().port();
    let echoing = thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = echo.accept().unwrap();
            let mut ping = [0; 4];
            stream.read_exact(&mut ping).unwrap();
            stream.write_all(&ping).unwrap();
        }
    });
    let program = r#"
for target in [f"[::1]:{sys.argv[1]}", f"::1:{sys.argv[1]}"]:
    peer = connect(target)
    peer.send(b"ping")
    say({"echo": peer.exactly(4).decode()})
"#;
    let told = python(&world, &[], program, &[port.to_string()]);
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|told| told["echo"] == "ping"), "{told:?}");
    echoing.join().unwrap();
}

#[test]
fn plain_http_in_a_tunnel_to_an_unmanaged_host_passes() {
    let world = World::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let serving = thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut head = [0; 18];
        stream.read_exact(&mut head).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain")
            .unwrap();
        head
    });
    // Node's fetch and ureq do so for http URLs.
    let program = r#"
peer = connect(f"127.0.0.1:{sys.argv[1]}")
say(ask(peer, "GET / HTTP/1.1"))
"#;
    let told = python(&world, &[], program, &[port.to_string()]);
    assert_eq!(told[0]["body"], "plain");
    assert_eq!(&serving.join().unwrap(), b"GET / HTTP/1.1\r\n\r\n");
}

#[test]
fn tls_1_2_and_1_3_are_spoken_with_and_without_alpn() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let program = r#"
target = sys.argv[1]
for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
    for protocols in [[], ["http/1.1"], ["h2", "http/1.1"], ["http/1.0", "http/1.1"]]:
        context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
        context.minimum_version = context.maximum_version = version
        if protocols:
            context.set_alpn_protocols(protocols)
        sock = context.wrap_socket(connect(target).sock, server_hostname="localhost")
        chosen = sock.selected_alpn_protocol()
        status = None if chosen == "h2" else ask(Peer(sock), f"GET /api/v4/user HTTP/1.1\nHost: {target}")["status"]
        say({"tls": sock.version(), "offered": protocols, "chosen": chosen, "status": status})
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told.len(), 8);
    for (index, told) in told.iter().enumerate() {
        let (chosen, status) = match index % 4 {
            0 => (serde_json::Value::Null, 200.into()),
            2 => ("h2".into(), serde_json::Value::Null),
            _ => ("http/1.1".into(), 200.into()),
        };
        assert_eq!(
            (&told["chosen"], &told["status"]),
            (&chosen, &status),
            "{told}"
        );
        let version = if index < 4 { "TLSv1.2" } else { "TLSv1.3" };
        assert_eq!(told["tls"], version, "{told}");
    }
}
