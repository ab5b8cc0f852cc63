//! How authsome talks to an authorization server: verified TLS, no redirects, only small JSON
//! responses, and a limited time.

mod judge;
mod requests;

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{CONTENT_TYPE, DATE, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Request, StatusCode};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use url::Url;

use self::judge::{judge, judge_content};
pub(super) use self::requests::Question;
use self::requests::{asking, first_message, get, is_bearer};
use super::error::OAuthError;
use super::transport::Transport;
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
    /// Checks that a connection to the server can be made, in TLS where its URL is https.
    pub async fn connect(&self, server: &Url) -> Result<(), OAuthError> {
        self.0.touch(server).await
    }

    /// The same, and that the server goes on with it: this takes some seconds.
    pub async fn reach(&self, server: &Url) -> Result<(), OAuthError> {
        self.0.reach(server).await
    }

    /// The time by the server's clock (RFC 9110 §6.6.1), if it tells. The request carries no
    /// credential.
    pub async fn date_of(&self, server: &Url) -> Result<Option<SystemTime>, OAuthError> {
        let mut request = Request::new(Vec::new());
        *request.method_mut() = Method::HEAD;
        let mut root = server.clone();
        root.set_path("/");
        root.set_query(None);
        let response = self.0.send(&root, request).await?;
        let date = response
            .headers()
            .get(DATE)
            .and_then(|date| date.to_str().ok());
        Ok(date.and_then(|date| httpdate::parse_http_date(date).ok()))
    }

    /// Sends one request for the `oauth2` crate. Returns JSON with a status that is about the
    /// request. Everything else is an error.
    pub(super) async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, OAuthError> {
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

    /// Sends a `GET` request without a credential, and expects JSON.
    pub(super) async fn get_json(&self, url: &Url) -> Result<serde_json::Value, OAuthError> {
        self.json_of(url, get(url)?).await
    }

    /// Sends a request with a credential, and expects JSON.
    pub(super) async fn json_with(
        &self,
        question: &Question<'_>,
    ) -> Result<serde_json::Value, OAuthError> {
        self.json_of(question.url, asking(question)?).await
    }

    async fn json_of(
        &self,
        url: &Url,
        (url_sent, request): (Url, HttpRequest),
    ) -> Result<serde_json::Value, OAuthError> {
        let host = host_of(url);
        let exchange = async {
            let response = self.0.send(&url_sent, request).await?;
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

    /// Sends a request with a credential. A status of a client's fault comes without a body.
    pub(super) async fn json_exchange(
        &self,
        url: &Url,
        request: HttpRequest,
    ) -> Result<(u16, Vec<u8>), OAuthError> {
        let host = host_of(url);
        let exchange = async {
            let response = self.0.send(url, request).await?;
            let status = response.status();
            let body = if status.is_client_error() {
                Vec::new()
            } else {
                judge(&host, response).await?
            };
            Ok((status.as_u16(), body))
        };
        in_time(&host, Box::pin(exchange)).await
    }

    /// What a protected resource says to a request without a credential: the `WWW-Authenticate`
    /// field of its 401 (RFC 9728 §5.1). Some answer only the request that their protocol begins
    /// with.
    pub(super) async fn challenge(&self, resource: &Url) -> Result<Option<String>, OAuthError> {
        let host = host_of(resource);
        for request in [get(resource)?.1, first_message(resource)?] {
            let exchange = async { self.0.send(resource, request).await };
            let response = in_time(&host, Box::pin(exchange)).await;
            let response = response.map_err(|error| self.blame_certificate(error))?;
            if response.status() == StatusCode::UNAUTHORIZED {
                let fields = response.headers().get_all(WWW_AUTHENTICATE).iter();
                let mut texts = fields.filter_map(|field| field.to_str().ok());
                return Ok(texts.find(|text| is_bearer(text)).map(str::to_owned));
            }
        }
        Ok(None)
    }

    /// Sends a request with a credential; only the status of its response counts.
    pub(super) async fn status(&self, question: &Question<'_>) -> Result<u16, OAuthError> {
        let host = host_of(question.url);
        let (url, request) = asking(question)?;
        let exchange = async { Ok(self.0.send(&url, request).await?.status().as_u16()) };
        in_time(&host, Box::pin(exchange)).await
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
