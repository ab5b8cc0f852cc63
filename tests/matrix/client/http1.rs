//! A client of HTTP/1.1 that sends and reads at one time.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::client::TlsStream;

use super::{CONTINUE, Course, HANG, STALL, Seen, leaving, moment_to_leave, to_send};
use crate::cell::{By, Cell, ClientKind, Upload};
use crate::outcome::Got;
use crate::pattern;
use crate::server::Place;
use crate::way::Way;

type Reader = ReadHalf<TlsStream<TcpStream>>;
type Writer = WriteHalf<TlsStream<TcpStream>>;

/// Makes one request on a connection of its own.
pub(super) async fn request(place: &Place, way: &Way, index: usize) -> Got {
    let course = Course::default();
    let stream = match way.connect(&place.host, place.port, b"http/1.1").await {
        Ok(stream) => stream,
        Err(error) => return Got::failed(format!("connect: {error}")),
    };
    let (mut reader, mut writer) = tokio::io::split(stream);
    let cell = place.scene.cell;
    let goes = leaving(cell);
    {
        let leave = async {
            match goes {
                Some((leave, _)) => moment_to_leave(place, leave, &course).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = both(place, &mut reader, &mut writer, index, &course) => {}
            () = leave => {}
        }
    }
    let mut stream = reader.unsplit(writer);
    if matches!(goes, Some((_, By::Reset))) {
        let _ = stream.get_ref().0.set_zero_linger(); // it is gone already
    } else {
        let _ = tokio::time::timeout(STALL, stream.shutdown()).await; // nobody may read any more
    }
    course.got()
}

/// Both directions, until both are done or nothing moves any more.
async fn both(
    place: &Place,
    reader: &mut Reader,
    writer: &mut Writer,
    index: usize,
    course: &Course,
) {
    let (seen, mut to_come) = watch::channel(Seen::Nothing);
    let upload = upload(writer, place, index, course, &mut to_come);
    let download = download(reader, course, &seen);
    tokio::pin!(upload, download);
    let (mut is_out, mut is_in) = (None, false);
    while is_out.is_none() || !is_in {
        let limit = if is_in { STALL } else { HANG };
        tokio::select! {
            sent = &mut upload, if is_out.is_none() => is_out = Some(sent),
            read = &mut download, if !is_in => {
                is_in = true;
                if let Err(error) = read {
                    course.change(|got| got.error = Some(format!("read: {error}")));
                }
            }
            () = course.stalls(limit) => break,
        }
    }
    course.change(|got| {
        got.has_ended = got.is_whole;
        got.is_stuck = !is_in;
        if let (Some(Err(error)), false) = (is_out, got.is_whole) {
            got.error.get_or_insert_with(|| format!("write: {error}"));
        }
    });
}

async fn upload(
    writer: &mut Writer,
    place: &Place,
    index: usize,
    course: &Course,
    seen: &mut watch::Receiver<Seen>,
) -> io::Result<()> {
    let cell = place.scene.cell;
    writer
        .write_all(head(cell, &place.authority(), index).as_bytes())
        .await?;
    writer.flush().await?;
    if cell.upload == Upload::Expect {
        let waiting = seen.wait_for(|seen| *seen != Seen::Nothing);
        let waited = tokio::time::timeout(CONTINUE, waiting).await;
        if matches!(waited, Ok(Ok(seen)) if *seen == Seen::Final) {
            return Ok(());
        }
    }
    let (limit, chunked) = (to_send(cell), is_chunked(cell));
    let mut sent = 0;
    while sent < limit {
        let length = usize::try_from(limit - sent).unwrap_or(usize::MAX);
        let piece = pattern::piece(sent, length);
        if chunked {
            let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
            chunk.extend_from_slice(piece);
            chunk.extend_from_slice(b"\r\n");
            writer.write_all(&chunk).await?;
        } else {
            writer.write_all(piece).await?;
        }
        writer.flush().await?;
        sent += piece.len() as u64;
        course.change(|got| got.sent = sent);
    }
    if sent < cell.size() {
        std::future::pending::<()>().await; // until it leaves
    }
    if chunked && sent > 0 {
        writer.write_all(b"0\r\n\r\n").await?;
        writer.flush().await?;
    }
    Ok(())
}

/// Over HTTP/2 it would be a body of unknown length.
fn is_chunked(cell: Cell) -> bool {
    matches!(cell.client, ClientKind::H1Chunked | ClientKind::H2)
}

fn head(cell: Cell, authority: &str, index: usize) -> String {
    let method = if cell.upload == Upload::None {
        "GET"
    } else {
        "POST"
    };
    let mut head = format!("{method} /api/cell/{index} HTTP/1.1\r\nhost: {authority}\r\n");
    if cell.client == ClientKind::H1Close {
        head.push_str("connection: close\r\n");
    }
    if cell.upload == Upload::Expect {
        head.push_str("expect: 100-continue\r\n");
    }
    match cell.size() {
        0 => {}
        _ if is_chunked(cell) => head.push_str("transfer-encoding: chunked\r\n"),
        size => head.extend(["content-length: ", &size.to_string(), "\r\n"]),
    }
    head.push_str("\r\n");
    head
}

async fn download(
    reader: &mut Reader,
    course: &Course,
    seen: &watch::Sender<Seen>,
) -> io::Result<()> {
    let mut response = Response {
        reader,
        buffer: BytesMut::new(),
        course,
    };
    let length = loop {
        let head = response.head().await?;
        if head.status >= 200 {
            course.change(|got| {
                got.status = Some(head.status);
                got.ours = head.ours;
            });
            break head.length;
        }
        course.change(|got| got.interim.push(head.status));
        seen.send_replace(Seen::Continue);
    };
    seen.send_replace(Seen::Final);
    response.body(length).await?;
    course.change(|got| got.is_whole = true);
    Ok(())
}

struct Head {
    status: u16,
    ours: Option<String>,
    length: Length,
}

enum Length {
    Known(u64),
    Chunked,
    ToClose,
}

/// A response while it comes.
struct Response<'a> {
    reader: &'a mut Reader,
    buffer: BytesMut,
    course: &'a Course,
}

impl Response<'_> {
    /// Reads more; false at an end that was announced by `close_notify`.
    async fn more(&mut self) -> io::Result<bool> {
        self.buffer.reserve(READ);
        let read = self.reader.read_buf(&mut self.buffer).await?;
        self.course.change(|_| {});
        Ok(read > 0)
    }

    async fn need_more(&mut self) -> io::Result<()> {
        if self.more().await? {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    async fn head(&mut self) -> io::Result<Head> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; 64];
            let mut parsed = httparse::Response::new(&mut fields);
            let end = match parsed.parse(&self.buffer).map_err(io::Error::other)? {
                httparse::Status::Complete(end) => end,
                httparse::Status::Partial => {
                    self.need_more().await?;
                    continue;
                }
            };
            let field = |name: &str| {
                let found = parsed
                    .headers
                    .iter()
                    .find(|field| field.name.eq_ignore_ascii_case(name));
                found.map(|field| String::from_utf8_lossy(field.value).into_owned())
            };
            let known = field("content-length").and_then(|length| length.parse().ok());
            let head = Head {
                status: parsed.code.unwrap_or_default(),
                ours: field("authsome-error"),
                length: match known {
                    _ if field("transfer-encoding").is_some() => Length::Chunked,
                    Some(length) => Length::Known(length),
                    None => Length::ToClose,
                },
            };
            self.buffer.advance(end);
            return Ok(head);
        }
    }

    async fn body(&mut self, length: Length) -> io::Result<()> {
        match length {
            Length::Known(length) => self.take(length).await,
            Length::ToClose => loop {
                let length = self.buffer.len() as u64;
                self.take(length).await?;
                if !self.more().await? {
                    return Ok(());
                }
            },
            Length::Chunked => loop {
                let size = self.line().await?;
                let size = u64::from_str_radix(&size, 16).map_err(io::Error::other)?;
                self.take(size).await?;
                if size == 0 {
                    while !self.line().await?.is_empty() {} // trailers
                    return Ok(());
                }
                self.line().await?;
            },
        }
    }

    /// Takes so much of the body.
    async fn take(&mut self, mut length: u64) -> io::Result<()> {
        while length > 0 {
            if self.buffer.is_empty() {
                self.need_more().await?;
            }
            let taken = length.min(self.buffer.len() as u64);
            self.buffer
                .advance(usize::try_from(taken).unwrap_or_default());
            self.course.change(|got| got.bytes += taken);
            length -= taken;
        }
        Ok(())
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let line = self.buffer.split_to(at);
                self.buffer.advance(2);
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            self.need_more().await?;
        }
    }
}

/// What is read at once.
const READ: usize = 16 * 1024;
