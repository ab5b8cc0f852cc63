//! HTTP/2 for the client of an intercepted connection: a task for each stream, which has the
//! request answered and sends the response.

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

/// Serves a connection to its end. `respond` gets each request, and where its interim responses go;
/// `permit` is held for as long as anything is done for the connection; `malformed` is called for
/// each request that is none by RFC 9113 §8.1.1, whose stream is reset.
///
/// The life of a stream:
///
/// ```text
/// request ──► respond ──► head ──► body ──► its end ──► the upload, for as long as the server takes it
///    └── the client resets the stream, or leaves: all that was done for it is dropped, which ends it upstream
///                                   └── the body breaks off: what has come of it is sent, then the stream is reset
/// ```
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
    let handshake = h2::server::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST)
        .max_send_buffer_size(SEND_BUFFER)
        .handshake::<_, Piece>(ResetWatch::new(ReadAfterWriteError::new(io), refused));
    // How a client leaves is its own affair.
    let Ok(mut connection) = handshake.await else {
        return;
    };
    let mut pings = Pings::new(connection.ping_pong());
    let late = Arc::new(Notify::new());
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            () = late.notified() => {
                pings.send();
                continue;
            }
            () = pings.answered() => continue,
        };
        let Some(Ok((request, reply))) = accepted else {
            return; // each stream learns of it
        };
        requests.note(reply.stream_id().as_u32());
        let interim = Interim::queue(true);
        let is_head = request.method() == Method::HEAD;
        let (request, upload) = receive(request, &late);
        // In a box: what is around it is moved a few times until it stands.
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

/// The streams whose requests were well-formed, of late: what ends one of them is noted with its
/// request. h2 resets it for an upload that is shorter than it said, which curl 7.88 sends once it
/// has been refused. That may be when the stream's task has ended and somebody else drains its
/// upload, so a stream is forgotten by its age.
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

/// Sends a frame that asks for nothing, which is a PING. One at a time: h2 sends no other before
/// the client has answered it.
struct Pings {
    channel: Option<PingPong>,
    is_under_way: bool,
    /// Another was asked for meanwhile. The one under way may have been read before that was so.
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
            // It fails where the connection has ended.
            self.is_under_way = channel.send_ping(Ping::opaque()).is_ok();
        }
    }

    /// Waits until the one under way has been answered, and sends what was asked for meanwhile.
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

/// One stream, to its end.
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
    // RFC 9110 §8.6: a 204 has no length; and what is not to be read as a body has no end but that
    // of the head.
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
    // Where the server takes no more, what the client still sends is read for a while, when the
    // body is dropped; then h2 tells it to stop, by a reset with NO_ERROR (RFC 9113 §8.1). At once
    // it would do harm: curl 7.88 drops a whole response for it while it sends.
    if body.uploads() {
        let _ = body.finish_upload().await;
    }
}

/// Runs the work until it ends, or the client has given the stream up; `None` in the latter case.
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
            let _ = reply.send_informational(head); // that the stream is gone is told below
        }
        match worked {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => reply.poll_reset(context).map(|_| None),
        }
    })
    .await
}

/// What has become of a response's body.
enum Delivery {
    /// The client does not want it any more.
    Abandoned,
    /// It breaks off.
    Broken(Reason),
    /// All of it is out.
    Whole,
}

/// Sends a body, and beside it what is left of its request's.
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

/// The provider's own reason where it has one: it may mean something to the client (gRPC maps them
/// to its codes).
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
