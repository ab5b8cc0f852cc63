//! A server that notes what arrives, byte for byte, and does what it is asked to by the path.

mod echo;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use authsome_test_support::Identity;
use rustls::{ServerConnection, StreamOwned};

/// What a metadata service would give out.
pub(crate) const METADATA: &str = "AccessKeyId-of-this-machine";

/// What a call that the user has allowed answers with.
pub(crate) const MINTED: &str = "glpat-MintedForTheAgent0000000";

/// A server over TLS, HTTP/1.1 alone, or in clear.
pub(crate) struct Origin {
    pub(crate) port: u16,
    arrived: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Origin {
    /// In TLS.
    pub(crate) fn secure(identity: &Identity) -> Self {
        let config = Arc::clone(&identity.config);
        Self::start(move |stream, note| {
            let Ok(connection) = ServerConnection::new(Arc::clone(&config)) else {
                return;
            };
            serve(StreamOwned::new(connection, stream), note);
        })
    }

    /// In clear.
    pub(crate) fn plain() -> Self {
        Self::start(|stream, note| serve(stream, note))
    }

    fn start(serve: impl Fn(TcpStream, &Note) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("[::]:0").expect("a free port");
        let port = listener
            .local_addr()
            .expect("a bound socket has an address")
            .port();
        let arrived = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let (all, serve) = (Arc::clone(&arrived), Arc::new(serve));
        // It ends with the tests.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let index = {
                    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                    all.push(Vec::new());
                    all.len() - 1
                };
                let note = Note {
                    all: Arc::clone(&all),
                    index,
                };
                let serve = Arc::clone(&serve);
                let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
                thread::spawn(move || serve(stream, &note));
            }
        });
        Self { port, arrived }
    }

    /// What has arrived, a connection each.
    pub(crate) fn arrived(&self) -> Vec<String> {
        let arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        arrived
            .iter()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .collect()
    }
}

/// Where the bytes of one connection are noted.
struct Note {
    all: Arc<Mutex<Vec<Vec<u8>>>>,
    index: usize,
}

impl Note {
    fn bytes(&self, bytes: &[u8]) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all[self.index].extend_from_slice(bytes);
    }
}

/// Answers each head, whatever follows it.
fn serve(mut stream: impl Read + Write, note: &Note) {
    let (mut held, mut buffer, mut answered) = (Vec::new(), [0; 16 * 1024], 0);
    loop {
        let Ok(length @ 1..) = stream.read(&mut buffer) else {
            return;
        };
        note.bytes(&buffer[..length]);
        held.extend_from_slice(&buffer[..length]);
        while let Some(end) = memchr::memmem::find(&held, b"\r\n\r\n") {
            let head: Vec<u8> = held.drain(..end + 4).collect();
            let head = String::from_utf8_lossy(&head).into_owned();
            answered += 1;
            if head.starts_with("POST /api/v4/close ") && answered > 1 {
                return; // as an idle connection that ends at that moment
            }
            let Some(response) = response_to(&head) else {
                continue; // the response comes with the body's end
            };
            if stream
                .write_all(&response)
                .and_then(|()| stream.flush())
                .is_err()
            {
                return;
            }
        }
    }
}

/// `None` for an upload, which is answered when it ends.
fn response_to(head: &str) -> Option<Vec<u8>> {
    if let Some(echo) = echo::response_to(head) {
        return Some(echo);
    }
    let line = head.lines().next().unwrap_or_default();
    if line.contains("/upgrade ") {
        return Some(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
                .into(),
        );
    }
    let is_chunked = head.contains("transfer-encoding: chunked");
    let is_upload = line.starts_with("POST /api/v4/upload ");
    if is_upload && is_chunked {
        return None;
    }
    if line.contains("/access_tokens ") {
        let body = format!("{{\"token\":\"{MINTED}\"}}");
        let head = "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: ";
        return Some(format!("{head}{}\r\n\r\n{body}", body.len()).into_bytes());
    }
    let body = if line.contains("meta-data") {
        METADATA
    } else {
        "{}"
    };
    Some(
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )
}
