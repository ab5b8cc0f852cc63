//! Nobody reaches a login of the user's through the proxy: there, a client would count as the user.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;

use authsome_test_support::kit::port_7998;

use super::{Proxy, script};
use crate::kit::Setup;
use crate::kit::client::LONG;

#[test]
fn no_name_leads_to_the_port_of_a_login() {
    let Setup { world, .. } = Setup::connected();
    let _port = port_7998();
    // The login itself, and another service of this machine at that port.
    let listeners = ["127.0.0.1:7998", "127.0.0.2:7998"].map(|place| {
        let listener = TcpListener::bind(place).unwrap();
        listener.set_nonblocking(true).unwrap();
        listener
    });
    let file = world.path("agent.env").display().to_string();
    let socket = world.path("proxy.sock").display().to_string();
    let proxy = Proxy::start(
        &world,
        &[
            "--env-file",
            &file,
            "--socket",
            &socket,
            "--resolve",
            "one.test:7998:127.0.0.1",
            "--resolve",
            "two.test:7998:127.0.0.2",
        ],
    );
    for host in [
        "127.0.0.1",
        "127.0.0.2",
        "localhost",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "one.test",
        "two.test",
    ] {
        let place = format!("{host}:7998");
        let tunnel =
            format!("curl -sS -m 5 -p --noproxy '' -x \"$HTTPS_PROXY\" http://{place}/ || true");
        let plain =
            format!("curl -sS -m 5 --noproxy '' -x \"$HTTPS_PROXY\" http://{place}/ || true");
        for command in [tunnel, plain] {
            script(&world, &file, &command).expect(0);
        }
        for request in [
            format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n"),
            format!("GET http://{place}/ HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n"),
        ] {
            let mut stream = UnixStream::connect(&socket).unwrap();
            stream.set_read_timeout(Some(LONG)).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut status = [0; 12];
            stream.read_exact(&mut status).unwrap();
            let status = std::str::from_utf8(&status[9..]).unwrap().to_owned();
            assert!(["403", "502"].contains(&&*status), "{request}: {status}");
        }
        for listener in &listeners {
            assert!(listener.accept().is_err(), "{host} leads there");
        }
    }
    proxy.end().expect(0);
}
