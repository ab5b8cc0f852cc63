//! A body that is received over HTTP/2.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

use super::late::LateUpload;

/// A body that is received over HTTP/2. It ends only where its peer has marked the end: a reset,
/// with any code, and the end of the connection are errors (RFC 9113 §8.1).
#[derive(Debug)]
pub(in crate::proxy) struct ReceivedBody {
    stream: RecvStream,
    /// The bytes that are still to come, if the message has a `Content-Length`; h2 enforces it.
    left: Option<u64>,
    state: State,
    /// For an upload: what happens if it ends after its response.
    late: Option<LateUpload>,
}

/// What is read next.
///
/// ```text
/// Data ── data that ends the stream ──► Ended
///   └──── no more data ──► Trailers ── trailers, or none ──► Ended
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Data,
    Ended,
    Trailers,
}

impl ReceivedBody {
    /// The body of the message with these fields.
    pub(super) fn new(stream: RecvStream, fields: &HeaderMap) -> Self {
        let said = fields.get(CONTENT_LENGTH);
        let left = said.and_then(|value| value.to_str().ok()?.parse().ok());
        let state = if stream.is_end_stream() {
            State::Ended
        } else {
            State::Data
        };
        Self {
            stream,
            left,
            state,
            late: None,
        }
    }

    /// The same body on the server's side of a connection. `None` if it has ended already, as it
    /// cannot end late then.
    pub(super) fn of_upload(mut self, frames: &Arc<Notify>) -> (Self, Option<LateUpload>) {
        if self.state == State::Data {
            self.late = Some(LateUpload::new(frames));
        }
        let late = self.late.clone();
        (self, late)
    }

    fn end(&mut self) {
        self.state = State::Ended;
        if let Some(late) = &self.late {
            late.ended();
        }
    }
}

impl Drop for ReceivedBody {
    /// The body was read, or drained up to a limit (`drain_beside`). Its end may still be unread.
    fn drop(&mut self) {
        if let Some(late) = &self.late {
            late.left();
        }
    }
}

impl Body for ReceivedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if this.state == State::Data {
            match ready!(this.stream.poll_data(context)) {
                Some(Ok(data)) => {
                    // Released at once: a caller asks for data only when it has room for it.
                    let _ = this.stream.flow_control().release_capacity(data.len());
                    this.left = this.left.map(|left| left.saturating_sub(data.len() as u64));
                    if this.stream.is_end_stream() {
                        this.end();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(io::Error::other(error)))),
                None => this.state = State::Trailers,
            }
        }
        if this.state == State::Ended {
            return Poll::Ready(None);
        }
        let trailers = ready!(this.stream.poll_trailers(context)).map_err(io::Error::other)?;
        this.end();
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Ended
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            _ if self.state == State::Ended => SizeHint::with_exact(0),
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::default(),
        }
    }
}
