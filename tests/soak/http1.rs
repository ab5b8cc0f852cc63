//! A connection of HTTP/1.1: one request after the other, and what else goes over it.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::Soak;

/// It ends with this value.
pub(crate) struct Line {
    pub(crate) stream: TlsStream<TcpStream>,
    pub(crate) buffer: BytesMut,
    host: String,
}

/// A response's head.
pub(crate) struct Head {
    pub(crate) status: u16,
    length: Option<u64>,
    text: String,
}

impl Line {
    pub(crate) async fn open(soak: &Soak) -> Result<Self, String> {
        let port = soak.gitlab.port();
        let stream = soak.way.connect("localhost", port, b"http/1.1").await;
        let stream = stream.map_err(|error| format!("connect: {error}"))?;
        Ok(Self {
            stream,
            buffer: BytesMut::new(),
            host: format!("localhost:{port}"),
        })
    }

    /// Sends a head: method and path, and further fields.
    pub(crate) async fn send(&mut self, target: &str, fields: &str) -> Result<(), String> {
        let head = format!("{target} HTTP/1.1\r\nhost: {}\r\n{fields}\r\n", self.host);
        self.write(head.as_bytes()).await
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        written.await.map_err(|error| format!("write: {error}"))
    }

    /// Reads more of what comes.
    pub(crate) async fn more(&mut self) -> Result<(), String> {
        let read = self.stream.read_buf(&mut self.buffer).await;
        match read {
            Ok(0) => Err(format!("read: {}", io::ErrorKind::UnexpectedEof)),
            Ok(_) => Ok(()),
            Err(error) => Err(format!("read: {error}")),
        }
    }

    pub(crate) async fn head(&mut self) -> Result<Head, String> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        let head = self.buffer.split_to(end);
        let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let status = text
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        Ok(Head {
            status: status.unwrap_or_default(),
            length,
            text,
        })
    }

    /// Reads a response's head, which must have that status.
    pub(crate) async fn expect(&mut self, status: u16) -> Result<Head, String> {
        let head = self.head().await?;
        if head.status == status {
            return Ok(head);
        }
        let line = head.text.lines().next().unwrap_or_default();
        let ours = head
            .text
            .lines()
            .find(|line| line.starts_with("authsome-error"));
        Err(format!("{line} {}", ours.unwrap_or_default()))
    }

    /// Reads a response's body.
    pub(crate) async fn body(&mut self, head: &Head) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        if let Some(length) = head.length {
            self.take(length, &mut body).await?;
            return Ok(body);
        }
        loop {
            let size = self.line().await?;
            let size =
                u64::from_str_radix(&size, 16).map_err(|_| format!("a chunk of size {size:?}"))?;
            self.take(size, &mut body).await?;
            self.line().await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn take(&mut self, mut length: u64, body: &mut Vec<u8>) -> Result<(), String> {
        while length > 0 {
            if self.buffer.is_empty() {
                self.more().await?;
            }
            let taken = usize::try_from(length)
                .unwrap_or(usize::MAX)
                .min(self.buffer.len());
            body.extend_from_slice(&self.buffer.split_to(taken));
            length -= taken as u64;
        }
        Ok(())
    }

    async fn line(&mut self) -> Result<String, String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let line = self.buffer.split_to(at);
                self.buffer.advance(2);
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            self.more().await?;
        }
    }
}
