//! An HTTP/2 connection to a provider, and the exchanges on it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use h2::client::{ResponseFuture, SendRequest};
use http::header::HOST;
use http::request::Parts;
use http::{Request, Response, StatusCode, Uri, Version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::batch::Batch;
use super::exchange::{Exchange, Upload, poll_upload};
use super::fault::Fault;
use super::piece::Piece;
use super::read_after_write_error::ReadAfterWriteError;
use super::received::ReceivedBody;
use super::sender::Sender;
use crate::net::tls::TlsTrouble;
use crate::proxy::limits::{
    CONNECTION_WINDOW, FIRST_STREAMS, MAX_HEAD, MAX_HEADER_LIST, MAX_INTERIM_RESPONSES,
    MAX_RESET_STREAMS, SEND_BUFFER, STREAM_WINDOW,
};
use crate::proxy::message::body::Streamed;
use crate::proxy::message::interim::Interim;

/// A connection that speaks HTTP/2. It closes when its last clone and its last stream are gone.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Connection {
    requests: SendRequest<Piece>,
    has_served: Arc<AtomicBool>,
    certificate_trouble: Arc<OnceLock<TlsTrouble>>,
}

/// A request to send, and how its response is waited for.
#[derive(Debug)]
pub(in crate::proxy) struct Outgoing<'a> {
    pub(in crate::proxy) parts: &'a Parts,
    /// The authority of the request's URL.
    pub(in crate::proxy) authority: &'a http::uri::Authority,
    /// How many pieces of its body have been passed on: the wait for the response counts from the
    /// last one.
    pub(in crate::proxy) pieces: &'a AtomicU64,
    /// How long the response's head may take after the last part of the request was passed on.
    pub(in crate::proxy) response_timeout: Duration,
    /// Where its interim responses go.
    pub(in crate::proxy) interim: &'a Interim,
}

impl Connection {
    /// Starts HTTP/2 on a stream for which both sides have agreed on it.
    pub(in crate::proxy) async fn open<T>(io: T) -> Result<Self, h2::Error>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let certificate_trouble = Arc::default();
        let io = Batch::new(ReadAfterWriteError::new(io).noting_in(&certificate_trouble));
        let batch = io.clone();
        let (requests, mut connection) = h2::client::Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_max_send_streams(FIRST_STREAMS)
            .max_header_list_size(MAX_HEADER_LIST)
            .max_send_buffer_size(SEND_BUFFER)
            // Frames may still arrive for a stream that the client has reset. That is no error of
            // the server, so it must not end the connection.
            .max_concurrent_reset_streams(MAX_RESET_STREAMS)
            .max_local_error_reset_streams(None)
            .handshake::<_, Piece>(io)
            .await?;
        tokio::spawn(poll_fn(move |context| {
            let ended = batch.after(Pin::new(&mut connection).poll(context), context);
            ended.map(drop) // each stream gets the error itself
        }));
        Ok(Self {
            requests,
            has_served: Arc::default(),
            certificate_trouble,
        })
    }

    /// Whether it accepts another request, as far as is known.
    pub(in crate::proxy) fn is_open(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        !matches!(self.requests.poll_ready(&mut context), Poll::Ready(Err(_)))
    }

    /// Whether it is the same connection.
    pub(in crate::proxy) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.has_served, &other.has_served)
    }

    /// Why the server closed it, if the reason is the client certificate.
    pub(in crate::proxy) fn certificate_trouble(&self) -> Option<&TlsTrouble> {
        self.certificate_trouble.get()
    }

    /// Whether a response has come on it. If none has, its close is not that of an idle connection,
    /// and no reason to send a request again.
    pub(in crate::proxy) fn has_served(&self) -> bool {
        self.has_served.load(Ordering::Relaxed)
    }

    /// Sends a request and waits for the head of its response, which may come before the whole
    /// request is sent. A fault comes with the part of the body that was not read, if there is one.
    pub(in crate::proxy) async fn exchange<B: Streamed>(
        &self,
        request: &Outgoing<'_>,
        body: B,
    ) -> Result<Response<Exchange<B>>, (Fault, Option<B>)> {
        let mut requests = self.requests.clone();
        if let Err(error) = poll_fn(|context| requests.poll_ready(context)).await {
            return Err((Fault::Unprocessed(error), Some(body)));
        }
        let ends = body.is_end_stream();
        let Some(head) = head_of(request) else {
            let unsendable = io::Error::from(io::ErrorKind::InvalidInput);
            return Err((Fault::Body(unsendable), Some(body)));
        };
        let (mut response, stream) = match requests.send_request(head, ends) {
            Ok(sent) => sent,
            Err(error) if error.is_io() || error.is_go_away() => {
                return Err((Fault::Unprocessed(error), Some(body)));
            }
            Err(error) => return Err((Fault::of(error), Some(body))),
        };
        let mut upload = (!ends).then(|| Upload {
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
            Err(fault) => Err((fault, upload.map(|upload| upload.body))),
        }
    }
}

/// The head of a request over HTTP/2. `Host` is removed, as `:authority` replaces it (RFC 9113
/// §8.3.1). The same host in a second spelling is at best redundant, and nginx responds to it with
/// 400.
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

/// Waits for the head of a response, and sends the body meanwhile.
async fn wait(
    request: &Outgoing<'_>,
    response: &mut ResponseFuture,
    upload: &mut Option<Upload<impl Streamed>>,
) -> Result<Response<h2::RecvStream>, Fault> {
    let mut seen = request.pieces.load(Ordering::Relaxed);
    let (mut interims, mut interim_bytes) = (0, 0);
    let mut clock = pin!(tokio::time::sleep(request.response_timeout));
    poll_fn(|context| {
        poll_upload(upload, context)?;
        while let Poll::Ready(Some(Ok(interim))) = response.poll_informational(context) {
            let (head, ()) = interim.into_parts();
            interims += 1;
            let fields = head.headers.iter();
            let sizes = fields.map(|(name, value)| name.as_str().len() + value.len());
            interim_bytes += sizes.sum::<usize>();
            // They are queued if the client does not read, so their number and size are limited.
            if interims > MAX_INTERIM_RESPONSES || interim_bytes > MAX_HEAD {
                return Poll::Ready(Err(Fault::Endless));
            }
            // HTTP/2 has no 101 (RFC 9113 §8.6), and the client did not ask for another protocol.
            if head.status != StatusCode::SWITCHING_PROTOCOLS {
                request.interim.push(head.status, head.headers);
            }
        }
        if let Poll::Ready(head) = Pin::new(&mut *response).poll(context) {
            return Poll::Ready(head.map_err(Fault::of));
        }
        while clock.as_mut().poll(context).is_ready() {
            let now = request.pieces.load(Ordering::Relaxed);
            if now == seen {
                return Poll::Ready(Err(Fault::Timeout));
            }
            seen = now;
            clock
                .as_mut()
                .reset(Instant::now() + request.response_timeout);
        }
        Poll::Pending
    })
    .await
}
