//! A minimal HTTP/1.1 client: its own cost must not hide that of the proxy.

use std::io::{self, ErrorKind};
use std::str;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Large enough for a head and a TLS record behind it, and for long bodies at few calls.
const BUFFER: usize = 64 * 1024;

/// One connection.
pub(super) struct Http1<S> {
    pub(super) stream: S,
    buffer: Vec<u8>,
    filled: usize,
}

/// What is known of a response when its head is there.
struct Head {
    /// Where in the buffer the body starts.
    body: usize,
    length: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Http1<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: vec![0; BUFFER],
            filled: 0,
        }
    }

    /// Sends a request and reads the whole response, which must be a 200.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> io::Result<()> {
        self.send(request).await?;
        self.read_response().await
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    pub(super) async fn read_response(&mut self) -> io::Result<()> {
        let head = self.head().await?;
        let mut left = head.length;
        let mut ready = self.filled - head.body;
        while left > ready as u64 {
            left -= ready as u64;
            ready = self.stream.read(&mut self.buffer).await?;
            if ready == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        self.filled = 0; // nothing was asked for beyond this response
        Ok(())
    }

    /// Reads a 200 until the connection is closed. Says whether `needle` stands in it, as far as it
    /// is not cut by the framing.
    pub(super) async fn read_to_close(&mut self, needle: &[u8]) -> io::Result<bool> {
        let body = self.head_end().await?;
        let mut seen = self.buffer[body..self.filled].to_vec();
        let finder = memchr::memmem::Finder::new(needle);
        let mut is_found = false;
        loop {
            is_found = is_found || finder.find(&seen).is_some();
            let end = seen.len().saturating_sub(needle.len());
            seen.drain(..end);
            match self.stream.read(&mut self.buffer).await {
                Ok(0) => return Ok(is_found),
                Ok(length) => seen.extend_from_slice(&self.buffer[..length]),
                // Ends of TLS that are not said are told apart by who counts the bytes.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(is_found),
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads a head and hands on what came behind it, then whatever else comes, until `take` has
    /// enough.
    pub(super) async fn stream_to(
        &mut self,
        mut take: impl FnMut(&[u8]) -> bool,
    ) -> io::Result<()> {
        let body = self.head_end().await?;
        let mut more = take(&self.buffer[body..self.filled]);
        while more {
            let read = self.stream.read(&mut self.buffer).await?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            more = take(&self.buffer[..read]);
        }
        Ok(())
    }

    async fn head(&mut self) -> io::Result<Head> {
        let body = self.head_end().await?;
        let length = content_length(&self.buffer[..body]);
        Ok(Head {
            body,
            length: length.ok_or_else(|| invalid("no Content-Length"))?,
        })
    }

    /// Where the head of a 200 ends.
    async fn head_end(&mut self) -> io::Result<usize> {
        self.filled = 0;
        loop {
            if let Some(end) = memchr::memmem::find(&self.buffer[..self.filled], b"\r\n\r\n") {
                return match self.buffer.get(9..12) {
                    Some(b"200") => Ok(end + 4),
                    _ => Err(invalid(&String::from_utf8_lossy(&self.buffer[..end]))),
                };
            }
            let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.filled += read;
        }
    }
}

fn content_length(head: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"content-length:";
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = lines
        .find(|line| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME))?;
    str::from_utf8(&line[NAME.len()..])
        .ok()?
        .trim()
        .parse()
        .ok()
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
