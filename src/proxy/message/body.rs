//! What both protocols ask of a body that they send.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Body;

/// A body as it streams.
pub(in crate::proxy) trait Streamed:
    Body<Data = Bytes, Error = io::Error> + Unpin
{
}

impl<B: Body<Data = Bytes, Error = io::Error> + Unpin> Streamed for B {}

/// A response's body, beside which the rest of its request's body may still go out.
pub(in crate::proxy) trait Uploading: Streamed {
    /// Whether some of the request's body has not gone out.
    fn uploads(&self) -> bool;

    /// Sends what is left of the request's body, beside the response. Ready when nothing is left,
    /// or the server takes no more; an error where the client has broken it off.
    fn poll_upload(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// The response has reached the client with its end: notes it, and goes on with the upload for
    /// as long as the server takes it.
    fn finish_upload(&mut self) -> impl Future<Output = io::Result<()>> + Send;
}

/// For tests of whoever sends one.
#[cfg(test)]
pub(in crate::proxy) mod scripted {
    use std::collections::VecDeque;
    use std::pin::Pin;

    use http_body::{Frame, SizeHint};

    use super::*;

    /// These frames, one after the other.
    #[derive(Debug, Default)]
    pub(in crate::proxy) struct Frames(VecDeque<io::Result<Frame<Bytes>>>);

    impl Frames {
        pub(in crate::proxy) fn new(
            frames: impl IntoIterator<Item = io::Result<Frame<Bytes>>>,
        ) -> Self {
            Self(frames.into_iter().collect())
        }
    }

    impl Body for Frames {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            Poll::Ready(self.get_mut().0.pop_front())
        }

        fn is_end_stream(&self) -> bool {
            self.0.is_empty()
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::default()
        }
    }

    impl Uploading for Frames {
        fn uploads(&self) -> bool {
            false
        }

        fn poll_upload(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        async fn finish_upload(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
