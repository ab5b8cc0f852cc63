//! A `WebSocket` ends on both sides.

use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::mpsc;

use authsome_test_support::Arrived;

use crate::kit::client::{LONG, PYTHON, authority, python};
use crate::kit::servers::{Scripted, connect_elsewhere, read_head};
use crate::kit::{Setup, World};

/// The response to a WebSocket handshake.
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

#[test]
fn a_websocket_echoes_and_closes() {
    let Setup {
        world,
        gitlab,
        pair,
        ..
    } = Setup::connected();
    let program = r#"
peer, response = websocket(sys.argv[1])
say(response)
for opcode, payload in [(1, b"hello"), (2, bytes(range(256)) * 300), (2, b"")]:
    peer.send(frame(opcode, payload))
    say({"same": read_frame(peer) == (opcode, payload)})
peer.send(frame(9, b"ping"))
say({"same": read_frame(peer) == (10, b"ping")})
peer.send(frame(8, struct.pack("!H", 1000)))
say({"same": read_frame(peer) == (8, struct.pack("!H", 1000))})
say({"same": peer.ended()})
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told[0]["status"], 101, "{}", told[0]);
    assert_eq!(
        told[0]["headers"]["sec-websocket-accept"],
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    assert_eq!(told.len(), 7);
    assert!(
        told[1..].iter().all(|line| line["same"] == true),
        "{told:?}"
    );
    assert_eq!(
        gitlab.seen()[0].credential,
        Arrived::Bearer { token: pair.access }
    );
}

#[test]
fn a_websocket_ends_for_the_provider_when_the_client_leaves() {
    let world = World::new();
    let (tell, ended) = mpsc::channel();
    let upstream = Scripted::start(move |stream| {
        read_head(stream);
        stream.write_all(SWITCHING).unwrap();
        stream.flush().unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest); // how it ends does not matter, that it ends does
        tell.send(rest).unwrap();
    });
    connect_elsewhere(&world, &upstream.base_url(), Some(&upstream.ca_pem));
    let program = r#"
peer, response = websocket(sys.argv[1])
peer.send(frame(1, b"last words"))
peer.sock.close()
say(response)
sys.stdin.readline()
"#;
    let script = world.file("child.py", &format!("{PYTHON}{program}"));
    let mut command = world.authsome(["run", "--", "python3"]);
    command.arg(script).arg(upstream.authority());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The child lives on, so it is not the session's end that closes the connection.
    let rest = ended
        .recv_timeout(LONG)
        .expect("the provider's side stays open");
    assert_eq!(rest.len(), "last words".len() + 6);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_websocket_ends_for_the_client_when_the_provider_leaves() {
    let world = World::new();
    let upstream = Scripted::start(|stream| {
        read_head(stream);
        stream.write_all(SWITCHING).unwrap();
        stream.write_all(b"\x81\x03bye").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    });
    connect_elsewhere(&world, &upstream.base_url(), Some(&upstream.ca_pem));
    let program = r#"
peer, response = websocket(sys.argv[1])
say({"frame": read_frame(peer)[1].decode(), "ended": peer.ended()})
"#;
    let told = python(&world, &[], program, &[upstream.authority()]);
    assert_eq!(
        (&told[0]["frame"], &told[0]["ended"]),
        (&"bye".into(), &true.into())
    );
}
