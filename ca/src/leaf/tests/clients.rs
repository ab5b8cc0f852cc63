//! The certificate profile, tested by whole handshakes with independent clients. Each client
//! accepts a leaf for a permitted host, and each except Java rejects a leaf of the same root for a
//! host outside its name constraints.
//!
//! A client that this machine does not have is skipped, and its name is printed.

use std::fs;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::SingleCertAndKey;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::TrustBundle;

/// The body of the server's response, which a client prints if it has accepted the certificate.
const ACCEPTED: &str = "accepted by this client";

/// A server that presents one leaf. The directory has the files that clients trust: `ca.pem` and
/// `roots.jks`.
struct Rig {
    dir: TempDir,
    host: &'static str,
    port: u16,
}

impl Rig {
    /// The leaf is for `host`; the root permits only `permitted`.
    fn start(host: &'static str, permitted: &str) -> Self {
        let cache = cache_for(&[PermittedHost::Domain(permitted.to_owned())]);
        let leaf = cache.ca.sign_leaf(&name(host), &cache.key).unwrap();
        let chain = vec![leaf, cache.ca.certificate_der().clone()];
        let key = CertifiedKey::new(chain, cache.key.clone());
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::new(key))));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = Arc::new(config);
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                thread::spawn(move || answer(StreamOwned::new(connection, socket)));
            }
        });
        let dir = TempDir::new().unwrap();
        put(&dir.path().join("ca.pem"), cache.ca_pem());
        let roots = TrustBundle::default();
        let begin = roots.java_key_store_begin();
        let rest = roots.java_key_store_rest(cache.ca_pem());
        File::create(dir.path().join("roots.jks"))
            .and_then(|mut file| file.write_all(&[begin, &rest].concat()))
            .unwrap();
        Self { dir, host, port }
    }

    /// Whether the client accepted the certificate. If not, its output must mention certificates,
    /// because otherwise it failed for another reason.
    fn accepted(&self, client: &Client) -> bool {
        let port = self.port.to_string();
        let fill = |word: &&str| word.replace("{host}", self.host).replace("{port}", &port);
        let mut command = Command::new(&client.program);
        command
            .args(client.command.iter().map(fill))
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR")
            .env_remove("NODE_EXTRA_CA_CERTS")
            .stdin(std::process::Stdio::null());
        for (file, content) in &client.files {
            put(&self.dir.path().join(file), content);
        }
        for prepare in &client.prepare {
            tool(self.dir.path(), prepare[0], &prepare[1..]);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let accepted = said.contains(client.accepts);
        let refused = ["ertificate", "CERT_", "permitted subtree"]
            .iter()
            .any(|word| said.contains(word));
        assert!(accepted || refused, "{}: {said}", client.name);
        accepted
    }
}

/// Responds to any request. A client that rejects the certificate ends the handshake before that.
fn answer(mut stream: StreamOwned<ServerConnection, std::net::TcpStream>) {
    let mut request = [0; 4096];
    if !matches!(stream.read(&mut request), Ok(length) if length > 0) {
        return;
    }
    let length = ACCEPTED.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close";
    let _ = write!(
        stream,
        "{head}\r\nContent-Length: {length}\r\n\r\n{ACCEPTED}"
    );
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

struct Client {
    name: &'static str,
    program: PathBuf,
    command: Vec<&'static str>,
    /// What the client prints when it has accepted the certificate.
    accepts: &'static str,
    files: Vec<(&'static str, &'static str)>,
    prepare: Vec<Vec<&'static str>>,
}

const PYTHON: &str = "
import socket, ssl, sys
context = ssl.create_default_context(cafile='ca.pem')
assert sys.version_info < (3, 13) or context.verify_flags & ssl.VERIFY_X509_STRICT
context.verify_flags |= ssl.VERIFY_X509_STRICT
with socket.create_connection(('127.0.0.1', int(sys.argv[2])), timeout=60) as plain:
    with context.wrap_socket(plain, server_hostname=sys.argv[1]) as secured:
        secured.sendall(b'GET / HTTP/1.1\\r\\n\\r\\n')
        while data := secured.recv(4096):
            print(data.decode())
";

const NODE: &str = "
const [host, port] = process.argv.slice(1);
const ca = require('fs').readFileSync('ca.pem');
const socket = require('tls').connect({host: '127.0.0.1', port: +port, servername: host, ca}, () => socket.write('GET / HTTP/1.1\\r\\n\\r\\n'));
socket.on('data', data => console.log(String(data)));
";

const GO: &str = r#"
package main

import ("crypto/tls"; "crypto/x509"; "fmt"; "io"; "os")

func main() {
	pem, _ := os.ReadFile("ca.pem")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	connection, err := tls.Dial("tcp", "127.0.0.1:"+os.Args[2], &tls.Config{ServerName: os.Args[1], RootCAs: roots})
	if err != nil { fmt.Println(err); os.Exit(1) }
	fmt.Fprint(connection, "GET / HTTP/1.1\r\n\r\n")
	body, _ := io.ReadAll(connection)
	fmt.Println(string(body))
}
"#;

const JAVA: &str = r#"
import java.net.Socket;
import javax.net.ssl.*;

class Client {
    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[1]);
        SSLSocketFactory factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
        SSLSocket socket = (SSLSocket) factory.createSocket(new Socket("127.0.0.1", port), arguments[0], port, true);
        SSLParameters parameters = socket.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        socket.setSSLParameters(parameters);
        socket.getOutputStream().write("GET / HTTP/1.1\r\n\r\n".getBytes());
        System.out.println(new String(socket.getInputStream().readAllBytes()));
    }
}
"#;

fn client(name: &'static str, program: &str, command: &[&'static str]) -> Option<Client> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|path| path.is_file());
    if found.is_none() {
        print_skipped(name);
    }
    Some(Client {
        name,
        program: found?,
        command: command.to_vec(),
        accepts: ACCEPTED,
        files: Vec::new(),
        prepare: Vec::new(),
    })
}

fn print_skipped(name: &str) {
    // Written directly to stderr, because libtest does not show the captured output of a passing
    // test.
    let _ = writeln!(std::io::stderr(), "skipped: {name} is not on this machine");
}

/// The Python version with the strictest default verifier.
fn python_313() -> Option<Client> {
    let home = std::env::var_os("HOME").map(PathBuf::from)?;
    let versions = fs::read_dir(home.join(".pyenv/versions")).ok().into_iter();
    let own = versions
        .flat_map(Iterator::flatten)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("3.13"))
        .map(|entry| entry.path().join("bin/python3"))
        .find(|path| path.is_file());
    let command = ["-c", PYTHON, "{host}", "{port}"];
    match own {
        Some(program) => Some(Client {
            program,
            ..client("Python 3.13", "sh", &command)?
        }),
        None => client("Python 3.13", "python3.13", &command),
    }
}

fn clients() -> Vec<Client> {
    let url = "https://{host}:{port}/";
    let gnutls = [
        "--x509cafile=ca.pem",
        "--port={port}",
        "--sni-hostname={host}",
        "--verify-hostname={host}",
        "127.0.0.1",
    ];
    let all = [
        client("Python", "python3", &["-c", PYTHON, "{host}", "{port}"]),
        python_313(),
        client("Node", "node", &["-e", NODE, "{host}", "{port}"]),
        client(
            "curl",
            "curl",
            &[
                "-sS",
                "--cacert",
                "ca.pem",
                "--resolve",
                "{host}:{port}:127.0.0.1",
                url,
            ],
        ),
        client("Go", "go", &["run", "client.go", "{host}", "{port}"]).map(|go| Client {
            files: vec![("client.go", GO)],
            ..go
        }),
        // Its standard input is empty, so it ends after the handshake.
        client("GnuTLS", "gnutls-cli", &gnutls).map(|gnutls| Client {
            accepts: "The certificate is trusted.",
            ..gnutls
        }),
        chromium(url),
    ];
    all.into_iter().flatten().collect()
}

/// Chromium takes roots only from the user's NSS database.
fn chromium(url: &'static str) -> Option<Client> {
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--user-data-dir=profile",
        "--no-proxy-server",
        "--host-resolver-rules=MAP * 127.0.0.1",
        "--enable-logging=stderr",
        "--dump-dom",
        url,
    ];
    client("certutil, for Chromium", "certutil", &[])?;
    let database = "sql:.pki/nssdb";
    Some(Client {
        prepare: vec![
            vec!["mkdir", "-p", ".pki/nssdb"],
            vec!["certutil", "-N", "--empty-password", "-d", database],
            vec![
                "certutil", "-A", "-d", database, "-n", "authsome", "-t", "C,,", "-i", "ca.pem",
            ],
        ],
        ..client("Chromium", "chromium", &arguments)?
    })
}

#[test]
fn each_takes_a_permitted_host_and_refuses_another() {
    for client in clients() {
        let permitted = Rig::start("api.example.com", "example.com");
        assert!(
            permitted.accepted(&client),
            "{} refuses a good leaf",
            client.name
        );
        let violating = Rig::start("api.example.org", "example.com");
        assert!(
            !violating.accepted(&client),
            "{} takes any leaf",
            client.name
        );
    }
}

/// Java treats the roots of a trust store as trust anchors and does not check their name
/// constraints (RFC 5280 §6.2 allows this).
#[test]
fn java_reads_the_key_store_and_takes_what_its_root_signed() {
    let options = [
        "-Djavax.net.ssl.trustStore=roots.jks",
        "-Djavax.net.ssl.trustStoreType=JKS",
    ];
    let words = [options[0], options[1], "Client.java", "{host}", "{port}"];
    let Some(java) = client("Java", "java", &words) else {
        return;
    };
    let java = Client {
        files: vec![("Client.java", JAVA)],
        ..java
    };
    assert!(Rig::start("api.example.com", "example.com").accepted(&java));
    let violating = Rig::start("api.example.org", "example.com");
    assert!(
        violating.accepted(&java),
        "Java has learned: say so in SECURITY.md"
    );
}
