//! How authsome talks to an authorization server: verified TLS, no redirects, only small JSON
//! responses, and a limited time.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use http::{Method, Request, StatusCode};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use url::Url;

use super::error::{OAuthError, printable};
use super::response;
use super::transport::{StreamedResponse, Transport};
use crate::content_coding;
use crate::net::dial::{Dialer, Queue};
use crate::net::resolve::Resolve;
use crate::net::tls::{ClientCertificate, TlsTrouble, Trust};
use crate::net::user_proxy::UserProxies;
pub(super) use crate::text::host_of;
use crate::waiting::at_most;

/// How long the connection to the authorization server may take; the TLS handshake may take as long
/// again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a whole exchange may take. Time in which this process was stopped does not count
/// (`waiting.rs`).
pub const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest response body that is read. Token responses have some hundred bytes; with JWTs in
/// them, a few thousand.
const MAX_RESPONSE: usize = 128 * 1024;

/// The initial capacity of the buffer for a response body.
const FIRST_ROOM: usize = 4096;

/// The longest wait that a server can request with `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Makes the HTTP clients of one process. They share the trusted root certificates and the dialer.
#[derive(Clone, Debug)]
pub struct HttpClients {
    trust: Arc<Trust>,
    dialer: Arc<Dialer>,
    queue: Arc<Queue>,
}

impl HttpClients {
    /// Clients with these trusted roots, these fixed addresses, and the user's own proxies.
    pub fn new(trust: Arc<Trust>, resolve: &[Resolve], proxies: Arc<UserProxies>) -> Self {
        let queue = Arc::<Queue>::default();
        let dialer = Dialer::new(
            resolve,
            proxies,
            Arc::clone(&trust),
            CONNECT_TIMEOUT,
            Arc::clone(&queue),
            None,
        );
        Self {
            trust,
            dialer: Arc::new(dialer),
            queue,
        }
    }

    /// The queue in which its connections wait for a file descriptor. All other connections of the
    /// process should wait in the same one.
    pub fn queue(&self) -> Arc<Queue> {
        Arc::clone(&self.queue)
    }

    /// The client for one connection. `ca_pem` is the connection's own CA, and `certificate` is
    /// presented to servers that ask for one.
    pub fn for_connection(
        &self,
        ca_pem: Option<&str>,
        certificate: Option<&ClientCertificate>,
    ) -> Result<HttpClient, OAuthError> {
        let connection_ca: Vec<_> = ca_pem.into_iter().collect();
        let tls = self.trust.client_config(&connection_ca, certificate)?;
        Ok(HttpClient(Transport::new(Arc::clone(&self.dialer), tls)))
    }
}

/// An HTTP client for the authorization server of one connection.
#[derive(Clone, Debug)]
pub struct HttpClient(Transport);

impl HttpClient {
    /// Checks that the server can be reached and is trusted.
    pub async fn reach(&self, server: &Url) -> Result<(), OAuthError> {
        self.0.reach(server).await
    }

    /// Sends one request for the `oauth2` crate. Returns JSON with a status that is about the
    /// request. Everything else is an error.
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, OAuthError> {
        let uri = request.uri();
        let url = Url::parse(&uri.to_string()).map_err(|error| OAuthError::Unreachable {
            host: uri.host().unwrap_or_default().to_owned(),
            reason: error.to_string(),
            sent: false,
        })?;
        let host = host_of(&url);
        let exchange = async {
            let response = self.0.send(&url, request).await?;
            judge_content(&host, response).await
        };
        let exchanged = in_time(&host, Box::pin(exchange)).await;
        let (status, body) = exchanged.map_err(|error| self.blame_certificate(error))?;
        let mut response = HttpResponse::new(body);
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }

    /// nginx lets a client without a certificate complete the TLS handshake, and then responds with
    /// 400 and an HTML page. Other servers respond with 403.
    fn blame_certificate(&self, error: OAuthError) -> OAuthError {
        match error {
            OAuthError::NotJson {
                host,
                status: status @ (400 | 403 | 495 | 496), // the last two are nginx's own
                ..
            } if self.0.lacks_certificate() => OAuthError::Tls {
                host,
                trouble: TlsTrouble::without_client_certificate(&format!("answers {status}")),
            },
            other => other,
        }
    }

    /// As [`Self::exchange`], for the response to a revocation. Only its status counts (RFC 7009
    /// §2.2); its body may be of any type, or be missing.
    async fn revocation_exchange(&self, request: HttpRequest) -> Result<HttpResponse, OAuthError> {
        match self.exchange(request).await {
            Err(OAuthError::NotJson {
                status: 200..=299, ..
            }) => Ok(HttpResponse::new(b"{}".to_vec())),
            Ok(mut response) if response.status().is_success() => {
                *response.status_mut() = StatusCode::OK;
                Ok(response)
            }
            other => other,
        }
    }

    /// Sends a `GET` request with a bearer token, and expects JSON.
    pub(super) async fn get_json(
        &self,
        url: &Url,
        bearer: &str,
    ) -> Result<serde_json::Value, OAuthError> {
        let host = host_of(url);
        let mut request = Request::new(Vec::new());
        *request.method_mut() = Method::GET;
        let headers = request.headers_mut();
        let bearer = HeaderValue::try_from(format!("Bearer {bearer}"));
        let mut bearer = bearer.map_err(|_| OAuthError::Malformed {
            host: host.clone(),
            reason: "its token does not fit into a header".to_owned(),
        })?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let exchange = async {
            let response = self.0.send(url, request).await?;
            if response.status().is_client_error() {
                return Err(OAuthError::Status {
                    host: host.clone(),
                    status: response.status().as_u16(),
                    retry_after: None,
                });
            }
            judge(&host, response).await
        };
        let asked = in_time(&host, Box::pin(exchange)).await;
        let body = asked.map_err(|error| self.blame_certificate(error))?;
        serde_json::from_slice(&body).map_err(|error| OAuthError::Malformed {
            host,
            reason: format!(
                "JSON error at line {} column {}",
                error.line(),
                error.column()
            ),
        })
    }
}

/// The interface of the `oauth2` crate: its HTTP client is a function from request to response.
impl<'c> AsyncHttpClient<'c> for HttpClient {
    type Error = OAuthError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OAuthError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.exchange(request))
    }
}

/// The same client, but for revocations.
pub(super) struct RevocationClient<'a>(pub(super) &'a HttpClient);

impl<'c> AsyncHttpClient<'c> for RevocationClient<'_> {
    type Error = OAuthError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OAuthError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.0.revocation_exchange(request))
    }
}

/// Limits the time of an exchange, without the time in which this process was stopped. With a plain
/// timer, a process that resumes would time out before it reads a response that has already
/// arrived.
async fn in_time<T>(
    host: &str,
    exchange: impl Future<Output = Result<T, OAuthError>>,
) -> Result<T, OAuthError> {
    let answered = at_most(EXCHANGE_TIMEOUT, exchange).await;
    answered.unwrap_or_else(|| {
        Err(OAuthError::Timeout {
            host: host.to_owned(),
            sent: true,
        })
    })
}

/// Reads a JSON response, unless its status is an error of the server.
async fn judge(host: &str, response: StreamedResponse) -> Result<Vec<u8>, OAuthError> {
    speaks_of_the_request(host, &response)?;
    if let Some(error) = other_than_json(host, &response) {
        return Err(error);
    }
    let mut body = Vec::with_capacity(FIRST_ROOM);
    read_bounded(host, response, &mut body).await?;
    Ok(body)
}

/// The same for the OAuth endpoints. There, the content counts more than the content type and the
/// status that came with it (`response.rs`).
async fn judge_content(
    host: &str,
    response: StreamedResponse,
) -> Result<(StatusCode, Vec<u8>), OAuthError> {
    speaks_of_the_request(host, &response)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let unlike = other_than_json(host, &response);
    let mut body = Vec::with_capacity(FIRST_ROOM);
    let read = read_bounded(host, response, &mut body).await;
    if let Err(error @ OAuthError::TooLarge { .. }) = read {
        return Err(unlike.unwrap_or(error)); // an HTML page, not a token response
    }
    let plain = content_coding::decoded(&headers, &body, MAX_RESPONSE);
    if let Err(error) = read {
        // Once a token pair is issued, all that counts is whether it has arrived. A missing
        // `close_notify`, or a wrong `Content-Length`, must not lose it.
        return response::recognise_whole(status, &plain).ok_or(error);
    }
    match (response::recognise(status, &plain), unlike) {
        (Some(found), _) => Ok(found),
        (None, Some(error)) => Err(error),
        (None, None) => Ok((status, plain.into_owned())),
    }
}

/// Rejects a redirect, and any status which says that the server did not process the request,
/// whatever the content is.
fn speaks_of_the_request(host: &str, response: &StreamedResponse) -> Result<(), OAuthError> {
    let host = host.to_owned();
    let status = response.status();
    if status.is_redirection() {
        let location = response
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("nowhere");
        let location = response
            .url()
            .join(location)
            .map_or_else(|_| printable(location), |target| host_of(&target));
        return Err(OAuthError::Redirected {
            host,
            status: status.as_u16(),
            location,
        });
    }
    if status.is_server_error() || status.as_u16() == 429 || status.as_u16() == 408 {
        return Err(OAuthError::Status {
            host,
            status: status.as_u16(),
            retry_after: retry_after(response),
        });
    }
    Ok(())
}

/// The error for a response whose content type is not JSON.
fn other_than_json(host: &str, response: &StreamedResponse) -> Option<OAuthError> {
    let content_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("no type");
    (!is_json(content_type)).then(|| OAuthError::NotJson {
        host: host.to_owned(),
        status: response.status().as_u16(),
        content_type: printable(content_type),
    })
}

/// Reads the response body into `body`. If it breaks off, `body` has what arrived until then.
async fn read_bounded(
    host: &str,
    mut response: StreamedResponse,
    body: &mut Vec<u8>,
) -> Result<(), OAuthError> {
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_RESPONSE {
            return Err(OAuthError::TooLarge {
                host: host.to_owned(),
                limit: MAX_RESPONSE,
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(())
}

/// `application/json` or a type with the suffix `+json` (RFC 6839), in any case, with or without
/// parameters.
fn is_json(content_type: &str) -> bool {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads whole seconds only. The date form (RFC 9110 §10.2.3) is rare for APIs; for it, our own
/// back-off applies.
fn retry_after(response: &StreamedResponse) -> Option<Duration> {
    let seconds = response
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_json_by_its_type() {
        for good in [
            "application/json",
            "application/json; charset=utf-8",
            "Application/JSON",
            "application/problem+json",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in ["text/html", "text/json", "application/jsonp", "", "no type"] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
