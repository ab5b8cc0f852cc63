//! Sends one request over a connection of its own, in HTTP/1.1, through the dialer that all
//! connections of authsome use.
//!
//! Nothing here sends a request twice, because a refresh token can be used only once. The caller
//! limits the total time (`http.rs`).

use std::error::Error;
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HOST, HeaderMap, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::timeout;
use url::{Position, Url};

use super::error::{OAuthError, printable};
use super::http::host_of;
use crate::authority::Authority;
use crate::net::dial::{ConnectError, Dialer, innermost};
use crate::net::tls::{CertificateRequests, TlsRemedy, TlsTrouble};
use crate::net::user_proxy::UserProxy;

/// The limits for the head of a response: the number of its fields, and its size in bytes.
const MAX_FIELDS: usize = 500;
const MAX_HEAD: usize = 128 * 1024;

/// How long to wait, after the TLS handshake, for the server to reject the connection.
const LAST_WORD: Duration = Duration::from_secs(5);

/// Opens connections with the TLS settings of one stored connection.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    dialer: Arc<Dialer>,
    tls: Arc<ClientConfig>,
    certificate_requests: Arc<CertificateRequests>,
}

/// A response whose body is still to be read.
pub(super) struct StreamedResponse {
    url: Url,
    status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
    connection: Connection,
}

/// The byte stream that HTTP runs on: TCP or TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Http = http1::Connection<TokioIo<Box<dyn Stream>>, Full<Bytes>>;

/// Drives the HTTP connection while somebody waits for a result of it, instead of in a task of its
/// own. So after a stop of the whole process, the first poll finds what has arrived, before any
/// deadline is checked.
struct Connection(Option<Pin<Box<Http>>>);

impl Connection {
    async fn serve<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        if let Some(http) = &mut self.0 {
            tokio::select! {
                biased;
                _ = http => self.0 = None, // `work` itself gets the error
                output = &mut work => return output,
            }
        }
        work.await
    }
}

impl Transport {
    pub(super) fn new(dialer: Arc<Dialer>, mut tls: ClientConfig) -> Self {
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let certificate_requests = CertificateRequests::watch(&mut tls);
        Self {
            dialer,
            tls: Arc::new(tls),
            certificate_requests,
        }
    }

    /// Whether a server has asked for a client certificate although this connection has none.
    pub(super) fn lacks_certificate(&self) -> bool {
        self.certificate_requests.are_unmet()
    }

    /// Checks that a connection can be made.
    pub(super) async fn touch(&self, url: &Url) -> Result<(), OAuthError> {
        self.connect(url, &authority(url)?).await.map(drop)
    }

    /// Checks that the server can be reached and is trusted. It sends no request: the response
    /// would not matter, and some servers drop a connection with an unexpected request.
    pub(super) async fn reach(&self, url: &Url) -> Result<(), OAuthError> {
        let mut stream = self.connect(url, &authority(url)?).await?;
        // A TLS 1.3 server rejects a missing client certificate only after the client has finished
        // its handshake (RFC 8446 §4.4.2). Nothing else is expected to arrive here.
        let mut first = [0];
        let Ok(Err(error)) = timeout(LAST_WORD, stream.read(&mut first)).await else {
            return Ok(());
        };
        let trouble = TlsTrouble::from(&error);
        if trouble.remedy == TlsRemedy::Unknown {
            return Ok(());
        }
        let host = host_of(url);
        Err(OAuthError::Tls { host, trouble })
    }

    /// Sends one request, and waits for the head of its response.
    pub(super) async fn send(
        &self,
        url: &Url,
        request: Request<Vec<u8>>,
    ) -> Result<StreamedResponse, OAuthError> {
        let authority = authority(url)?;
        let request = self.prepare(url, &authority, request)?;
        let stream = self.connect(url, &authority).await?;
        let (mut sender, http) = http1::Builder::new()
            .max_headers(MAX_FIELDS)
            .max_buf_size(MAX_HEAD)
            .allow_spaces_after_header_name_in_responses(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(url, &error, false))?;
        let mut connection = Connection(Some(Box::pin(http)));
        let response = connection.serve(sender.send_request(request));
        let (head, body) = response
            .await
            .map_err(|error| broken(url, &error, true))?
            .into_parts();
        Ok(StreamedResponse {
            url: url.clone(),
            status: head.status,
            headers: head.headers,
            body,
            connection,
        })
    }

    async fn connect(&self, url: &Url, place: &Authority) -> Result<Box<dyn Stream>, OAuthError> {
        let connected: Result<Box<dyn Stream>, ConnectError> = match url.scheme() {
            "http" => match self.dialer.dial_plain(place).await {
                Ok(link) => Ok(Box::new(link)),
                Err(error) => Err(error),
            },
            _ => match self.dialer.dial_tls(place, Arc::clone(&self.tls)).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(error),
            },
        };
        let host = host_of(url);
        connected.map_err(|error| match error {
            ConnectError::Timeout { through, .. } => OAuthError::Timeout {
                host: match through {
                    Some(proxy) => format!("{host} through {proxy}"),
                    None => host,
                },
                sent: false,
            },
            ConnectError::Starved(shortage) => OAuthError::Starved { host, shortage },
            // Some TLS 1.2 servers only report that the handshake failed.
            ConnectError::Tls(trouble)
                if self.lacks_certificate()
                    && matches!(trouble.remedy, TlsRemedy::Modern | TlsRemedy::Unknown) =>
            {
                OAuthError::Tls {
                    host,
                    trouble: TlsTrouble::without_client_certificate(&format!(
                        "ends TLS: {trouble}"
                    )),
                }
            }
            ConnectError::Tls(trouble) => OAuthError::Tls { host, trouble },
            // No address is refused here: these are the endpoints of the user's connections.
            error @ ConnectError::Refused { .. } => OAuthError::Unreachable {
                host,
                reason: printable(&error.to_string()),
                sent: false,
            },
            ConnectError::Unreachable(reason) => OAuthError::Unreachable {
                host,
                reason: printable(&reason),
                sent: false,
            },
        })
    }

    /// Sets the request target, in the form that a proxy or a server needs (RFC 9112 §3.2), and the
    /// fields that every request has.
    fn prepare(
        &self,
        url: &Url,
        place: &Authority,
        request: Request<Vec<u8>>,
    ) -> Result<Request<Full<Bytes>>, OAuthError> {
        let is_plain = url.scheme() == "http";
        let host = place.in_url(if is_plain { 80 } else { 443 });
        let proxy = self.dialer.absolute_form_proxy(place);
        let proxy = proxy.filter(|_| is_plain);
        let path = &url[Position::BeforePath..Position::AfterQuery];
        let target = match proxy {
            Some(_) => format!("http://{host}{path}"),
            None => path.to_owned(),
        };
        let (mut parts, body) = request.into_parts();
        parts.uri = target.parse().map_err(|_| not_a_url(url))?;
        let host = HeaderValue::try_from(host).map_err(|_| not_a_url(url))?;
        parts.headers.insert(HOST, host);
        let agent = concat!("authsome/", env!("CARGO_PKG_VERSION"));
        parts
            .headers
            .insert(USER_AGENT, HeaderValue::from_static(agent));
        parts
            .headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        if let Some(authorization) = proxy.and_then(UserProxy::basic_authorization) {
            parts.headers.insert(PROXY_AUTHORIZATION, authorization);
        }
        Ok(Request::from_parts(parts, Full::from(body)))
    }
}

impl StreamedResponse {
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The next piece of the body.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, OAuthError> {
        loop {
            match self.connection.serve(self.body.frame()).await {
                None => return Ok(None),
                Some(Err(error)) => return Err(broken(&self.url, &error, true)),
                // A frame without data holds trailers, which are not needed.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// The body is left out, because it may contain a token.
impl fmt::Debug for StreamedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamedResponse")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

fn authority(url: &Url) -> Result<Authority, OAuthError> {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_matches(['[', ']']); // around an IPv6 address
    let port = url.port_or_known_default().unwrap_or_default();
    Authority::new(bare, port).ok_or_else(|| not_a_url(url))
}

fn not_a_url(url: &Url) -> OAuthError {
    OAuthError::Unreachable {
        host: host_of(url),
        reason: "its URL cannot be asked for".to_owned(),
        sent: false,
    }
}

/// The URL is left out, because it could contain a code.
fn broken(url: &Url, error: &hyper::Error, sent: bool) -> OAuthError {
    let cause = error.source().and_then(<dyn Error>::downcast_ref);
    if let Some(trouble) = cause.and_then(TlsTrouble::of_client_certificate) {
        let host = host_of(url);
        // A server does not process a request before it has accepted the client's certificate.
        return OAuthError::Tls { host, trouble };
    }
    OAuthError::Unreachable {
        host: host_of(url),
        reason: printable(&innermost(error)),
        sent,
    }
}
