//! Searches the text messages that a server sends over a WebSocket (RFC 6455).
//!
//! A message may come in several frames, and a frame in several pieces. As no extension is
//! negotiated, an intermediary may cut a message into other frames (§5.4): so each piece of text
//! that has been searched goes out as a frame of its own, whose length is known, and a control
//! frame between two of them need not wait.
//!
//! ```text
//! Head --text, or its continuation--> Text   --its last byte--> Head
//!      --any other------------------> Other  --its last byte--> Head
//!      --what is not allowed--------> an error: the connection must be closed
//! ```
//!
//! Extensions must not be negotiated: the caller takes `Sec-WebSocket-Extensions` off the request.
//! Binary messages pass as they are.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use thiserror::Error;

use super::patterns::{Fit, Patterns};
use super::stream::Scrubber;

/// The longest head of a frame that a server sends: two bytes, and a length of eight (§5.2).
const MAX_HEAD: usize = 10;

/// The first byte of a frame: whether it is its message's last one, and three bits of extensions.
const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;

/// The second byte: whether the payload is masked.
const MASK: u8 = 0x80;

/// The opcodes of data frames (§11.8).
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;

/// The first opcode of control frames.
const CONTROL: u8 = 8;

/// Why what a server sends cannot be searched further.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(in crate::proxy) enum FrameError {
    /// A bit of an extension is set, though none was negotiated (§5.2).
    #[error("a WebSocket frame has a bit of an extension that was not negotiated")]
    Extension,
    /// A frame of a server is masked (§5.1).
    #[error("a WebSocket frame of a server is masked")]
    Masked,
    /// A continuation of nothing, or a message within a message (§5.4).
    #[error("a WebSocket frame is not where it belongs")]
    Misplaced,
}

/// What a server sends, on its way through the search.
#[derive(Debug)]
pub(in crate::proxy) struct Frames {
    scrubber: Scrubber,
    /// The head of a frame, as far as it has come.
    head: Vec<u8>,
    /// What is left of the frame's payload.
    left: u64,
    payload: Payload,
    message: Message,
}

/// The payload of the frame that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Payload {
    Other,
    Text { is_last: bool },
}

/// The message that has begun, and not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    None,
    Other,
    /// Text: whether a frame of it has gone out.
    Text {
        is_sent: bool,
    },
}

impl Frames {
    /// Begins a connection.
    pub(in crate::proxy) fn new(patterns: Arc<Patterns>, fit: Fit) -> Self {
        Self {
            scrubber: Scrubber::new(patterns, fit),
            head: Vec::with_capacity(MAX_HEAD),
            left: 0,
            payload: Payload::Other,
            message: Message::None,
        }
    }

    /// Searches what follows for these secrets.
    pub(in crate::proxy) fn renew(&mut self, patterns: &Arc<Patterns>) {
        self.scrubber.renew(patterns);
    }

    /// How many secrets were replaced so far.
    pub(in crate::proxy) fn matches(&self) -> u64 {
        self.scrubber.matches()
    }

    /// The next piece of what the server sends; hands what passes to `out`.
    pub(in crate::proxy) fn push(
        &mut self,
        mut piece: Bytes,
        out: &mut impl FnMut(Bytes),
    ) -> Result<(), FrameError> {
        while !piece.is_empty() {
            if self.left > 0 {
                let length = usize::try_from(self.left).unwrap_or(usize::MAX);
                let part = piece.split_to(length.min(piece.len()));
                self.left -= part.len() as u64;
                self.part(part, out);
            } else {
                self.head.push(piece.get_u8());
                if let Some(length) = payload_length(&self.head) {
                    self.left = length;
                    self.begin(out)?;
                    self.head.clear();
                }
            }
        }
        Ok(())
    }

    /// A frame's head is there.
    fn begin(&mut self, out: &mut impl FnMut(Bytes)) -> Result<(), FrameError> {
        let [first, second, ..] = self.head[..] else {
            return Ok(());
        };
        if first & RESERVED != 0 {
            return Err(FrameError::Extension);
        }
        if second & MASK != 0 {
            return Err(FrameError::Masked);
        }
        let is_last = first & FIN != 0;
        let opcode = first & 0x0f;
        self.message = match (opcode, self.message) {
            (CONTROL.., message) => {
                self.payload = Payload::Other;
                out(Bytes::copy_from_slice(&self.head));
                self.message = message;
                return Ok(());
            }
            (CONTINUATION, Message::None) => return Err(FrameError::Misplaced),
            (CONTINUATION, message) => message,
            (TEXT, Message::None) => Message::Text { is_sent: false },
            (_, Message::None) => Message::Other,
            _ => return Err(FrameError::Misplaced),
        };
        if let Message::Text { .. } = self.message {
            self.payload = Payload::Text { is_last };
            if self.left == 0 {
                self.part(Bytes::new(), out);
            }
        } else {
            self.payload = Payload::Other;
            out(Bytes::copy_from_slice(&self.head));
            if is_last {
                self.message = Message::None;
            }
        }
        Ok(())
    }

    /// A part of a frame's payload.
    fn part(&mut self, part: Bytes, out: &mut impl FnMut(Bytes)) {
        let Payload::Text { is_last } = self.payload else {
            out(part);
            return;
        };
        let is_end = is_last && self.left == 0;
        let text = if is_end {
            self.scrubber.push_last(part)
        } else {
            self.scrubber.push(part)
        };
        // The last frame has to go out, also if it is empty.
        if text.is_none() && !is_end {
            return;
        }
        let text = text.unwrap_or_default();
        let is_sent = matches!(self.message, Message::Text { is_sent: true });
        let opcode = if is_sent { CONTINUATION } else { TEXT };
        out(head(opcode, is_end, text.len()));
        if !text.is_empty() {
            out(text);
        }
        self.message = if is_end {
            Message::None
        } else {
            Message::Text { is_sent: true }
        };
    }
}

/// The length of the payload, if the head is there to its end (§5.2).
fn payload_length(head: &[u8]) -> Option<u64> {
    let [_, second, rest @ ..] = head else {
        return None;
    };
    match second & !MASK {
        126 => rest
            .first_chunk()
            .map(|length| u64::from(u16::from_be_bytes(*length))),
        127 => rest.first_chunk().map(|length| u64::from_be_bytes(*length)),
        short => Some(u64::from(short)),
    }
}

/// The head of a frame, with its length in as few bytes as can be (§5.2).
fn head(opcode: u8, is_last: bool, length: usize) -> Bytes {
    let mut head = Vec::with_capacity(MAX_HEAD);
    head.push(if is_last { FIN | opcode } else { opcode });
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..126), _) => head.push(short),
        (_, Ok(middle)) => {
            head.push(126);
            head.extend(middle.to_be_bytes());
        }
        _ => {
            head.push(127);
            head.extend((length as u64).to_be_bytes());
        }
    }
    Bytes::from(head)
}

#[cfg(test)]
mod tests {
    use super::super::patterns::Hidden;
    use super::super::properties::Cutter;
    use super::*;

    const TOKEN: &str = "glpat-AbCdEfGhIjKlMnOpQrSt";

    fn frames(fit: Fit) -> Frames {
        let hidden = Hidden {
            secret: TOKEN.as_bytes(),
            placeholder: "authsome-proxy-managed",
        };
        Frames::new(Arc::new(Patterns::new([hidden])), fit)
    }

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let head = head(first & 0x0f, first & FIN != 0, payload.len());
        [&head, payload].concat()
    }

    fn through(frames: &mut Frames, pieces: Vec<Bytes>) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in pieces {
            frames.push(piece, &mut |bytes| out.extend(bytes)).unwrap();
        }
        out
    }

    /// The messages and control frames in a stream, as a client reads them.
    fn read(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut read = Vec::new();
        let mut message: Option<(u8, Vec<u8>)> = None;
        while !bytes.is_empty() {
            let size = (2..=bytes.len()).find(|end| payload_length(&bytes[..*end]).is_some());
            let (head, rest) = bytes.split_at(size.expect("a whole head"));
            let length = payload_length(head).unwrap().try_into().unwrap();
            let (payload, rest) = rest.split_at(length);
            bytes = rest;
            let opcode = head[0] & 0x0f;
            if opcode >= CONTROL {
                read.push((opcode, payload.to_vec()));
                continue;
            }
            let current = match (&mut message, opcode) {
                (Some(message), CONTINUATION) => message,
                (none @ None, 1..) => none.insert((opcode, Vec::new())),
                _ => panic!("a frame is misplaced"),
            };
            current.1.extend_from_slice(payload);
            if head[0] & FIN != 0 {
                read.extend(message.take());
            }
        }
        assert!(message.is_none());
        read
    }

    #[test]
    fn text_is_searched_across_frames_and_pieces() {
        let long = format!("{}{TOKEN}", "x".repeat(70_000));
        let stream = [
            frame(FIN | TEXT, TOKEN.as_bytes()),
            frame(TEXT, &TOKEN.as_bytes()[..10]),
            frame(FIN | 9, b"ping"),
            frame(CONTINUATION, b""),
            frame(FIN | CONTINUATION, &TOKEN.as_bytes()[10..]),
            frame(FIN | 2, TOKEN.as_bytes()),
            frame(FIN | TEXT, b""),
            frame(FIN | TEXT, &TOKEN.as_bytes()[..10]),
            frame(FIN | TEXT, long.as_bytes()),
            frame(FIN | 8, b"\x03\xe8"),
        ]
        .concat();
        for seed in 0..50 {
            let mut frames = frames(Fit::Exact);
            let out = through(&mut frames, Cutter(seed).pieces(&stream));
            let hidden = b"authsome-proxy-managed".to_vec();
            let expected = [
                (TEXT, hidden.clone()),
                (9, b"ping".to_vec()),
                (TEXT, hidden),
                (2, TOKEN.as_bytes().to_vec()),
                (TEXT, Vec::new()),
                (TEXT, TOKEN.as_bytes()[..10].to_vec()),
                (
                    TEXT,
                    long.replace(TOKEN, "authsome-proxy-managed").into_bytes(),
                ),
                (8, b"\x03\xe8".to_vec()),
            ];
            assert!(read(&out) == expected, "{seed}");
            assert_eq!(frames.matches(), 3);
        }
    }

    #[test]
    fn a_clean_stream_is_the_same_frames() {
        let stream = [
            frame(FIN | TEXT, b"{\"a\":1}"),
            frame(TEXT, b"one. "),
            frame(FIN | CONTINUATION, b"two. "),
            frame(FIN | 2, &[0; 300]),
        ]
        .concat();
        let whole = vec![Bytes::from(stream.clone())];
        assert_eq!(through(&mut frames(Fit::Exact), whole), stream);
    }

    #[test]
    fn what_a_server_must_not_send_is_an_error() {
        for (bytes, error) in [
            (&[FIN | 0x40 | TEXT, 0][..], FrameError::Extension),
            (&[FIN | TEXT, MASK], FrameError::Masked),
            (&[FIN | CONTINUATION, 0], FrameError::Misplaced),
            (&[TEXT, 0, FIN | TEXT, 0], FrameError::Misplaced),
        ] {
            let bytes = Bytes::copy_from_slice(bytes);
            let pushed = frames(Fit::Exact).push(bytes, &mut drop);
            assert_eq!(pushed, Err(error));
        }
    }
}
