//! Bodies, which stream both ways and are never held whole.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::http1::{self, AnswerBody};
use super::intercept::ClientStream;
use super::limits::{DRAIN_TIMEOUT, LARGEST_DRAIN, LARGEST_HELD_BODY};
use super::placeholder::{Scanner, find_in_headers};
use super::record::Entry;

/// An answer's body on its way to the client.
#[derive(Debug)]
pub(super) enum ResponseBody {
    /// Of our own making.
    Whole(Option<Bytes>),
    /// For tests of whoever sends it.
    #[cfg(test)]
    Frames(VecDeque<Frame<Bytes>>),
    /// The provider's, with what was already read of it.
    Streamed {
        /// Read to look at it.
        head: Option<Bytes>,
        /// Still to come.
        rest: UpstreamBody,
        /// Bytes that have passed.
        bytes: u64,
        /// The request's line in the log.
        entry: Entry,
    },
}

/// A client's body.
#[derive(Debug)]
pub(super) enum ClientBody {
    /// Of an intercepted connection that speaks HTTP/1.1.
    Http1(http1::ClientBody<ClientStream>),
    /// By hyper: HTTP/2, and requests to the proxy itself.
    Hyper(Incoming),
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Http1(body) => Pin::new(body).poll_frame(context),
            Self::Hyper(body) => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Hyper(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Hyper(body) => body.size_hint(),
        }
    }
}

/// A provider's body.
#[derive(Debug)]
pub(super) enum UpstreamBody {
    /// By HTTP/1.1.
    Http1(AnswerBody),
    /// By HTTP/2.
    Http2(Incoming),
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Http1(body) => Pin::new(body).poll_frame(context),
            Self::Http2(body) => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
        }
    }
}

impl ResponseBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }

    /// A provider's, of these frames.
    #[cfg(test)]
    pub(super) fn of_frames(frames: impl Iterator<Item = Frame<Bytes>>) -> Self {
        Self::Frames(frames.collect())
    }

    pub(super) fn streamed(head: Option<Bytes>, rest: UpstreamBody, entry: Entry) -> Self {
        Self::Streamed {
            head: head.filter(|head| !head.is_empty()),
            rest,
            bytes: 0,
            entry,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            #[cfg(test)]
            Self::Frames(frames) => Poll::Ready(frames.pop_front().map(Ok)),
            Self::Streamed {
                head,
                rest,
                bytes,
                entry,
            } => {
                let frame = match head.take() {
                    Some(head) => Some(Ok(Frame::data(head))),
                    None => ready!(Pin::new(rest).poll_frame(context)),
                };
                match &frame {
                    Some(Ok(frame)) => {
                        *bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                    }
                    Some(Err(_)) | None => entry.finish(*bytes),
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            #[cfg(test)]
            Self::Frames(frames) => frames.is_empty(),
            Self::Streamed { head, rest, .. } => head.is_none() && rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            #[cfg(test)]
            Self::Frames(_) => SizeHint::default(),
            Self::Streamed {
                head: None, rest, ..
            } => rest.size_hint(),
            Self::Streamed {
                head: Some(head),
                rest,
                ..
            } => {
                let mut hint = rest.size_hint();
                let head = head.len() as u64;
                if let Some(upper) = hint.upper() {
                    hint.set_upper(upper.saturating_add(head));
                }
                hint.set_lower(hint.lower().saturating_add(head));
                hint
            }
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if let Self::Streamed { bytes, entry, .. } = self {
            entry.finish(*bytes); // the client may have left, or a body of known length needs no last poll
        }
    }
}

/// What is known of a request's body while it goes out.
#[derive(Debug, Default)]
pub(super) struct Passage {
    /// Pieces that have gone by, so that a wait for the answer starts when the last one has.
    pub(super) pieces: AtomicU64,
    /// The placeholder was found: the request was broken off.
    pub(super) placeholder: AtomicBool,
    /// The client waits for 100 before it sends the body.
    expects: bool,
    held: Mutex<Held>,
}

/// A small body, kept for a repetition.
#[derive(Debug, Default)]
struct Held {
    pieces: VecDeque<Bytes>,
    /// Small pieces behind those, as a copy: a part of a buffer keeps the whole of it, and a body may come a byte at a time.
    crumbs: Vec<u8>,
    size: usize,
    state: HeldState,
    trailers: Option<HeaderMap>,
}

/// A piece of this size is worth its buffer, in bytes.
const SMALLEST_SHARED: usize = 2 * 1024;

impl Held {
    fn push(&mut self, data: &Bytes) {
        if data.len() < SMALLEST_SHARED {
            self.crumbs.extend_from_slice(data);
        } else {
            self.gather();
            self.pieces.push_back(data.clone());
        }
    }

    fn gather(&mut self) {
        if !self.crumbs.is_empty() {
            self.pieces
                .push_back(std::mem::take(&mut self.crumbs).into());
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum HeldState {
    /// The whole body is here.
    Complete,
    /// More may come.
    #[default]
    Filling,
    /// It was too large, or broke off.
    Lost,
}

impl Passage {
    /// Of a request whose client waits for 100, or does not.
    pub(super) fn new(expects: bool) -> Self {
        Self {
            expects,
            ..Self::default()
        }
    }

    /// Of a request without a body; it never changes, and all of them share it.
    pub(super) fn of_nothing() -> Arc<Self> {
        let passage = Self::default();
        passage.end(true);
        Arc::new(passage)
    }

    /// The body once more, if it was small enough to be kept and has come to its end.
    pub(super) fn repeated(&self) -> Option<RequestBody> {
        let mut held = self.held();
        held.gather();
        (held.state == HeldState::Complete).then(|| RequestBody::Repeated {
            pieces: held.pieces.clone(),
            size: held.size as u64,
            trailers: held.trailers.clone(),
        })
    }

    fn keep(&self, frame: &Frame<Bytes>) {
        let mut held = self.held();
        if let Some(trailers) = frame.trailers_ref() {
            held.trailers = Some(trailers.clone());
        }
        let Some(data) = frame.data_ref().filter(|data| !data.is_empty()) else {
            return;
        };
        held.size += data.len();
        if held.state == HeldState::Filling && held.size <= LARGEST_HELD_BODY {
            held.push(data);
        } else {
            held.state = HeldState::Lost;
            (held.pieces, held.crumbs) = Default::default();
        }
    }

    fn end(&self, whole: bool) {
        let mut held = self.held();
        if held.state == HeldState::Filling {
            held.state = if whole {
                HeldState::Complete
            } else {
                HeldState::Lost
            };
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's body on its way to the provider.
#[derive(Debug)]
pub(super) enum RequestBody {
    /// None.
    Empty,
    /// One that went out before.
    Repeated {
        /// Its pieces.
        pieces: VecDeque<Bytes>,
        /// Its size in bytes.
        size: u64,
        /// What came after it.
        trailers: Option<HeaderMap>,
    },
    /// The client's.
    Streamed {
        /// What comes in.
        incoming: Option<ClientBody>,
        /// Watches for the placeholder.
        scanner: Scanner,
        /// What is known of it.
        passage: Arc<Passage>,
    },
}

impl RequestBody {
    pub(super) fn new(incoming: ClientBody, passage: &Arc<Passage>) -> Self {
        if incoming.is_end_stream() {
            passage.end(true);
            return Self::Empty;
        }
        Self::Streamed {
            incoming: Some(incoming),
            scanner: Scanner::new(),
            passage: Arc::clone(passage),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Repeated {
                pieces, trailers, ..
            } => {
                let frame = pieces
                    .pop_front()
                    .map(Frame::data)
                    .or_else(|| trailers.take().map(Frame::trailers));
                Poll::Ready(frame.map(Ok))
            }
            Self::Streamed {
                incoming,
                scanner,
                passage,
            } => {
                let Some(incoming) = incoming else {
                    return Poll::Ready(None);
                };
                let frame = ready!(Pin::new(&mut *incoming).poll_frame(context));
                passage.pieces.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(match frame {
                    None => {
                        passage.end(true);
                        None
                    }
                    Some(Err(error)) => {
                        passage.end(false);
                        Some(Err(error))
                    }
                    Some(Ok(frame)) if holds_placeholder(&frame, scanner) => {
                        passage.placeholder.store(true, Ordering::Relaxed);
                        passage.end(false);
                        Some(Err(io::Error::other("the body holds the placeholder")))
                    }
                    Some(Ok(frame)) => {
                        passage.keep(&frame);
                        if incoming.is_end_stream() {
                            passage.end(true); // a body of known length gets no last poll
                        }
                        Some(Ok(frame))
                    }
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Repeated {
                pieces, trailers, ..
            } => pieces.is_empty() && trailers.is_none(),
            Self::Streamed { incoming, .. } => {
                incoming.as_ref().is_none_or(ClientBody::is_end_stream)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Repeated {
                size,
                trailers: None,
                ..
            } => SizeHint::with_exact(*size),
            Self::Repeated { .. } => SizeHint::default(),
            Self::Streamed { incoming, .. } => incoming
                .as_ref()
                .map_or_else(SizeHint::default, ClientBody::size_hint),
        }
    }
}

/// In the data so far, or in a trailer.
fn holds_placeholder(frame: &Frame<Bytes>, scanner: &mut Scanner) -> bool {
    let in_data = frame.data_ref().is_some_and(|data| scanner.completes(data));
    in_data || frame.trailers_ref().and_then(find_in_headers).is_some()
}

impl Drop for RequestBody {
    /// The provider has answered early, or has gone: the client must be able to read what it gets instead.
    fn drop(&mut self) {
        if let Self::Streamed {
            incoming, passage, ..
        } = self
            && let Some(incoming) = incoming.take()
            && (passage.pieces.load(Ordering::Relaxed) > 0 || !passage.expects)
        {
            drain_beside(incoming);
        }
    }
}

/// Reads on what a client still sends, while the answer is on its way: a socket that is closed with unread bytes in it resets the
/// connection, and the client may lose the answer. A body without end is cut off.
pub(super) fn drain_beside(body: ClientBody) {
    // The other kind is drained by the task that serves its connection.
    let ClientBody::Hyper(mut body) = body else {
        return;
    };
    if body.is_end_stream() {
        return;
    }
    let draining = async move {
        let mut read = 0;
        while read < LARGEST_DRAIN
            && let Some(Ok(frame)) = body.frame().await
        {
            read += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    // At the session's end there is no runtime any more, and nobody who reads.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(tokio::time::timeout(DRAIN_TIMEOUT, draining));
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::EXPECT;

    use super::*;

    #[test]
    fn the_placeholder_is_found_in_trailers_as_well() {
        let trailers = |value| HeaderMap::from_iter([(EXPECT, HeaderValue::from_static(value))]);
        let found = |frame| holds_placeholder(&frame, &mut Scanner::new());
        assert!(found(Frame::trailers(trailers("authsome-proxy-managed"))));
        assert!(!found(Frame::trailers(trailers("0"))));
        assert!(found(Frame::data(Bytes::from_static(
            b"x authsome-proxy-managed"
        ))));
    }

    #[test]
    fn what_is_kept_is_in_order_and_keeps_no_large_buffer() {
        let passage = Passage::default();
        let buffer = Bytes::from(vec![b'x'; 8 * SMALLEST_SHARED]);
        let pieces = [
            buffer.slice(..1),
            buffer.slice(..1),
            buffer.slice(..SMALLEST_SHARED),
            buffer.slice(..1),
        ];
        for piece in &pieces {
            passage.keep(&Frame::data(piece.clone()));
        }
        passage.end(true);
        let body = passage.repeated().unwrap();
        let RequestBody::Repeated { pieces, size, .. } = &body else {
            panic!("a small body is kept");
        };
        let (sizes, size) = (pieces.iter().map(Bytes::len).collect::<Vec<_>>(), *size);
        assert_eq!(
            (sizes, size),
            (vec![2, SMALLEST_SHARED, 1], SMALLEST_SHARED as u64 + 3)
        );
    }

    #[test]
    fn a_small_body_is_kept_and_a_large_or_broken_one_is_not() {
        let passage = |pieces: &[usize], whole| {
            let passage = Passage::default();
            for size in pieces {
                passage.keep(&Frame::data(Bytes::from(vec![0; *size])));
            }
            passage.end(whole);
            passage.repeated().is_some()
        };
        assert!(passage(&[0, 10, LARGEST_HELD_BODY - 10], true));
        assert!(!passage(&[1, LARGEST_HELD_BODY], true));
        assert!(!passage(&[10], false));
    }
}
