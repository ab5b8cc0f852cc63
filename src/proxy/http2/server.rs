//! HTTP/2 for the client of an intercepted connection: a task for each stream, which has the request answered and sends the response.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use h2::server::SendResponse;
use h2::{Ping, Reason, RecvStream};
use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use super::patient::Patient;
use super::piece::Piece;
use super::received::ReceivedBody;
use super::resets::ResetWatch;
use super::sender::{Sender, Sent};
use crate::proxy::limits::{
    CONNECTION_WINDOW, LARGEST_HEADER_LIST, MOST_STREAMS, SEND_BUFFER, STREAM_WINDOW,
};
use crate::proxy::message::body::Uploading;
use crate::proxy::message::interim::Interim;

/// Serves a connection to its end. `respond` gets each request, and where its interim responses go; `permit` is held for as long as anything
/// is done for the connection; `malformed` is called for each request that is none by RFC 9113 §8.1.1, whose stream is reset.
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
    let handshake = h2::server::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(LARGEST_HEADER_LIST)
        .max_send_buffer_size(SEND_BUFFER)
        .handshake::<_, Piece>(ResetWatch::new(Patient::new(io), malformed));
    // How a client leaves is its own affair.
    let Ok(mut connection) = handshake.await else {
        return;
    };
    let mut pings = connection.ping_pong();
    let late = Arc::new(Notify::new());
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            () = late.notified() => {
                let ping = pings.as_mut().map(|pings| pings.send_ping(Ping::opaque()));
                drop(ping); // one that is under way does as well
                continue;
            }
        };
        let Some(Ok((request, reply))) = accepted else {
            return; // each stream learns of it
        };
        let interim = Interim::queue(true);
        let is_head = request.method() == Method::HEAD;
        let request = receive(request);
        // In a box: what is around it is moved a few times until it stands.
        let responding = Box::pin(respond(request, interim.clone()));
        let (permit, late) = (permit.clone(), Arc::clone(&late));
        tokio::spawn(async move {
            stream(responding, interim, is_head, reply, &late).await;
            drop(permit);
        });
    }
}

fn receive(request: Request<RecvStream>) -> Request<ReceivedBody> {
    let (parts, stream) = request.into_parts();
    let body = ReceivedBody::new(stream, &parts.headers);
    Request::from_parts(parts, body)
}

/// One stream, to its end.
async fn stream(
    responding: impl Future<Output = Response<impl Uploading>>,
    interim: Interim,
    is_head: bool,
    mut reply: SendResponse<Piece>,
    late: &Notify,
) {
    let Some(response) = unless_left(responding, &interim, &mut reply).await else {
        return;
    };
    let (mut parts, mut body) = response.into_parts();
    // RFC 9110 §8.6: a 204 has no length; and what is not to be read as a body has no end but that of the head.
    if parts.status == StatusCode::NO_CONTENT {
        parts.headers.remove(CONTENT_LENGTH);
    }
    let has_none = is_head
        || parts.status == StatusCode::NO_CONTENT
        || parts.status == StatusCode::NOT_MODIFIED;
    let ends = has_none || body.is_end_stream();
    let head = Response::from_parts(parts, ());
    let Ok(stream) = reply.send_response(head, ends) else {
        return;
    };
    let mut sender = Sender::new(stream);
    if !ends {
        match send(&mut sender, &mut body).await {
            Delivery::Whole => {}
            Delivery::Abandoned => return,
            Delivery::Broken(reason) => return sender.break_off(reason).await,
        }
    }
    // Where the server takes no more, what the client still sends is read for a while, when the body is dropped; then h2 tells it to stop, by a
    // reset with NO_ERROR (RFC 9113 §8.1). At once it would do harm: curl 7.88 drops a whole response for it while it sends.
    if body.uploads() {
        let _ = body.finish_upload().await;
        // An upload that ends after its response ends the stream without a frame of ours. curl 7.88 then waits for one, without end.
        late.notify_one();
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
async fn send(sender: &mut Sender, body: &mut impl Uploading) -> Delivery {
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

/// The provider's own reason where it has one: it may mean something to the client (gRPC maps them to its codes).
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
