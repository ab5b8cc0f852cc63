//! Servers whose TLS is not taken.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use crate::kit::World;
use crate::kit::certificates::{Made, NAMES, refused, self_signed};

#[test]
fn a_server_of_old_is_refused_in_words_that_say_why() {
    let world = World::new();
    let made = self_signed(&world, &[NAMES]);
    let ca = world.file("ca.pem", &made.certificate);
    for (flags, words) in [
        (
            &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"][..],
            "leave out CBC",
        ),
        (
            &["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
            "RSA key exchange",
        ),
        (&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "TLS 1.2 or 1.3"),
        (&["-tls1_3", "-Verify", "1"], "client certificate"),
        (&["-tls1_2", "-Verify", "1"], "client certificate"),
    ] {
        let server = Server::start(&world, &made, flags);
        let base = format!("https://localhost:{}", server.port);
        let outcome = refused(&world, &base, Some(&ca));
        assert!(
            outcome.stderr.contains(words),
            "{flags:?}: {}",
            outcome.stderr
        );
        assert!(
            !outcome.stderr.contains("for a private CA"),
            "{flags:?}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn a_port_that_does_not_speak_tls_is_called_that() {
    let world = World::new();
    let (port, _serving) = plain_server(|_| b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    let outcome = refused(&world, &format!("https://localhost:{port}"), None);
    assert!(
        outcome.stderr.contains("does not speak TLS"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("port in --base-url"),
        "{}",
        outcome.stderr
    );
}

/// `openssl s_server` on a port of its own.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(world: &World, made: &Made, flags: &[&str]) -> Self {
        let certificate = world.file("server.pem", &made.certificate);
        let key = world.file("server.key", &made.key);
        let mut openssl = Command::new("openssl");
        openssl
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cert"])
            .arg(certificate);
        openssl.arg("-key").arg(key).args(flags);
        let mut child = openssl
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let accepts = lines
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.starts_with("ACCEPT"));
        let port = accepts
            .unwrap()
            .rsplit_once(':')
            .unwrap()
            .1
            .parse()
            .unwrap();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, port }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that answers the first bytes of each connection with these, until the test ends.
fn plain_server(response: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut first = [0; 4096];
            let length = stream.read(&mut first).unwrap_or_default();
            let _ = stream.write_all(&response(&first[..length]));
        }
    });
    (port, serving)
}
