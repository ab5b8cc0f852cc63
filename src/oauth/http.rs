//! How the program talks to an authorization server: verified TLS, no redirects, small JSON answers only, in bounded time.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::{Client, Proxy, RequestBuilder, Response, Url, redirect, retry};
use rustls::ClientConfig;

use super::error::{OAuthError, printable};
use crate::resolve::Resolve;
use crate::tls::{TlsRemedy, Trust, rustls_error};
use crate::user_proxy::{UserProxies, UserProxy, UserProxyError};

/// How long a connection to the authorization server may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a whole exchange may take. (The end of a session waits less long for it: `connection/credentials.rs`.)
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest answer that is read. Token responses have some hundred bytes; one with JWTs a few thousand.
const LARGEST_ANSWER: usize = 128 * 1024;

/// The longest wait a server can ask for with `Retry-After`.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Makes the clients of one process: what all of them trust, and by which way they go.
#[derive(Clone, Debug)]
pub struct HttpClients {
    trust: Arc<Trust>,
    ways: Ways,
}

impl HttpClients {
    /// Clients with that trust, those addresses and the user's own proxies.
    pub fn new(trust: Arc<Trust>, resolve: &[Resolve], proxies: Arc<UserProxies>) -> Self {
        let resolve = resolve.into();
        Self {
            trust,
            ways: Ways { resolve, proxies },
        }
    }

    /// The client for one server; `ca_pem` is the connection's own CA.
    pub fn for_server(&self, server: &Url, ca_pem: Option<&str>) -> Result<HttpClient, OAuthError> {
        let connection_ca: Vec<_> = ca_pem.into_iter().collect();
        let tls = self.trust.client_config(&connection_ca)?;
        HttpClient::new(tls, self.ways.clone(), server)
    }
}

/// By which ways servers are reached.
#[derive(Clone, Debug)]
struct Ways {
    resolve: Arc<[Resolve]>,
    proxies: Arc<UserProxies>,
}

impl Ways {
    /// The user's proxy for a URL; a name that was given an address is reached there.
    fn proxy(&self, url: &Url) -> Result<Option<&UserProxy>, UserProxyError> {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Ok(None);
        };
        let given = |entry: &Resolve| entry.host == host && entry.port == port;
        if self.resolve.iter().any(given) {
            return Ok(None);
        }
        let host = host.trim_matches(['[', ']']); // an IPv6 address
        match url.scheme() {
            "http" => self.proxies.for_http(host, port),
            _ => self.proxies.for_https(host, port),
        }
    }
}

/// An HTTP client for one authorization server.
#[derive(Clone, Debug)]
pub struct HttpClient {
    inner: Client,
    ways: Ways,
}

impl HttpClient {
    /// A client with that trust; the addresses that were given for the port of `server` apply.
    fn new(tls: ClientConfig, ways: Ways, server: &Url) -> Result<Self, OAuthError> {
        let chosen = ways.clone();
        // An unusable proxy is none to reqwest, which would go direct: `Self::send` does not let it come to that.
        let proxy = Proxy::custom(move |url| {
            let proxy = chosen.proxy(url).ok()??;
            Some(proxy.url().expose().clone())
        });
        let mut builder = Client::builder()
            .user_agent(concat!("authsome/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            // A refresh token is spent by one request: nothing below may send it twice.
            .retry(retry::never())
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(EXCHANGE_TIMEOUT)
            .referer(false)
            .proxy(proxy); // and none that reqwest would find in the environment by itself
        for entry in ways
            .resolve
            .iter()
            .filter(|entry| Some(entry.port) == server.port_or_known_default())
        {
            builder = builder.resolve(&entry.host, SocketAddr::new(entry.address, entry.port));
        }
        Ok(Self {
            inner: builder.build().map_err(OAuthError::Client)?,
            ways,
        })
    }

    /// Sends a request to a server, by the way that leads there.
    async fn send(&self, url: &Url, request: RequestBuilder) -> Result<Response, OAuthError> {
        let host = host_of(url);
        let proxy = self
            .ways
            .proxy(url)
            .map_err(|error| OAuthError::Unreachable {
                host: host.clone(),
                reason: error.to_string(),
                sent: false,
            })?;
        request.send().await.map_err(|error| match proxy {
            // Which of the two it was that could not be reached, or was not trusted, is in the reason, if anywhere.
            Some(proxy) if error.is_connect() => {
                transport_error(&format!("{host} through {proxy}"), &error)
            }
            _ => transport_error(&host, &error),
        })
    }

    /// Finds out whether anybody is there whom we trust. A connection proves it; whether and what they answer does not matter, as there are
    /// servers that drop HEAD, or answer it never. Only that they want a certificate of ours comes after the handshake (RFC 8446 §4.4.2).
    pub async fn reach(&self, server: &Url) -> Result<(), OAuthError> {
        let request = self.inner.head(server.clone());
        match self.send(server, request).await {
            Err(
                error @ (OAuthError::Unreachable { sent: false, .. }
                | OAuthError::Timeout { sent: false, .. }),
            ) => Err(error),
            Err(OAuthError::Tls { host, trouble }) if trouble.remedy != TlsRemedy::Unknown => {
                Err(OAuthError::Tls { host, trouble })
            }
            _ => Ok(()),
        }
    }

    /// One request for the `oauth2` crate. What comes back is JSON with a status that speaks about the request; the rest is an error.
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, OAuthError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|error| OAuthError::Unreachable {
            host: parts.uri.host().unwrap_or_default().to_owned(),
            reason: error.to_string(),
            sent: false,
        })?;
        let host = host_of(&url);
        let request = self.inner.request(parts.method, url.clone());
        let request = request.headers(parts.headers).body(body);
        let response = self.send(&url, request).await?;
        let status = response.status();
        let body = judge(&host, response).await?;
        let mut answer = HttpResponse::new(body);
        *answer.status_mut() = status;
        answer.headers_mut().insert(
            CONTENT_TYPE,
            reqwest::header::HeaderValue::from_static("application/json"),
        );
        Ok(answer)
    }

    /// As [`Self::exchange`], for an answer to a revocation: RFC 7009 §2.2 asks for status 200 only, the body may be of any type, or none.
    async fn revocation_exchange(&self, request: HttpRequest) -> Result<HttpResponse, OAuthError> {
        match self.exchange(request).await {
            Err(OAuthError::NotJson { status: 200, .. }) => Ok(HttpResponse::new(b"{}".to_vec())),
            other => other,
        }
    }

    /// `GET` with a bearer token, for a JSON answer.
    pub(super) async fn get_json(
        &self,
        url: &Url,
        bearer: &str,
    ) -> Result<serde_json::Value, OAuthError> {
        let host = host_of(url);
        let request = self.inner.get(url.clone()).bearer_auth(bearer);
        let request = request.header("accept", "application/json");
        let response = self.send(url, request).await?;
        if response.status().is_client_error() {
            return Err(OAuthError::Status {
                host,
                status: response.status().as_u16(),
                retry_after: None,
            });
        }
        let body = judge(&host, response).await?;
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

/// The `oauth2` crate's seam: its client is a function from request to response.
impl<'c> AsyncHttpClient<'c> for HttpClient {
    type Error = OAuthError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OAuthError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.exchange(request))
    }
}

/// The same client, for revocations.
pub(super) struct RevocationClient<'a>(pub(super) &'a HttpClient);

impl<'c> AsyncHttpClient<'c> for RevocationClient<'_> {
    type Error = OAuthError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OAuthError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.0.revocation_exchange(request))
    }
}

/// Reads an answer, if it is one that may be read.
async fn judge(host: &str, response: Response) -> Result<Vec<u8>, OAuthError> {
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
            retry_after: retry_after(&response),
        });
    }
    let content_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("no type");
    if !is_json(content_type) {
        let content_type = printable(content_type);
        return Err(OAuthError::NotJson {
            host,
            status: status.as_u16(),
            content_type,
        });
    }
    read_bounded(host, response).await
}

async fn read_bounded(host: String, mut response: Response) -> Result<Vec<u8>, OAuthError> {
    let mut body = Vec::with_capacity(4096);
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| transport_error(&host, &error))?
    {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(OAuthError::TooLarge {
                host,
                limit: LARGEST_ANSWER,
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// `application/json`, with parameters or a structured suffix (RFC 6839), in any case.
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

/// Whole seconds only; the date form (RFC 9110 §10.2.3) is rare on APIs and then our own back-off applies.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

/// Tells apart what may have reached the server and what has not; the URL, which could hold a code, is left out.
fn transport_error(host: &str, error: &reqwest::Error) -> OAuthError {
    let host = host.to_owned();
    let sent = !error.is_connect() && !error.is_builder();
    let mut causes: Vec<&(dyn std::error::Error + 'static)> = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        causes.push(cause);
        next = cause.source();
    }
    if let Some(tls) = causes.iter().find_map(|cause| rustls_error(*cause)) {
        return OAuthError::Tls {
            host,
            trouble: tls.into(),
        };
    }
    if error.is_timeout() {
        return OAuthError::Timeout { host, sent };
    }
    let reason = causes
        .last()
        .map_or_else(|| "the connection broke".to_owned(), ToString::to_string);
    OAuthError::Unreachable {
        host,
        reason: printable(&reason),
        sent,
    }
}

/// Host and port of a URL, for messages.
pub(super) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
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
