//! What both protocols require of a body that they send.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Body;

/// A body that is streamed.
pub(in crate::proxy) trait Streamed:
    Body<Data = Bytes, Error = io::Error> + Unpin
{
}

impl<B: Body<Data = Bytes, Error = io::Error> + Unpin> Streamed for B {}

/// The body of a response. The rest of its request's body may still be sent meanwhile.
pub(in crate::proxy) trait Uploading: Streamed {
    /// Whether some of the request's body has not been sent.
    fn uploads(&self) -> bool;

    /// Sends the rest of the request's body, while the response is sent. Ready when nothing is
    /// left, or the server takes no more; an error if the client has broken the body off.
    fn poll_upload(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// The whole response has been sent to the client. Records that, and continues the upload as
    /// long as the server takes it.
    fn finish_upload(&mut self) -> impl Future<Output = io::Result<()>> + Send;
}

/// For tests of code that sends a body.
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
