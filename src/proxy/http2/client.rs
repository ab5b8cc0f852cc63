//! An HTTP/2 connection to a provider, and the exchanges on it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::header::HOST;
use http::request::Parts;
use http::{Request, Response, StatusCode, Uri, Version};
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::sender::Sender;
use super::{Fault, Piece, ReceivedBody};
use crate::proxy::interim::Interim;
use crate::proxy::limits::{
    CONNECTION_WINDOW, CONTINUE_TIMEOUT, FIRST_STREAMS, LARGEST_HEADER_LIST, MOST_INTERIM_ANSWERS,
    MOST_RESET_STREAMS, SEND_BUFFER, STREAM_WINDOW,
};
use crate::proxy::patient::Patient;
use crate::proxy::request_body::{Passage, RequestBody};
use crate::tls::TlsTrouble;

/// A connection that speaks HTTP/2. It ends when nobody has a part in it any more.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Connection {
    requests: SendRequest<Piece>,
    has_served: Arc<AtomicBool>,
    certificate_trouble: Arc<OnceLock<TlsTrouble>>,
}

/// What is known of a request on its way.
#[derive(Debug)]
pub(in crate::proxy) struct Outgoing<'a> {
    pub(in crate::proxy) parts: &'a Parts,
    /// Whose the request is, as a URL has it.
    pub(in crate::proxy) authority: &'a http::uri::Authority,
    pub(in crate::proxy) passage: &'a Passage,
    /// How long the head of a response may take, from the last byte of the request that went out.
    pub(in crate::proxy) patience: Duration,
    /// Where the interim responses go.
    pub(in crate::proxy) interim: &'a Interim,
}

/// An exchange whose response has begun: its body, and what is left of the request's.
#[derive(Debug)]
pub(in crate::proxy) struct Exchange {
    received: ReceivedBody,
    upload: Option<Upload>,
}

/// A request's body on its way out.
#[derive(Debug)]
struct Upload {
    sender: Sender,
    body: RequestBody,
    /// The client waits for 100, and so far the server has not said it.
    is_held: bool,
}

impl Connection {
    /// Begins to speak on a stream that has agreed to HTTP/2.
    pub(in crate::proxy) async fn open<T>(io: T) -> Result<Self, h2::Error>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let certificate_trouble = Arc::default();
        let (requests, connection) = h2::client::Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_max_send_streams(FIRST_STREAMS)
            .max_header_list_size(LARGEST_HEADER_LIST)
            .max_send_buffer_size(SEND_BUFFER)
            // What comes for a stream that the client has reset is no fault of the server's.
            .max_concurrent_reset_streams(MOST_RESET_STREAMS)
            .max_local_error_reset_streams(None)
            .handshake::<_, Piece>(Patient::new(io).noting_in(&certificate_trouble))
            .await?;
        tokio::spawn(async move {
            let _ = connection.await; // each stream learns of its end
        });
        Ok(Self {
            requests,
            has_served: Arc::default(),
            certificate_trouble,
        })
    }

    /// Whether it takes another request, as far as is known.
    pub(in crate::proxy) fn is_open(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        !matches!(self.requests.poll_ready(&mut context), Poll::Ready(Err(_)))
    }

    /// Why the server has ended it, where that is for a client certificate.
    pub(in crate::proxy) fn certificate_trouble(&self) -> Option<&TlsTrouble> {
        self.certificate_trouble.get()
    }

    /// Whether it has brought a response: if not, its end is no idle connection's.
    pub(in crate::proxy) fn has_served(&self) -> bool {
        self.has_served.load(Ordering::Relaxed)
    }

    /// Sends a request and waits for the head of its response, which may come before the whole request is out. With a fault comes what of
    /// the body has not been asked for.
    pub(in crate::proxy) async fn exchange(
        &self,
        request: &Outgoing<'_>,
        body: RequestBody,
    ) -> Result<Response<Exchange>, (Fault, RequestBody)> {
        let mut requests = self.requests.clone();
        if let Err(error) = poll_fn(|context| requests.poll_ready(context)).await {
            return Err((Fault::Unprocessed(error), body));
        }
        let ends = body.is_end_stream();
        let Some(head) = head_of(request) else {
            let unsendable = io::Error::from(io::ErrorKind::InvalidInput);
            return Err((Fault::Body(unsendable), body));
        };
        let (mut response, stream) = match requests.send_request(head, ends) {
            Ok(sent) => sent,
            Err(error) if error.is_io() || error.is_go_away() => {
                return Err((Fault::Unprocessed(error), body));
            }
            Err(error) => return Err((Fault::of(error), body)),
        };
        let mut upload = (!ends).then(|| Upload {
            is_held: body.is_unasked(),
            sender: Sender::new(stream),
            body,
        });
        match wait(request, &mut response, &mut upload).await {
            Ok(head) => {
                self.has_served.store(true, Ordering::Relaxed);
                let (parts, stream) = head.into_parts();
                let received = ReceivedBody::new(stream, &parts.headers);
                Ok(Response::from_parts(parts, Exchange { received, upload }))
            }
            Err(fault) => {
                let body = upload.map_or(RequestBody::Empty, |upload| upload.body);
                Err((fault, body))
            }
        }
    }
}

/// The head of a request. What HTTP/1.1 needs has no place in it: `Host` is said by `:authority`, and a second spelling of it is at best
/// superfluous; nginx answers 400 (RFC 9113 §8.3.1).
fn head_of(request: &Outgoing<'_>) -> Option<Request<()>> {
    let parts = request.parts;
    let mut uri = parts.uri.clone().into_parts();
    uri.scheme = Some(http::uri::Scheme::HTTPS);
    uri.authority = Some(request.authority.clone());
    let mut head = Request::new(());
    *head.uri_mut() = Uri::from_parts(uri).ok()?;
    *head.method_mut() = parts.method.clone();
    *head.version_mut() = Version::HTTP_2;
    *head.headers_mut() = parts.headers.clone();
    head.headers_mut().remove(HOST);
    Some(head)
}

/// Waits for the head of a response, and brings the body out meanwhile.
async fn wait(
    request: &Outgoing<'_>,
    response: &mut ResponseFuture,
    upload: &mut Option<Upload>,
) -> Result<Response<h2::RecvStream>, Fault> {
    let mut seen = request.passage.pieces.load(Ordering::Relaxed);
    let mut interims = 0;
    let mut clock = pin!(tokio::time::sleep(request.patience));
    let mut until_asked = pin!(until_asked(
        upload.as_ref().is_some_and(|upload| upload.is_held)
    ));
    poll_fn(|context| {
        loop {
            poll_upload(upload, context)?;
            while let Poll::Ready(Some(Ok(interim))) = response.poll_informational(context) {
                interims += 1;
                if interims > MOST_INTERIM_ANSWERS {
                    return Poll::Ready(Err(Fault::Endless));
                }
                let (head, ()) = interim.into_parts();
                if head.status == StatusCode::CONTINUE {
                    release(upload);
                }
                request.interim.push(head.status, head.headers);
            }
            if let Poll::Ready(head) = Pin::new(&mut *response).poll(context) {
                return Poll::Ready(head.map_err(Fault::of));
            }
            let is_held = upload.as_ref().is_some_and(|upload| upload.is_held);
            if !is_held || until_asked.as_mut().poll(context).is_pending() {
                break;
            }
            release(upload);
        }
        while clock.as_mut().poll(context).is_ready() {
            let now = request.passage.pieces.load(Ordering::Relaxed);
            if now == seen {
                return Poll::Ready(Err(Fault::Timeout));
            }
            seen = now;
            clock.as_mut().reset(Instant::now() + request.patience);
        }
        Poll::Pending
    })
    .await
}

/// How long the body waits for a server that does not say whether it wants it (RFC 9110 §10.1.1).
async fn until_asked(is_held: bool) {
    if is_held {
        tokio::time::sleep(CONTINUE_TIMEOUT).await;
    }
}

fn release(upload: &mut Option<Upload>) {
    if let Some(upload) = upload {
        upload.is_held = false;
    }
}

/// Sends what there is of the body; it stays, for another attempt.
fn poll_upload(upload: &mut Option<Upload>, context: &mut Context<'_>) -> Result<(), Fault> {
    let Some(upload) = upload.as_mut().filter(|upload| !upload.is_held) else {
        return Ok(());
    };
    match upload.sender.poll_send(context, &mut upload.body) {
        Poll::Ready(Err(error)) => Err(Fault::Body(error)),
        _ => Ok(()),
    }
}

impl Exchange {
    /// What of the request's body has not gone out, where some of it has not.
    pub(in crate::proxy) fn upload(&self) -> Option<&RequestBody> {
        self.upload.as_ref().map(|upload| &upload.body)
    }

    /// The same for another attempt, which ends this one.
    pub(in crate::proxy) fn take_upload(&mut self) -> Option<RequestBody> {
        self.upload.take().map(|upload| upload.body)
    }

    /// This response is the one that the client gets. If the server has answered in place of asking for the body (RFC 9110 §10.1.1), nobody
    /// will ask for it any more.
    pub(in crate::proxy) fn settle(&mut self) {
        self.upload.take_if(|upload| upload.is_held);
    }

    /// How many bytes the server has taken, where some wait for it to take them.
    pub(in crate::proxy) fn blocked_upload(&self) -> Option<u64> {
        self.upload.as_ref()?.sender.blocked()
    }

    /// Sends what is left of the request's body. Ready when nothing is left, or the server takes no more.
    pub(in crate::proxy) fn poll_upload(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(upload) = &mut self.upload else {
            return Poll::Ready(Ok(()));
        };
        let sent = ready!(upload.sender.poll_send(context, &mut upload.body));
        if sent.is_err() {
            // Cut, so that it does not look whole to the server (RFC 9113 §8.1.1).
            upload.sender.cancel();
        }
        self.upload = None;
        Poll::Ready(sent.map(|_| ()))
    }
}

impl Body for Exchange {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        // A server may want to read on before it says more.
        if let Poll::Ready(Err(error)) = this.poll_upload(context) {
            return Poll::Ready(Some(Err(error)));
        }
        Pin::new(&mut this.received).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.received.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.received.size_hint()
    }
}
