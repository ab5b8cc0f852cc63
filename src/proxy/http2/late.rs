//! Uploads that end after their responses, and refusals that come before their uploads have ended:
//! what curl 7.88 makes of them.
//!
//! Told of a refusal, curl stops sending and marks the end of its upload at once, whatever length
//! it has said; h2 resets such a stream, as RFC 9113 §8.1.1 has it, and drops what of the response
//! it has not sent. Most other servers let it pass. So a refusal is sent with its body, in one
//! piece ([`gather`]). And where nothing is left to be sent, the stream ends without a frame, for
//! which curl waits without end: so it gets one ([`LateUpload`]).

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::Notify;

use crate::proxy::limits::{GATHERED_REFUSAL, REFUSAL_GATHERING};
use crate::proxy::message::body::Uploading;

/// Has a frame sent where an upload ends after its response.
///
/// ```text
/// open ── the response is out (`answered`) ──► late ── nobody reads it any more (`left`) ──► a frame
///   └── the client marks its end (`ended`) ──► in time: the response itself is the last frame
/// ```
#[derive(Clone, Debug)]
pub(super) struct LateUpload {
    state: Arc<State>,
    frames: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    /// The upload has come to its end.
    has_ended: AtomicBool,
    /// The response is out.
    is_answered: AtomicBool,
}

impl LateUpload {
    /// For one stream of a connection that sends a frame for each notification.
    pub(super) fn new(frames: &Arc<Notify>) -> Self {
        Self {
            state: Arc::default(),
            frames: Arc::clone(frames),
        }
    }

    /// The response is out: from now on, the upload's end is late.
    pub(super) fn answered(&self) {
        self.state.is_answered.store(true, Ordering::Relaxed);
    }

    /// The client has marked the upload's end.
    pub(super) fn ended(&self) {
        self.state.has_ended.store(true, Ordering::Relaxed);
    }

    /// Whether it has not yet.
    pub(super) fn is_open(&self) -> bool {
        !self.state.has_ended.load(Ordering::Relaxed)
    }

    /// Nobody reads the upload any more.
    pub(super) fn left(&self) {
        if self.state.is_answered.load(Ordering::Relaxed) {
            self.frames.notify_one();
        }
    }
}

/// A body of which some has been read ahead.
pub(super) struct Gathered<'a, B> {
    ahead: VecDeque<io::Result<Frame<Bytes>>>,
    rest: &'a mut B,
}

impl<'a, B: Uploading> Gathered<'a, B> {
    /// Nothing has been read.
    pub(super) fn none(rest: &'a mut B) -> Self {
        Self {
            ahead: VecDeque::new(),
            rest,
        }
    }

    /// Goes on with the upload while the response is sent.
    pub(super) fn poll_upload(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.rest.poll_upload(context)
    }
}

/// Reads a response ahead to its end, as far as it is there soon and small. The upload goes on
/// meanwhile.
pub(super) async fn gather<B: Uploading>(rest: &mut B) -> Gathered<'_, B> {
    let (mut ahead, mut size) = (VecDeque::new(), 0);
    let mut over = pin!(tokio::time::sleep(REFUSAL_GATHERING));
    poll_fn(|context| {
        while size < GATHERED_REFUSAL && !rest.is_end_stream() {
            match Pin::new(&mut *rest).poll_frame(context) {
                Poll::Ready(Some(frame)) => {
                    let has_failed = frame.is_err();
                    size += frame.as_ref().ok().map_or(0, length);
                    ahead.push_back(frame);
                    if has_failed {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => {
                    // Whether the server takes more of the upload or not, the client may still send
                    // it, and its response is what is waited for.
                    return match rest.poll_upload(context) {
                        // The client has broken it off: that is noticed when the response is sent.
                        Poll::Ready(Err(_)) => Poll::Ready(()),
                        _ => over.as_mut().poll(context),
                    };
                }
            }
        }
        Poll::Ready(())
    })
    .await;
    Gathered { ahead, rest }
}

/// Bytes of a frame that is kept: an empty one takes room as well, and a server may send any number
/// of those.
fn length(frame: &Frame<Bytes>) -> usize {
    frame.data_ref().map_or(0, Bytes::len) + size_of::<Frame<Bytes>>()
}

impl<B: Uploading> Body for Gathered<'_, B> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        match this.ahead.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut *this.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.rest.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A body whose pieces come when they do, and whose upload nobody takes any more of.
    struct Slow(tokio::sync::mpsc::Receiver<Bytes>);

    impl Body for Slow {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            let piece = self.get_mut().0.poll_recv(context);
            piece.map(|piece| piece.map(|data| Ok(Frame::data(data))))
        }
    }

    impl Uploading for Slow {
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

    /// How much is gathered of a body whose pieces have such pauses before them.
    async fn gathered(pieces: &[(u64, &'static [u8])]) -> usize {
        let (send, receive) = tokio::sync::mpsc::channel(1);
        let pieces: Vec<_> = pieces.to_vec();
        tokio::spawn(async move {
            for (pause, piece) in pieces {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                let _ = send.send(Bytes::from_static(piece)).await;
            }
        });
        let mut body = Slow(receive);
        gather(&mut body).await.ahead.len()
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_waited_for_though_its_upload_is_over() {
        assert_eq!(gathered(&[(0, b"a"), (100, b"b"), (100, b"c")]).await, 3);
        assert_eq!(gathered(&[(0, b"a"), (300, b"b")]).await, 1, "not for long");
    }

    #[tokio::test(start_paused = true)]
    async fn pieces_without_data_are_bounded_too() {
        let none: &[u8] = b"";
        let count = gathered(&vec![(0, none); 5000]).await;
        assert!(
            count <= GATHERED_REFUSAL / size_of::<Frame<Bytes>>() + 1,
            "{count}"
        );
    }
}
