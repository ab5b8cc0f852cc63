//! The body of a response on its way to the client, with the rest of its request's body on its way
//! to the provider.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};

use super::log_entry::Entry;
use super::searched_body::{Search, SearchedBody};
use crate::proxy::message::body::Uploading;
use crate::proxy::upstream::body::UpstreamBody;

/// The body of a response on its way to the client.
#[derive(Debug)]
pub(in crate::proxy) enum ResponseBody {
    /// Made by authsome itself.
    Whole(Option<Bytes>),
    /// The provider's body, and the part of it that was already read.
    Streamed {
        /// The part that was read to look at it.
        head: Option<Box<BodyStart>>,
        /// The part still to come.
        rest: UpstreamBody,
        /// The search for secrets through both.
        search: Search,
        /// Bytes that have been passed on.
        bytes: u64,
        /// The request's line in the log.
        entry: Entry,
        /// Whether the provider refused the request (4xx or 5xx).
        is_refused: bool,
    },
}

/// The part of a body that was read: its beginning, and its trailers if it was read to the end.
#[derive(Debug)]
pub(in crate::proxy) struct BodyStart {
    pub(super) data: Bytes,
    pub(super) trailers: Option<HeaderMap>,
}

impl BodyStart {
    fn is_empty(&self) -> bool {
        self.data.is_empty() && self.trailers.is_none()
    }

    /// The next frame of it.
    fn next(&mut self) -> Option<Frame<Bytes>> {
        if self.data.is_empty() {
            return self.trailers.take().map(Frame::trailers);
        }
        Some(Frame::data(std::mem::take(&mut self.data)))
    }
}

impl ResponseBody {
    pub(in crate::proxy) fn whole(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }

    pub(in crate::proxy) fn streamed(
        status: StatusCode,
        head: Option<Box<BodyStart>>,
        mut rest: UpstreamBody,
        search: Search,
        entry: Entry,
    ) -> Self {
        rest.settle();
        Self::Streamed {
            head: head.filter(|head| !head.is_empty()),
            rest,
            search,
            bytes: 0,
            entry,
            is_refused: status.is_client_error() || status.is_server_error(),
        }
    }
}

impl Uploading for ResponseBody {
    fn uploads(&self) -> bool {
        matches!(self, Self::Streamed { rest, .. } if rest.upload().is_some())
    }

    fn poll_upload(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Streamed { rest, .. } => rest.poll_upload(context),
            Self::Whole(_) => Poll::Ready(Ok(())),
        }
    }

    async fn finish_upload(&mut self) -> io::Result<()> {
        let Self::Streamed {
            rest,
            bytes,
            entry,
            is_refused,
            ..
        } = self
        else {
            return Ok(());
        };
        entry.finish(*bytes);
        rest.finish_upload(*is_refused).await
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
            Self::Streamed {
                head,
                rest,
                search,
                bytes,
                entry,
                ..
            } => {
                let frame = match search {
                    Search::Nothing => ready!(next_frame(head, rest, context)),
                    Search::Trailers(scrubbing) => {
                        let frame = ready!(next_frame(head, rest, context));
                        frame.map(|frame| frame.map(|frame| scrubbing.trailers_of(frame)))
                    }
                    Search::Whole(search) => {
                        let frame = ready!(searched_frame(search, head, rest, context));
                        entry.scrubbed(search.take_matches());
                        frame
                    }
                };
                match &frame {
                    Some(Ok(frame)) => {
                        *bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                    }
                    Some(Err(error)) => {
                        entry.broke_off(error);
                        entry.finish(*bytes);
                    }
                    None => entry.finish(*bytes),
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Streamed {
                head, rest, search, ..
            } => match search {
                Search::Whole(search) => search.is_done(),
                _ => head.is_none() && rest.is_end_stream(),
            },
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Streamed {
                head, rest, search, ..
            } => {
                let held = match search {
                    Search::Whole(search) => match search.held() {
                        None => return SizeHint::default(),
                        Some(held) => held,
                    },
                    _ => 0,
                };
                let ahead = head.as_ref().map_or(0, |head| head.data.len() as u64);
                longer_by(rest.size_hint(), held.saturating_add(ahead))
            }
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        let Self::Streamed {
            head,
            rest,
            search,
            bytes,
            entry,
            is_refused,
        } = self
        else {
            return;
        };
        // The client may have left. Or the body was of known length, and was not polled again at
        // its end.
        entry.finish(*bytes);
        // hyper drops the body at its end. The other servers continue the upload themselves, by
        // `finish_upload`.
        let is_taken = match search {
            Search::Whole(search) => search.is_done(),
            _ => true,
        };
        let has_ended = head.is_none() && rest.is_end_stream() && is_taken;
        if has_ended
            && rest.uploads_for_hyper()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (mut rest, is_refused) = (rest.take(), *is_refused);
            runtime.spawn(async move { rest.finish_upload(is_refused).await });
        }
    }
}

/// The next frame of the body.
fn next_frame(
    head: &mut Option<Box<BodyStart>>,
    rest: &mut UpstreamBody,
    context: &mut Context<'_>,
) -> Poll<Option<io::Result<Frame<Bytes>>>> {
    if let Some(start) = head {
        let frame = start.next();
        head.take_if(|head| head.is_empty());
        if frame.is_some() {
            return Poll::Ready(frame.map(Ok));
        }
    }
    Pin::new(rest).poll_frame(context)
}

/// The next frame of the body, as it comes out of the search.
fn searched_frame(
    search: &mut SearchedBody,
    head: &mut Option<Box<BodyStart>>,
    rest: &mut UpstreamBody,
    context: &mut Context<'_>,
) -> Poll<Option<io::Result<Frame<Bytes>>>> {
    loop {
        match search.next() {
            Ok(None) if search.is_streaming() => {}
            found => return Poll::Ready(found.transpose()),
        }
        match ready!(next_frame(head, rest, context)) {
            Some(Ok(frame)) => search.push(frame, head.is_none() && rest.is_end_stream()),
            Some(Err(error)) => search.break_off(error),
            None => search.end(),
        }
    }
}

fn longer_by(mut hint: SizeHint, more: u64) -> SizeHint {
    if let Some(upper) = hint.upper() {
        hint.set_upper(upper.saturating_add(more));
    }
    hint.set_lower(hint.lower().saturating_add(more));
    hint
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::proxy::http1::IncomingBody;

    #[tokio::test]
    async fn what_was_read_ahead_comes_first_with_its_trailers() {
        let trailers = HeaderMap::from_iter([(http::header::ETAG, "x".parse().unwrap())]);
        let ahead = BodyStart {
            data: Bytes::from_static(b"no"),
            trailers: Some(trailers.clone()),
        };
        let rest = UpstreamBody::Http1(IncomingBody::ended());
        let (ahead, entry) = (Some(Box::new(ahead)), Entry::default());
        let body = ResponseBody::streamed(
            StatusCode::UNAUTHORIZED,
            ahead,
            rest,
            Search::Nothing,
            entry,
        );
        assert!(!body.is_end_stream());
        let whole = body.collect().await.unwrap();
        assert_eq!(whole.trailers(), Some(&trailers));
        assert_eq!(whole.to_bytes(), "no");
    }
}
