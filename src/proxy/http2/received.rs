//! A body that comes by HTTP/2.

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

/// A body that comes by HTTP/2. Its end is the one that its peer has marked: a reset, with
/// whichever code, and the end of the connection are errors (RFC 9113 §8.1).
#[derive(Debug)]
pub(in crate::proxy) struct ReceivedBody {
    stream: RecvStream,
    /// The bytes that are still to come, where that was said; h2 holds the peer to it.
    left: Option<u64>,
    state: State,
    /// Of an upload: what it does at its end.
    late: Option<LateUpload>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Data,
    Ended,
    Trailers,
}

impl ReceivedBody {
    /// The body behind these fields.
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

    /// The same, for the server's side of a connection; nothing where the body has ended already.
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
    /// Whoever had it has read it, or has drained it as far as it is worth (`body.rs`): its end may
    /// lie unread behind that.
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
                    // Whoever takes it has room for it: what they have no room for they do not ask
                    // for.
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
