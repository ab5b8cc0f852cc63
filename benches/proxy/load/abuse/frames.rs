//! HTTP/2 by hand: no client library sends what an abuser sends.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};

use super::super::dial::{Dialer, Resumption, Stream};
use super::tally::{Outcome, Tally};
use crate::failure::Failure;
use crate::wire::Protocol;

/// Frame types (RFC 9113 §6).
pub(super) const HEADERS: u8 = 0x1;
pub(super) const RST_STREAM: u8 = 0x3;
pub(super) const SETTINGS: u8 = 0x4;
pub(super) const GOAWAY: u8 = 0x7;
pub(super) const WINDOW_UPDATE: u8 = 0x8;
pub(super) const CONTINUATION: u8 = 0x9;

/// Flags.
pub(super) const END_STREAM: u8 = 0x1;
pub(super) const ACK: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;

/// The reason of a client that has lost its interest.
pub(super) const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// The largest frame that every server takes.
pub(super) const MAX_FRAME: usize = 16 * 1024;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const INITIAL_WINDOW_SIZE: u16 = 0x4;

/// `:status 200` in the static table, indexed.
const STATUS_200: u8 = 0x88;

/// The two halves of a connection.
pub(super) struct Connection {
    pub(super) reader: Reader<ReadHalf<Stream>>,
    pub(super) writer: WriteHalf<Stream>,
}

/// Reads frames.
pub(super) struct Reader<R> {
    stream: R,
    payload: Vec<u8>,
}

/// What came.
pub(super) struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) payload: &'a [u8],
}

impl Connection {
    /// A connection whose settings are exchanged; each of its streams may be sent that many bytes
    /// at first.
    pub(super) async fn open(dialer: &Dialer, window: u32) -> Result<Self, Failure> {
        let stream = dialer.tls(Protocol::Http2, Resumption::Off).await?;
        let (reader, mut writer) = split(stream);
        let mut reader = Reader {
            stream: reader,
            payload: Vec::new(),
        };
        let mut setting = INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
        setting.extend(window.to_be_bytes());
        let mut out = PREFACE.to_vec();
        frame(&mut out, SETTINGS, 0, 0, &setting);
        send(&mut writer, &out).await?;
        loop {
            let came = reader.next().await?;
            if came.kind == SETTINGS && came.flags & ACK == 0 {
                break;
            }
        }
        out.clear();
        frame(&mut out, SETTINGS, ACK, 0, &[]);
        send(&mut writer, &out).await?;
        Ok(Self { reader, writer })
    }
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) async fn next(&mut self) -> io::Result<Frame<'_>> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        self.payload.resize(length, 0);
        self.stream.read_exact(&mut self.payload).await?;
        Ok(Frame {
            kind: head[3],
            flags: head[4],
            payload: &self.payload,
        })
    }

    /// Counts responses and refusals until the connection ends.
    pub(super) async fn count(mut self, tally: &Tally) {
        while let Ok(frame) = self.next().await {
            if let Some(outcome) = frame.outcome() {
                tally.count(outcome);
            }
            if frame.kind == GOAWAY {
                return;
            }
        }
        tally.count(Outcome::Broken);
    }
}

impl Frame<'_> {
    /// What it says of an attempt, if anything.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        match self.kind {
            HEADERS if self.payload.first() == Some(&STATUS_200) => Some(Outcome::Served),
            HEADERS | RST_STREAM | GOAWAY => Some(Outcome::Refused),
            _ => None,
        }
    }
}

pub(super) async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Appends a frame.
pub(super) fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// The block of a GET's headers, without anything that the next one would need (RFC 7541 §6.2.2).
pub(super) fn get(dialer: &Dialer, bytes: u64) -> Vec<u8> {
    let url = dialer.url(bytes);
    let rest = url.strip_prefix("https://").unwrap_or(&url);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut block = vec![0x82, 0x87]; // :method GET, :scheme https
    block.push(0x01); // :authority
    string(&mut block, authority.as_bytes());
    block.push(0x04); // :path
    string(&mut block, path.as_bytes());
    literal(
        &mut block,
        b"authorization",
        format!("Bearer {}", dialer.token()).as_bytes(),
    );
    block
}

/// A header that is not put into the table.
pub(super) fn literal(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.push(0x00);
    string(block, name);
    string(block, value);
}

/// A header that is put into the table, where 0xbe is it then.
pub(super) fn indexed_literal(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.push(0x40);
    string(block, name);
    string(block, value);
}

/// A string as it is (RFC 7541 §5.2).
fn string(block: &mut Vec<u8>, text: &[u8]) {
    const FULL: usize = 0x7f;
    let mut length = text.len();
    if length < FULL {
        block.extend(u8::try_from(length));
    } else {
        block.push(0x7f);
        length -= FULL;
        while length >= 0x80 {
            block.extend(u8::try_from(length % 0x80 + 0x80));
            length /= 0x80;
        }
        block.extend(u8::try_from(length));
    }
    block.extend_from_slice(text);
}
