//! HTTP/1.1, byte by byte.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::{BREATH, RESPONSE};
use crate::cell::{Framing, Leave, Story, Then, When};
use crate::outcome::End;
use crate::scene::Scene;

/// Serves one connection as the cell says.
pub(super) async fn serve(stream: TlsStream<TcpStream>, scene: &Scene) {
    let mut wire = Wire {
        stream,
        buffer: BytesMut::new(),
    };
    while let Some(request) = wire.head(scene).await {
        // How a peer ends its connection is what the cell looks at by itself.
        let Ok(Next::Request) = respond(&mut wire, scene, request).await else {
            return;
        };
    }
}

/// Whether the connection goes on.
enum Next {
    Request,
    Nothing,
}

/// A request whose head has come.
#[derive(Debug)]
struct Request {
    index: usize,
    body: Body,
    expects: bool,
}

/// What is left of a request's body.
#[derive(Debug)]
enum Body {
    Known(u64),
    /// So much of the chunk, and behind it a line's end.
    Chunk(u64),
    /// The next thing is a chunk's size.
    Size,
    Ended,
    Broken,
}

async fn respond(wire: &mut Wire, scene: &Scene, mut request: Request) -> io::Result<Next> {
    let cell = scene.cell;
    let index = request.index;
    match cell.story {
        Story::Answers(when, framing, then) => {
            if request.expects && when != When::Before {
                wire.send(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            }
            match when {
                When::Before => {}
                When::Amid => wire.read(scene, &mut request, cell.amid()).await,
                When::After => wire.read(scene, &mut request, u64::MAX).await,
            }
            wire.send(&bytes_of(cell.status(), framing, then == Then::Closes))
                .await?;
            scene.answered();
            finish(wire, scene, request, then).await
        }
        Story::Leaves(leave, _) => {
            if matches!(
                leave,
                Leave::AmidUploadUnread | Leave::Answered | Leave::AmidBoth
            ) {
                wire.read(scene, &mut request, cell.amid()).await;
            }
            match leave {
                Leave::AmidUploadUnread => scene.client_left().await,
                Leave::Answered => wire.send(&bytes_of(200, Framing::Length, false)).await?,
                Leave::AmidBoth | Leave::AmidDownload => {
                    wire.send(&bytes_of(200, Framing::Cut, false)).await?;
                }
                Leave::AmidUpload | Leave::Waiting | Leave::WaitingBehindBody => {}
            }
            wire.read(scene, &mut request, u64::MAX).await;
            if !request.body.is_broken() {
                wire.gone().await;
            }
            scene.noticed(index);
            Ok(Next::Nothing)
        }
    }
}

/// What the server does when its response is out.
async fn finish(
    wire: &mut Wire,
    scene: &Scene,
    mut request: Request,
    then: Then,
) -> io::Result<Next> {
    match then {
        Then::Unread => {
            scene.client_left().await;
            wire.read(scene, &mut request, u64::MAX).await;
            Ok(Next::Request)
        }
        Then::ReadsOn => {
            wire.read(scene, &mut request, u64::MAX).await;
            Ok(Next::Request)
        }
        Then::Closes => {
            wire.stream.shutdown().await?;
            Ok(Next::Nothing)
        }
        Then::Resets => {
            tokio::time::sleep(BREATH).await;
            wire.stream.get_ref().0.set_zero_linger()?;
            Ok(Next::Nothing)
        }
        Then::HalfCloses => {
            wire.stream.shutdown().await?;
            wire.read(scene, &mut request, u64::MAX).await;
            wire.gone().await;
            Ok(Next::Nothing)
        }
    }
}

/// A response: its head, and of its body what the framing allows.
fn bytes_of(status: u16, framing: Framing, announces: bool) -> Vec<u8> {
    let length = match framing {
        Framing::Zero => "content-length: 0\r\n".to_owned(),
        Framing::Length | Framing::Short => format!("content-length: {}\r\n", RESPONSE.len()),
        Framing::Chunked | Framing::Cut => "transfer-encoding: chunked\r\n".to_owned(),
        Framing::ToClose => String::new(),
    };
    let close = if announces {
        "connection: close\r\n"
    } else {
        ""
    };
    let mut bytes = format!("HTTP/1.1 {status} Said\r\n{length}{close}\r\n").into_bytes();
    let half = RESPONSE.get(..RESPONSE.len() / 2).unwrap_or_default();
    match framing {
        Framing::Zero => {}
        Framing::Length | Framing::ToClose => bytes.extend_from_slice(RESPONSE),
        Framing::Short => bytes.extend_from_slice(half),
        Framing::Chunked => {
            chunks(&mut bytes, RESPONSE);
            bytes.extend_from_slice(b"0\r\n\r\n");
        }
        Framing::Cut => chunks(&mut bytes, half),
    }
    bytes
}

fn chunks(into: &mut Vec<u8>, body: &[u8]) {
    for piece in body.chunks(CHUNK) {
        into.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        into.extend_from_slice(piece);
        into.extend_from_slice(b"\r\n");
    }
}

/// A connection, and what was read of it too far.
struct Wire {
    stream: TlsStream<TcpStream>,
    buffer: BytesMut,
}

impl Wire {
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Reads more; false at the end, however it comes.
    async fn more(&mut self) -> bool {
        self.buffer.reserve(READ);
        matches!(self.stream.read_buf(&mut self.buffer).await, Ok(read) if read > 0)
    }

    /// The next request's head; `None` where nothing comes that is one.
    async fn head(&mut self, scene: &Scene) -> Option<Request> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if self.buffer.len() > MAX_HEAD || !self.more().await {
                if !self.buffer.is_empty() {
                    scene.garbage(&self.buffer);
                }
                return None;
            }
        };
        let head = self.buffer.split_to(end);
        let Some(request) = Request::parse(&head) else {
            scene.garbage(&head);
            return None;
        };
        scene.arrived(request.index);
        if matches!(request.body, Body::Ended) {
            scene.ended(request.index, End::Whole);
        }
        Some(request)
    }

    /// Reads so much of the body, or to its end.
    async fn read(&mut self, scene: &Scene, request: &mut Request, mut most: u64) {
        while most > 0 && !request.body.is_over() {
            let taken = self.piece(scene, request, most).await;
            most -= taken;
            match request.body {
                Body::Ended => scene.ended(request.index, End::Whole),
                Body::Broken => scene.ended(request.index, End::Broken),
                _ => {}
            }
        }
    }

    /// Takes one piece, or a chunk's line; how much of the body that was.
    async fn piece(&mut self, scene: &Scene, request: &mut Request, most: u64) -> u64 {
        match request.body {
            Body::Known(left) | Body::Chunk(left) if left > 0 => {
                if self.buffer.is_empty() && !self.more().await {
                    request.body = Body::Broken;
                    return 0;
                }
                let taken = left.min(most).min(self.buffer.len() as u64);
                let bytes = self
                    .buffer
                    .split_to(usize::try_from(taken).unwrap_or_default());
                scene.read(request.index, &bytes);
                request.body = match request.body {
                    Body::Known(_) if taken == left => Body::Ended,
                    Body::Known(_) => Body::Known(left - taken),
                    _ => Body::Chunk(left - taken),
                };
                taken
            }
            _ => {
                let is_behind = matches!(request.body, Body::Chunk(_));
                request.body = self.chunk_line(is_behind).await.unwrap_or(Body::Broken);
                0
            }
        }
    }

    /// The line behind a chunk, or that with the size of the next.
    async fn chunk_line(&mut self, is_behind: bool) -> Option<Body> {
        let line = self.line().await?;
        if is_behind {
            return line.is_empty().then_some(Body::Size);
        }
        let size = u64::from_str_radix(std::str::from_utf8(&line).ok()?.trim(), 16).ok()?;
        if size > 0 {
            return Some(Body::Chunk(size));
        }
        while !self.line().await?.is_empty() {} // trailers
        Some(Body::Ended)
    }

    async fn line(&mut self) -> Option<BytesMut> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let line = self.buffer.split_to(at);
                self.buffer.advance(2);
                return Some(line);
            }
            if self.buffer.len() > MAX_HEAD || !self.more().await {
                return None;
            }
        }
    }

    /// Waits until the peer has gone.
    async fn gone(&mut self) {
        while self.more().await {
            self.buffer.clear();
        }
    }
}

impl Body {
    fn is_over(&self) -> bool {
        matches!(self, Self::Ended | Self::Broken)
    }

    fn is_broken(&self) -> bool {
        matches!(self, Self::Broken)
    }
}

impl Request {
    fn parse(head: &[u8]) -> Option<Self> {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Request::new(&mut fields);
        parsed
            .parse(head)
            .ok()
            .filter(httparse::Status::is_complete)?;
        let index = parsed.path?.rsplit('/').next()?.parse().ok()?;
        let field = |name: &str| {
            let found = parsed
                .headers
                .iter()
                .find(|field| field.name.eq_ignore_ascii_case(name));
            found.and_then(|field| std::str::from_utf8(field.value).ok())
        };
        let body = match field("content-length").map(str::parse) {
            _ if field("transfer-encoding").is_some() => Body::Size,
            None | Some(Ok(0)) => Body::Ended,
            Some(length) => Body::Known(length.ok()?),
        };
        Some(Self {
            index,
            body,
            expects: field("expect").is_some(),
        })
    }
}

/// A chunk of a response.
const CHUNK: usize = 4000;
/// What is read at once.
const READ: usize = 64 * 1024;
/// A head, or a line, is no longer.
const MAX_HEAD: usize = 64 * 1024;
