//! Uploads that end after their responses, and refusals that come before their uploads have ended:
//! how to serve curl 7.88 in these two cases.
//!
//! When curl gets a refusal, it stops sending and marks the end of its upload at once, even before
//! its `Content-Length`. h2 resets such a stream (RFC 9113 §8.1.1) and drops the part of the
//! response that it has not sent yet. Most other servers tolerate the short upload. So a refusal is
//! sent together with its body, in one piece ([`gather`]).
//!
//! When such an upload ends after the response and nothing is left to send, the stream ends without
//! another frame, and curl waits for one forever. So it gets a frame ([`LateUpload`]).

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

/// Sends a frame when an upload ends after its response.
///
/// ```text
/// open ── the response is sent (`answered`) ──► late ── nobody reads the upload any more (`left`) ──► a frame is sent
///   └──── the client ends its upload (`ended`) ──► in time: the response itself is the last frame
/// ```
#[derive(Clone, Debug)]
pub(super) struct LateUpload {
    state: Arc<State>,
    frames: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    /// The client has ended its upload.
    has_ended: AtomicBool,
    /// The response is sent.
    is_answered: AtomicBool,
}

impl LateUpload {
    /// For one stream. Its connection sends a frame for each notification of `frames`.
    pub(super) fn new(frames: &Arc<Notify>) -> Self {
        Self {
            state: Arc::default(),
            frames: Arc::clone(frames),
        }
    }

    /// The response is sent: from now on, the end of the upload is late.
    pub(super) fn answered(&self) {
        self.state.is_answered.store(true, Ordering::Relaxed);
    }

    /// The client has ended its upload.
    pub(super) fn ended(&self) {
        self.state.has_ended.store(true, Ordering::Relaxed);
    }

    /// Whether the client has not ended its upload yet.
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

/// A body whose beginning has been read ahead.
pub(super) struct Gathered<'a, B> {
    ahead: VecDeque<io::Result<Frame<Bytes>>>,
    rest: &'a mut B,
}

impl<'a, B: Uploading> Gathered<'a, B> {
    /// Nothing has been read ahead.
    pub(super) fn none(rest: &'a mut B) -> Self {
        Self {
            ahead: VecDeque::new(),
            rest,
        }
    }

    /// Continues the upload while the response is sent.
    pub(super) fn poll_upload(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.rest.poll_upload(context)
    }
}

/// Reads the body of a response ahead, up to the limits `GATHERED_REFUSAL` and `REFUSAL_GATHERING`.
/// The upload continues meanwhile.
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
                    // Go on waiting for the response even if the server takes no more of the
                    // upload: the client may still be sending it.
                    return match rest.poll_upload(context) {
                        // The client has broken the upload off. `send` notices that, when it sends
                        // the response.
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

/// The size of a frame that is kept. A frame without data counts as well: it takes memory, and a
/// server may send any number of them.
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

    /// A body whose pieces arrive with pauses. The server takes no more of its upload.
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

    /// How many pieces are gathered of a body, each of which comes after a pause in milliseconds.
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
