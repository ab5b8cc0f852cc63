//! The origin: an HTTPS server of one thread that answers 401 unless the real credential arrives,
//! so that every 200 that is counted is an injection that worked.

mod text;

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Interval, interval};
use tokio_rustls::TlsAcceptor;

use crate::clock::monotonic_nanoseconds;
use crate::failure::Failure;
use crate::process::Place;
use crate::wire::{self, OriginSetup};

/// A response up to this size is sent in one piece.
const PIECE: usize = 64 * 1024;

/// The hidden subcommand: says on which port it listens, and serves until its parent closes its
/// stdin.
pub(crate) fn run() -> Result<(), Failure> {
    Place::Ends.enter()?;
    let setup: OriginSetup = wire::receive(&mut io::stdin().lock())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        wire::send(&mut io::stdout(), &listener.local_addr()?)?;
        let tls = TlsAcceptor::from(Arc::new(tls_config(&setup)?));
        let expected: Arc<[u8]> = format!("Bearer {}", setup.bearer).into_bytes().into();
        let (closed, parent_gone) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            let _ = closed.send(());
        });
        tokio::select! {
            outcome = serve(listener, tls, expected) => outcome,
            _ = parent_gone => Ok(()),
        }
    })
}

fn tls_config(setup: &OriginSetup) -> Result<ServerConfig, Failure> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(&setup.certificate)?],
            PrivateKeyDer::from_pem_file(&setup.key)?,
        )?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

async fn serve(
    listener: TcpListener,
    tls: TlsAcceptor,
    expected: Arc<[u8]>,
) -> Result<(), Failure> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (tls, expected) = (tls.clone(), Arc::clone(&expected));
        tokio::spawn(async move {
            // Whoever broke it off has seen the error.
            let _ = connection(stream, tls, expected).await;
        });
    }
}

async fn connection(
    stream: TcpStream,
    tls: TlsAcceptor,
    expected: Arc<[u8]>,
) -> Result<(), Failure> {
    let stream = tls.accept(stream).await?;
    let service = service_fn(move |request| respond(request, Arc::clone(&expected)));
    auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await
}

async fn respond(
    request: Request<Incoming>,
    expected: Arc<[u8]>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, hyper::Error> {
    let credential = request
        .headers()
        .get(AUTHORIZATION)
        .map(HeaderValue::as_bytes);
    if credential != Some(&*expected) {
        return Ok(status(StatusCode::UNAUTHORIZED));
    }
    let number = |name| query_number(request.uri().query(), name);
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/api/v4/download") => {
            let file = pattern(number("bytes"));
            Ok(with_type(Response::new(file), "application/octet-stream"))
        }
        (&Method::GET, "/api/v4/small-text") => {
            let text = pattern(number("bytes"));
            Ok(with_type(Response::new(text), "application/json"))
        }
        (&Method::GET, "/api/v4/text") => Ok(text::response(
            number("bytes"),
            request.uri().query(),
            &expected,
        )),
        (&Method::GET, "/api/v4/events") => {
            let events = Events::every(number("interval_ms"), number("count")).boxed();
            Ok(with_type(Response::new(events), "text/event-stream"))
        }
        (&Method::POST, "/api/v4/upload") => {
            let mut body = request.into_body();
            let mut received = 0;
            while let Some(frame) = body.frame().await {
                received += frame?.data_ref().map_or(0, Bytes::len);
            }
            Ok(Response::new(Full::from(received.to_string()).boxed()))
        }
        _ => Ok(status(StatusCode::NOT_FOUND)),
    }
}

fn with_type<B>(mut response: Response<B>, kind: &'static str) -> Response<B> {
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn status(code: StatusCode) -> Response<BoxBody<Bytes, Infallible>> {
    let mut response = Response::new(Full::default().boxed());
    *response.status_mut() = code;
    response
}

fn query_number(query: Option<&str>, name: &str) -> u64 {
    let pairs = query.unwrap_or_default().split('&');
    let value = pairs
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name);
    value.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
}

/// So many bytes of no meaning.
fn pattern(bytes: u64) -> BoxBody<Bytes, Infallible> {
    static FILLER: [u8; PIECE] = [b'x'; PIECE];
    let filler = Bytes::from_static(&FILLER);
    match usize::try_from(bytes) {
        Ok(bytes) if bytes <= PIECE => Full::new(filler.slice(..bytes)).boxed(),
        _ => Long {
            filler,
            left: bytes,
        }
        .boxed(),
    }
}

/// A long response of known length.
struct Long {
    filler: Bytes,
    left: u64,
}

impl Body for Long {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = usize::try_from(self.left).unwrap_or(PIECE).min(PIECE);
        self.left -= length as u64;
        Poll::Ready(Some(Ok(Frame::data(self.filler.slice(..length)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Server-sent events, each with the time it was sent.
struct Events {
    ticks: Interval,
    left: u64,
}

impl Events {
    fn every(milliseconds: u64, count: u64) -> Self {
        Self {
            ticks: interval(Duration::from_millis(milliseconds.max(1))),
            left: count,
        }
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        std::task::ready!(self.ticks.poll_tick(context));
        self.left -= 1;
        let event = format!("data: {}\n\n", monotonic_nanoseconds());
        Poll::Ready(Some(Ok(Frame::data(event.into()))))
    }
}
