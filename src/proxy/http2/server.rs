//! HTTP/2 for the client of an intercepted connection. Each stream has a task, which gets the
//! response to the request and sends it.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use h2::server::SendResponse;
use h2::{Ping, PingPong, Reason, RecvStream};
use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use super::batch::Batch;
use super::late::{Gathered, LateUpload, gather};
use super::piece::Piece;
use super::read_after_write_error::ReadAfterWriteError;
use super::received::ReceivedBody;
use super::resets::ResetWatch;
use super::sender::{Sender, Sent};
use crate::proxy::limits::{
    CONNECTION_WINDOW, MAX_HEADER_LIST, MAX_STREAMS, SEND_BUFFER, STREAM_WINDOW,
};
use crate::proxy::message::body::Uploading;
use crate::proxy::message::interim::Interim;

/// Serves a connection to its end. `respond` is called with each request, and the queue for its
/// interim responses. `permit` is held as long as any work is done for the connection. `malformed`
/// is called for each malformed request (RFC 9113 §8.1.1), whose stream h2 resets.
///
/// The life of a stream:
///
/// ```text
/// request > respond > response head > response body > its end > rest of the upload
/// ```
///
/// The rest of the upload is sent while the server takes it. If the response body breaks off, what
/// has come of it is sent, and then the stream is reset. If the client resets the stream or leaves,
/// at any stage, all work for it is dropped, which ends it upstream.
pub(in crate::proxy) async fn serve<T, F, R, B, P>(
    io: T,
    permit: P,
    malformed: impl Fn() + Unpin,
    respond: F,
) where
    T: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Request<ReceivedBody>, Interim) -> R,
    R: Future<Output = Response<B>> + Send + 'static,
    B: Uploading + Send + 'static,
    P: Clone + Send + 'static,
{
    let requests = Requests::default();
    let seen = requests.clone();
    let refused = move |stream| {
        if !seen.has(stream) {
            malformed();
        }
    };
    let io = Batch::new(ReadAfterWriteError::new(io));
    let batch = io.clone();
    let handshake = h2::server::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST)
        .max_send_buffer_size(SEND_BUFFER)
        .handshake::<_, Piece>(ResetWatch::new(io, refused));
    // A client that fails the handshake is not reported.
    let Ok(mut connection) = handshake.await else {
        return;
    };
    let mut pings = Pings::new(connection.ping_pong());
    let late = Arc::new(Notify::new());
    loop {
        let accepted = tokio::select! {
            accepted = poll_fn(|context| batch.after(connection.poll_accept(context), context)) => accepted,
            () = late.notified() => {
                pings.send();
                continue;
            }
            () = pings.answered() => continue,
        };
        let Some(Ok((request, reply))) = accepted else {
            return; // each stream gets the error itself
        };
        requests.note(reply.stream_id().as_u32());
        let interim = Interim::queue(true);
        let is_head = request.method() == Method::HEAD;
        let (request, upload) = receive(request, &late);
        // Boxed, as the future around it is moved a few times before it runs.
        let responding = Box::pin(respond(request, interim.clone()));
        let permit = permit.clone();
        tokio::spawn(async move {
            stream(responding, interim, is_head, reply, upload).await;
            drop(permit);
        });
    }
}

fn receive(
    request: Request<RecvStream>,
    late: &Arc<Notify>,
) -> (Request<ReceivedBody>, Option<LateUpload>) {
    let (parts, stream) = request.into_parts();
    let (body, upload) = ReceivedBody::new(stream, &parts.headers).of_upload(late);
    (Request::from_parts(parts, body), upload)
}

/// The newest streams whose requests were well-formed. A reset of one of them is logged with its
/// request, and not as a malformed request. h2 resets such a stream if its upload is shorter than
/// its `Content-Length`, which is what curl 7.88 sends after a refusal. That may happen after the
/// stream's task has ended, while another task drains the upload. So a stream is forgotten by its
/// age, and not when its task ends.
#[derive(Clone, Default)]
struct Requests(Arc<Mutex<VecDeque<u32>>>);

impl Requests {
    fn note(&self, stream: u32) {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if streams.len() == MAX_STREAMS as usize {
            streams.pop_front();
        }
        streams.push_back(stream);
    }

    fn has(&self, stream: u32) -> bool {
        let streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        streams.contains(&stream)
    }
}

/// Sends a PING, which is a frame that asks the client for nothing. Only one at a time: h2 sends no
/// other before the client has acknowledged it.
struct Pings {
    channel: Option<PingPong>,
    is_under_way: bool,
    /// Another PING was requested meanwhile. The client may have read the current one before the
    /// reason for the other one arose, so the other one is still sent.
    is_owed: bool,
}

impl Pings {
    fn new(channel: Option<PingPong>) -> Self {
        Self {
            channel,
            is_under_way: false,
            is_owed: false,
        }
    }

    fn send(&mut self) {
        if self.is_under_way {
            self.is_owed = true;
        } else if let Some(channel) = &mut self.channel {
            // The call fails if the connection has ended.
            self.is_under_way = channel.send_ping(Ping::opaque()).is_ok();
        }
    }

    /// Waits until the current PING is acknowledged, and sends the one that was requested
    /// meanwhile.
    async fn answered(&mut self) {
        let Some(channel) = self.channel.as_mut().filter(|_| self.is_under_way) else {
            return std::future::pending().await;
        };
        let answered = poll_fn(|context| channel.poll_pong(context)).await;
        self.is_under_way = false;
        if std::mem::take(&mut self.is_owed) && answered.is_ok() {
            self.send();
        }
    }
}

/// Serves one stream to its end.
async fn stream(
    responding: impl Future<Output = Response<impl Uploading>>,
    interim: Interim,
    is_head: bool,
    mut reply: SendResponse<Piece>,
    upload: Option<LateUpload>,
) {
    let Some(response) = unless_left(responding, &interim, &mut reply).await else {
        return;
    };
    let (mut parts, mut body) = response.into_parts();
    // RFC 9110 §8.6: a 204 has no `Content-Length`. A response without a body (§6.4.1) ends with
    // its head.
    if parts.status == StatusCode::NO_CONTENT {
        parts.headers.remove(CONTENT_LENGTH);
    }
    let has_none = is_head
        || parts.status == StatusCode::NO_CONTENT
        || parts.status == StatusCode::NOT_MODIFIED;
    let is_early = upload.as_ref().is_some_and(LateUpload::is_open);
    let is_refusal = parts.status.is_client_error() || parts.status.is_server_error();
    let mut whole = if is_early && is_refusal && !has_none {
        gather(&mut body).await
    } else {
        Gathered::none(&mut body)
    };
    let ends = has_none || whole.is_end_stream();
    let head = Response::from_parts(parts, ());
    let Ok(stream) = reply.send_response(head, ends) else {
        return;
    };
    let mut sender = Sender::new(stream);
    if !ends {
        match send(&mut sender, &mut whole).await {
            Delivery::Whole => {}
            Delivery::Abandoned => return,
            Delivery::Broken(reason) => return sender.break_off(reason).await,
        }
    }
    if let Some(upload) = upload {
        upload.answered();
    }
    // Where the server takes no more, what the client still sends is read for a while after the
    // body is dropped. Only then does h2 tell the client to stop, by a reset with NO_ERROR (RFC
    // 9113 §8.1). An immediate reset would do harm: curl 7.88 discards even a complete response if
    // it gets one while it sends.
    if body.uploads() {
        let _ = body.finish_upload().await;
    }
}

/// Runs `work` until it ends, or the client has given the stream up; `None` in the latter case.
async fn unless_left<O>(
    work: impl Future<Output = O>,
    interim: &Interim,
    reply: &mut SendResponse<Piece>,
) -> Option<O> {
    let mut work = pin!(work);
    poll_fn(|context| {
        let worked = work.as_mut().poll(context);
        for (status, headers) in interim.take() {
            let mut head = Response::new(());
            (*head.status_mut(), *head.headers_mut()) = (status, headers);
            let _ = reply.send_informational(head); // a closed stream is noticed below
        }
        match worked {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => reply.poll_reset(context).map(|_| None),
        }
    })
    .await
}

/// How the sending of a response's body has ended.
enum Delivery {
    /// The client does not want it any more.
    Abandoned,
    /// The body broke off, and the stream is reset with this code.
    Broken(Reason),
    /// All of it is sent.
    Whole,
}

/// Sends the body of a response and, meanwhile, the rest of its request's body.
async fn send(sender: &mut Sender, body: &mut Gathered<'_, impl Uploading>) -> Delivery {
    poll_fn(|context| {
        if let Poll::Ready(Err(_)) = body.poll_upload(context) {
            return Poll::Ready(Delivery::Abandoned); // the client has broken off its request
        }
        sender.poll_send(context, body).map(|sent| match sent {
            Ok(Sent::All) => Delivery::Whole,
            Ok(Sent::Refused) => Delivery::Abandoned,
            Err(error) => Delivery::Broken(reason_of(&error)),
        })
    })
    .await
}

/// The provider's own error code if it sent one: it may mean something to the client (gRPC maps
/// such codes to its own).
fn reason_of(error: &std::io::Error) -> Reason {
    let cause = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause
        .filter(|cause| cause.is_reset() && cause.is_remote())
        .and_then(h2::Error::reason)
        .filter(|reason| *reason != Reason::NO_ERROR)
        .unwrap_or(Reason::INTERNAL_ERROR)
}
