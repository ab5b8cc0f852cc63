//! The kinds of traffic.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::client::SendRequest;
use http::{Method, Request};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::http1::Line;
use crate::{PROJECT, Soak};

/// One kind of traffic.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// How many clients do it.
    pub(crate) at_once: usize,
    /// Between two times.
    pub(crate) pause: Duration,
    pub(crate) run: fn(Arc<Soak>) -> Work,
}

/// Whatever goes wrong is counted by its words.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// One time that it is done.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

macro_rules! kinds {
    ($($name:literal, $at_once:literal, $pause:literal: $run:ident,)*) => {
        &[$(Kind {
            name: $name,
            at_once: $at_once,
            pause: Duration::from_millis($pause),
            run: |soak| Box::pin(async move { $run(&soak).await }),
        },)*]
    };
}

pub(crate) const KINDS: &[Kind] = kinds! {
    "http/1.1, kept alive", 4, 100: kept_alive,
    "http/1.1, new connections", 2, 200: new_connection,
    "http/1.1, uploads", 1, 500: upload_http1,
    "http/1.1, clients that leave", 2, 300: leave_http1,
    "http/2, with resets", 2, 200: streams,
    "http/2, uploads", 1, 500: upload_http2,
    "http/2, clients that leave", 1, 300: leave_http2,
    "server-sent events", 2, 100: events,
    "websocket", 2, 100: websocket,
    "git", 1, 3000: git,
};

/// Fifty requests on one connection, over some seconds.
async fn kept_alive(soak: &Soak) -> Result<(), String> {
    let mut line = Line::open(soak).await?;
    for _ in 0..50 {
        line.send("GET /api/v4/user", "").await?;
        let head = line.expect(200).await?;
        line.body(&head).await?;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    Ok(())
}

async fn new_connection(soak: &Soak) -> Result<(), String> {
    let mut line = Line::open(soak).await?;
    line.send("GET /api/v4/projects", "connection: close\r\n")
        .await?;
    let head = line.expect(200).await?;
    line.body(&head).await.map(drop)
}

async fn upload_http1(soak: &Soak) -> Result<(), String> {
    let mut line = Line::open(soak).await?;
    line.send(
        "POST /api/v4/upload",
        &format!("content-length: {UPLOAD}\r\n"),
    )
    .await?;
    for _ in 0..UPLOAD / PIECE.len() {
        line.write(PIECE).await?;
    }
    let head = line.expect(200).await?;
    arrived(&line.body(&head).await?)
}

/// Of what the server counted, everything.
fn arrived(response: &[u8]) -> Result<(), String> {
    let response = String::from_utf8_lossy(response).into_owned();
    if response.contains(&UPLOAD.to_string()) {
        Ok(())
    } else {
        Err(format!("not the whole upload: {response}"))
    }
}

/// Amid an upload, amid a download, before a response.
async fn leave_http1(soak: &Soak) -> Result<(), String> {
    let mut line = Line::open(soak).await?;
    line.send(
        "POST /api/v4/upload",
        &format!("content-length: {UPLOAD}\r\n"),
    )
    .await?;
    line.write(PIECE).await?;
    drop(line);
    let mut line = Line::open(soak).await?;
    line.send("GET /api/v4/download?bytes=50000000", "").await?;
    line.expect(200).await?;
    line.more().await?;
    let _ = line.stream.get_ref().0.set_zero_linger(); // this one with a reset
    drop(line);
    let mut line = Line::open(soak).await?;
    line.send("GET /api/v4/events?count=1000&interval_ms=1000", "")
        .await?;
    let _ = line.stream.shutdown().await; // it is gone anyway
    Ok(())
}

/// An HTTP/2 connection, which ends with this value.
struct Http2 {
    client: SendRequest<Bytes>,
    base: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Http2 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Http2 {
    async fn open(soak: &Soak) -> Result<Self, String> {
        let stream = soak
            .way
            .connect("localhost", soak.gitlab.port(), b"h2")
            .await;
        let stream = stream.map_err(|error| format!("connect: {error}"))?;
        let (client, connection) = h2::client::handshake(stream)
            .await
            .map_err(|error| error.to_string())?;
        let task = tokio::spawn(async move {
            let _ = connection.await; // its streams tell how it ended
        });
        Ok(Self {
            client,
            base: soak.gitlab.base_url(),
            task,
        })
    }

    fn request(&self, method: Method, path: &str) -> Request<()> {
        let uri = format!("{}{path}", self.base);
        Request::builder()
            .method(method)
            .uri(uri)
            .body(())
            .expect("valid parts")
    }

    /// Makes a GET, and reads its response to the end, or calls it off after the first piece.
    async fn get(&self, path: &str, is_called_off: bool) -> Result<(), Failure> {
        let mut client = self.client.clone().ready().await?;
        let (response, mut stream) = client.send_request(self.request(Method::GET, path), true)?;
        let mut body = whole(response.await?)?.into_body();
        while let Some(data) = body.data().await {
            body.flow_control().release_capacity(data?.len())?;
            if is_called_off {
                stream.send_reset(Reason::CANCEL);
                return Ok(());
            }
        }
        Ok(())
    }
}

/// A response that is no 200 is an error like another.
fn whole<T>(response: http::Response<T>) -> Result<http::Response<T>, Failure> {
    if response.status() == 200 {
        return Ok(response);
    }
    let ours = response.headers().get("authsome-error");
    Err(format!("{} {ours:?}", response.status()).into())
}

/// Ten streams at one time, of which some are called off.
async fn streams(soak: &Soak) -> Result<(), String> {
    let connection = Arc::new(Http2::open(soak).await?);
    let mut streams = tokio::task::JoinSet::new();
    for number in 0..10 {
        let connection = Arc::clone(&connection);
        let is_called_off = number % 3 == 0;
        let path = if is_called_off {
            "/api/v4/download?bytes=1000000"
        } else {
            "/api/v4/user"
        };
        streams.spawn(async move { connection.get(path, is_called_off).await });
    }
    while let Some(stream) = streams.join_next().await {
        stream
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

async fn upload_http2(soak: &Soak) -> Result<(), String> {
    let connection = Http2::open(soak).await?;
    let uploading = async {
        let mut client = connection.client.clone().ready().await?;
        let request = connection.request(Method::POST, "/api/v4/upload");
        let (response, mut sender) = client.send_request(request, false)?;
        let mut left = UPLOAD;
        while left > 0 {
            sender.reserve_capacity(left.min(PIECE.len()));
            let room = std::future::poll_fn(|context| sender.poll_capacity(context)).await;
            let room = room.ok_or("the stream has been closed")??;
            let piece = PIECE.get(..room.min(left)).unwrap_or(PIECE);
            left -= piece.len();
            sender.send_data(Bytes::from_static(piece), left == 0)?;
        }
        let mut body = whole(response.await?)?.into_body();
        let mut told = Vec::new();
        while let Some(data) = body.data().await {
            told.extend_from_slice(&data?);
        }
        Ok::<_, Failure>(told)
    };
    arrived(&uploading.await.map_err(|error| error.to_string())?)
}

/// The whole connection goes, amid an upload and a download.
async fn leave_http2(soak: &Soak) -> Result<(), String> {
    let connection = Http2::open(soak).await?;
    let leaving = async {
        let mut client = connection.client.clone().ready().await?;
        let request = connection.request(Method::GET, "/api/v4/download?bytes=50000000");
        let (response, _) = client.send_request(request, true)?;
        let mut body = whole(response.await?)?.into_body();
        let _ = body.data().await;
        let mut client = client.ready().await?;
        let request = connection.request(Method::POST, "/api/v4/upload");
        let (_answer, mut sender) = client.send_request(request, false)?;
        sender.send_data(Bytes::from_static(PIECE), false)?;
        Ok::<_, Failure>(())
    };
    leaving.await.map_err(|error| error.to_string())
}

/// Over two tokens' lives or more, a response goes on; every other client leaves in the middle.
async fn events(soak: &Soak) -> Result<(), String> {
    let mut line = Line::open(soak).await?;
    line.send(
        "GET /api/v4/events?count=40&interval_ms=250",
        "connection: close\r\n",
    )
    .await?;
    let head = line.expect(200).await?;
    if soak
        .done
        .load(std::sync::atomic::Ordering::Relaxed)
        .is_multiple_of(2)
    {
        line.more().await?;
        return Ok(());
    }
    let body = line.body(&head).await?;
    let count = String::from_utf8_lossy(&body).matches("data: ").count();
    if count == 40 {
        Ok(())
    } else {
        Err(format!("{count} of 40 events"))
    }
}

/// Some messages, over some seconds, and the end of it (RFC 6455 §5.2).
async fn websocket(soak: &Soak) -> Result<(), String> {
    let mut line = Line::open(soak).await?;
    let fields = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    line.send("GET /api/v4/cable", fields).await?;
    line.expect(101).await?;
    for _ in 0..20 {
        echo(&mut line, 0x82, b"hello").await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    echo(&mut line, 0x88, &[3, 232]).await
}

/// Sends a frame, masked with zeros, and reads the same of the server.
async fn echo(line: &mut Line, first: u8, payload: &[u8]) -> Result<(), String> {
    let length = u8::try_from(payload.len()).unwrap_or_default();
    let mut frame = vec![first, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    line.write(&frame).await?;
    let expected = [&[first, length], payload].concat();
    while line.buffer.len() < expected.len() {
        line.more().await?;
    }
    let came = line.buffer.split_to(expected.len());
    if came == expected.as_slice() {
        Ok(())
    } else {
        Err(format!("{came:?} came back"))
    }
}

/// A clone, a commit, a push.
async fn git(soak: &Soak) -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let url = format!("{}/{PROJECT}.git", soak.gitlab.base_url());
    let script = r#"set -e
git clone -q "$1" clone
cd clone
head -c 200000 /dev/urandom > noise
git add noise
git -c user.name=Ada -c user.email=ada@example.test commit -q -m Noise
git push -q --force origin HEAD:refs/heads/noise"#;
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "sh", &url])
        .current_dir(directory.path())
        .kill_on_drop(true);
    command
        .env_clear()
        .env("HOME", soak.world.path(""))
        .env("GIT_CONFIG_NOSYSTEM", "1");
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    if let Some(proxy) = &soak.way.proxy {
        command.env("HTTPS_PROXY", proxy.as_str());
    }
    command
        .env("GIT_SSL_CAINFO", &soak.way.trust)
        .env("GIT_TERMINAL_PROMPT", "0");
    // What `run` gives its child in the same way: a password that is no password.
    let credential = [
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "credential.helper"),
        ("GIT_CONFIG_VALUE_0", ""),
    ];
    let output = command
        .envs(credential)
        .output()
        .await
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Bytes of an upload, sent in pieces.
const UPLOAD: usize = 5 * 1024 * 1024;
const PIECE: &[u8] = &[b'x'; 16 * 1024];
