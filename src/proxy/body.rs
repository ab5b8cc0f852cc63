//! Bodies, which stream both ways and are never held whole.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::limits::LARGEST_HELD_BODY;
use super::placeholder::Scanner;
use super::record::Entry;

/// An answer's body on its way to the client.
#[derive(Debug)]
pub(super) enum ResponseBody {
    /// Of our own making.
    Whole(Option<Bytes>),
    /// The provider's, with what was already read of it.
    Streamed {
        /// Read to look at it.
        head: Option<Bytes>,
        /// Still to come.
        rest: Incoming,
        /// Bytes that have passed.
        bytes: u64,
        /// The request's line in the log.
        entry: Entry,
    },
}

impl ResponseBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }

    pub(super) fn streamed(head: Option<Bytes>, rest: Incoming, entry: Entry) -> Self {
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
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
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
            Self::Streamed { head, rest, .. } => head.is_none() && rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
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
    held: Mutex<Held>,
}

/// A small body, kept for a repetition.
#[derive(Debug, Default)]
struct Held {
    pieces: VecDeque<Bytes>,
    size: usize,
    state: HeldState,
    trailers: Option<HeaderMap>,
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
    /// The body once more, if it was small enough to be kept and has come to its end.
    pub(super) fn repeated(&self) -> Option<RequestBody> {
        let held = self.held();
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
        let Some(data) = frame.data_ref() else { return };
        held.size += data.len();
        if held.state == HeldState::Filling && held.size <= LARGEST_HELD_BODY {
            held.pieces.push_back(data.clone());
        } else {
            held.state = HeldState::Lost;
            held.pieces.clear();
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
#[expect(
    clippy::large_enum_variant,
    reason = "it is moved once, into the request"
)]
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
        incoming: Incoming,
        /// Watches for the placeholder.
        scanner: Scanner,
        /// What is known of it.
        passage: Arc<Passage>,
    },
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, passage: &Arc<Passage>) -> Self {
        if incoming.is_end_stream() {
            passage.end(true);
            return Self::Empty;
        }
        Self::Streamed {
            incoming,
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
                let frame = ready!(Pin::new(&mut *incoming).poll_frame(context));
                passage.pieces.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(match frame {
                    None => {
                        passage.end(true);
                        None
                    }
                    Some(Err(error)) => {
                        passage.end(false);
                        Some(Err(io::Error::other(error)))
                    }
                    Some(Ok(frame))
                        if frame.data_ref().is_some_and(|data| scanner.completes(data)) =>
                    {
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
            Self::Streamed { incoming, .. } => incoming.is_end_stream(),
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
            Self::Streamed { incoming, .. } => incoming.size_hint(),
        }
    }
}
