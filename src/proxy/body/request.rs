//! A request's body on its way to the provider: streamed, searched for the placeholder in what
//! carries a credential, and kept if it is small, so that the request can be sent again.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http_body::{Body, Frame, SizeHint};

use super::client::ClientBody;
use super::drain::drain_beside;
use super::field_search::FieldSearch;
use super::replay::{Broken, Kept, UploadProgress};
use crate::defence::Defence;
use crate::proxy::limits::MAX_HELD_BODY;
use crate::proxy::policy::denied_field::DeniedFields;
use crate::proxy::rewrite::body_fields::Search;
use crate::proxy::rewrite::placeholder::{Others, find_in_headers};

/// A request's body on its way to the provider.
#[derive(Debug)]
pub(in crate::proxy) enum RequestBody {
    /// No body.
    Empty,
    /// A body that was sent before, or read before it is sent.
    Repeated {
        /// Its pieces.
        pieces: VecDeque<Bytes>,
        /// Its size in bytes.
        size: u64,
        /// The trailers after it.
        trailers: Option<HeaderMap>,
    },
    /// The client's body, as it comes.
    Streamed {
        /// What was sent before, and is sent again ahead of the rest.
        replay: VecDeque<Bytes>,
        /// What still comes from the client.
        incoming: Option<ClientBody>,
        /// Searches its fields; `None` if there is nothing to look for.
        fields: Option<Box<FieldSearch>>,
        /// The placeholders beside the usual one, which are searched for in trailers.
        others: Option<Arc<Others>>,
        /// The progress of this body.
        progress: Arc<UploadProgress>,
    },
}

impl RequestBody {
    /// A body that has been read before it is sent.
    pub(in crate::proxy) fn held(whole: Bytes, trailers: Option<HeaderMap>) -> Self {
        if whole.is_empty() && trailers.is_none() {
            return Self::Empty;
        }
        Self::Repeated {
            size: whole.len() as u64,
            pieces: VecDeque::from([whole]),
            trailers,
        }
    }

    /// The body from its beginning: what has been passed on, if all of it was kept, and then the
    /// rest.
    pub(in crate::proxy) fn rewind(progress: &UploadProgress, rest: Option<Self>) -> Option<Self> {
        match (progress.kept(), rest) {
            (
                Kept::Whole {
                    pieces,
                    size,
                    trailers,
                },
                _,
            ) => Some(Self::Repeated {
                pieces,
                size,
                trailers,
            }),
            (Kept::Beginning(pieces), Some(mut rest)) => {
                if let Self::Streamed { replay, .. } = &mut rest {
                    *replay = pieces;
                }
                Some(rest)
            }
            (Kept::Beginning(_), None) | (Kept::Lost, _) => None,
        }
    }

    /// The same body with what was read of it in front, as it was. It was searched as it was read.
    pub(in crate::proxy) fn preceded_by(mut self, pieces: Vec<Bytes>) -> Self {
        if let Self::Streamed { replay, .. } = &mut self {
            let mut pieces: VecDeque<_> = pieces.into();
            pieces.retain(|piece| !piece.is_empty());
            *replay = pieces;
        }
        self
    }

    /// Whether the client waits for a 100, and none of its body has been asked for. Reading a body
    /// over HTTP/2 does not ask for it: most clients send it at once, and those that wait get the
    /// server's own 100. So no body that comes over HTTP/2 is held back. Only such bodies are sent
    /// over HTTP/2, so the sending side of HTTP/2 needs no check for this.
    pub(in crate::proxy) fn is_unasked(&self) -> bool {
        let Self::Streamed {
            incoming, progress, ..
        } = self
        else {
            return false;
        };
        progress.expects
            && progress.pieces.load(Ordering::Relaxed) == 0
            && !matches!(incoming, Some(ClientBody::Http2(_)))
    }

    /// Whether it belongs to a request to the proxy itself. hyper serves these, and ends the
    /// exchange with the response.
    pub(in crate::proxy) fn is_of_the_proxy_itself(&self) -> bool {
        matches!(
            self,
            Self::Streamed {
                incoming: Some(ClientBody::Hyper(_)),
                ..
            }
        )
    }

    /// The client's body, which is searched while it streams.
    pub(in crate::proxy) fn new(
        incoming: ClientBody,
        headers: &HeaderMap,
        (search, denied): (Option<Search<'_>>, DeniedFields),
        progress: &Arc<UploadProgress>,
    ) -> Self {
        if incoming.is_end_stream() {
            progress.end(true);
            return Self::Empty;
        }
        let fields = FieldSearch::of(headers, search, denied);
        Self::Streamed {
            replay: VecDeque::new(),
            incoming: Some(incoming),
            fields: fields.map(Box::new), // rarely there, and large
            others: search.map(|search| Arc::clone(search.others)),
            progress: Arc::clone(progress),
        }
    }
}

/// Whether a request can surely be sent a second time. A body of unknown length may turn out to be
/// large, and a large body is not kept.
pub(in crate::proxy) fn is_repeatable(parts: &Parts, has_no_body: bool) -> bool {
    if has_no_body {
        return true;
    }
    let length = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    length.is_some_and(|length| length <= MAX_HELD_BODY)
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
                replay,
                incoming,
                fields,
                others,
                progress,
            } => {
                if let Some(piece) = replay.pop_front() {
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
                let Some(incoming) = incoming else {
                    return Poll::Ready(None);
                };
                let frame = ready!(Pin::new(&mut *incoming).poll_frame(context));
                progress.pieces.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(match frame {
                    None => {
                        progress.end(true);
                        None
                    }
                    Some(Err(_)) if !Defence::BrokenUploads.stands() => {
                        progress.end(true);
                        None
                    }
                    Some(Err(error)) => {
                        progress.end(false);
                        Some(Err(error))
                    }
                    Some(Ok(frame)) => {
                        let fields = fields.as_deref_mut();
                        let passed = passed(frame, fields, others.as_deref(), progress);
                        if passed.is_ok() && incoming.is_end_stream() {
                            progress.end(true); // a body of known length is not polled again
                        }
                        Some(passed)
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
            Self::Streamed {
                replay, incoming, ..
            } => replay.is_empty() && incoming.as_ref().is_none_or(ClientBody::is_end_stream),
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
            Self::Streamed {
                replay, incoming, ..
            } => {
                let left = incoming.as_ref().and_then(|body| body.size_hint().exact());
                let again: u64 = replay.iter().map(|piece| piece.len() as u64).sum();
                left.map_or_else(SizeHint::default, |left| {
                    SizeHint::with_exact(left.saturating_add(again))
                })
            }
        }
    }
}

/// The frame, kept to be sent again, if it may be sent. Otherwise the request is broken off.
fn passed(
    frame: Frame<Bytes>,
    fields: Option<&mut FieldSearch>,
    others: Option<&Others>,
    progress: &UploadProgress,
) -> io::Result<Frame<Bytes>> {
    let checked = check(&frame, fields, others).and_then(|()| progress.meter(&frame));
    if let Err(why) = checked {
        progress.break_off(why);
        return Err(io::Error::other("the request was broken off"));
    }
    progress.keep(&frame);
    Ok(frame)
}

/// Whether a field is denied in the data so far, or the placeholder stands for a credential there
/// or in a trailer.
fn check(
    frame: &Frame<Bytes>,
    fields: Option<&mut FieldSearch>,
    others: Option<&Others>,
) -> Result<(), Broken> {
    if let Some((data, fields)) = frame.data_ref().zip(fields) {
        fields.look_into(data)?;
    }
    let holds_placeholder = frame.trailers_ref().is_some_and(|trailers| {
        let usual = Others::default();
        find_in_headers(trailers, others.unwrap_or(&usual)).is_some()
    });
    if holds_placeholder {
        return Err(Broken::Placeholder);
    }
    Ok(())
}

impl Drop for RequestBody {
    /// The provider has responded early, or has gone. What the client still sends is drained, so
    /// that it can read the response that it gets.
    fn drop(&mut self) {
        if let Self::Streamed {
            incoming, progress, ..
        } = self
            && let Some(incoming) = incoming.take()
        {
            drain_beside(
                incoming,
                progress.expects && progress.pieces.load(Ordering::Relaxed) == 0,
            );
        }
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
        let others = Others::of(&["sk_test_unusual".to_owned()]);
        let found = |frame| check(&frame, None, Some(&others)).is_err();
        assert!(found(Frame::trailers(trailers("sk_test_unusual"))));
        assert!(found(Frame::trailers(trailers("authsome-proxy-managed"))));
        assert!(!found(Frame::trailers(trailers("0"))));
        assert!(!found(Frame::data(Bytes::from_static(
            b"x authsome-proxy-managed"
        ))));
    }
}
