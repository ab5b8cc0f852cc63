//! The device authorization grant (RFC 8628): the user consents on another device.
//!
//! ```text
//! begin --> DeviceAuthorization -- wait --+-- pending, slow_down --> wait on
//!           (a code and a URL to show)    +-- unreachable, 408, 429, 5xx --> wait longer
//!                                         +-- a token --> TokenSet
//!                                         +-- stopped, between two requests --> None
//!                                         +-- denied, expired, any other error --> Err
//! ```

use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oauth2::{
    AsyncHttpClient, DeviceAuthorizationUrl, HttpRequest, HttpResponse, RequestTokenError, Scope,
    StandardDeviceAuthorizationResponse,
};
use tokio::sync::Notify;
use url::Url;

use super::error::{OAuthError, printable};
use super::http::{HttpClient, host_of};
use super::token::{TokenClient, TokenSet};
use super::{OAuthClient, RequestStyle};
use crate::secret::Secret;

/// For how long a code is waited for at most, whatever the server says.
const MAX_LIFETIME: Duration = Duration::from_hours(1);

/// Between these, the pause between two requests is the server's choice.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
const MAX_INTERVAL: Duration = Duration::from_mins(1);

/// A request that the user has not answered yet.
pub struct DeviceAuthorization {
    client: OAuthClient,
    details: StandardDeviceAuthorizationResponse,
}

impl OAuthClient {
    /// Asks for a code that the user enters elsewhere (RFC 8628 §3.1).
    pub async fn begin_device(
        self,
        endpoint: &Url,
        scopes: &str,
        http: &HttpClient,
    ) -> Result<DeviceAuthorization, OAuthError> {
        let host = host_of(endpoint);
        let client = self.client();
        let client =
            client.set_device_authorization_url(DeviceAuthorizationUrl::from_url(endpoint.clone()));
        let mut request = client.exchange_device_code();
        if !scopes.is_empty() {
            request = request.add_scope(Scope::new(scopes.to_owned()));
        }
        let asking = TokenClient::new(http, &self.style);
        let details = request.request_async(&asking).await.map_err(|error| {
            OAuthError::from_token_request(&host, error).without(&[self.secret_text()])
        })?;
        if details.interval() > MAX_INTERVAL {
            let reason = "it allows less than one request a minute".to_owned();
            return Err(OAuthError::Malformed { host, reason });
        }
        Ok(DeviceAuthorization {
            client: self,
            details,
        })
    }
}

impl DeviceAuthorization {
    /// The code that the user enters.
    pub fn user_code(&self) -> String {
        printable(self.details.user_code().secret())
    }

    /// Where the user enters it.
    pub fn verification_uri(&self) -> String {
        printable(self.details.verification_uri())
    }

    /// The same with the code in it, if the server has such a URL (RFC 8628 §3.3.1).
    pub fn complete_uri(&self) -> Option<Secret<String>> {
        let uri = self.details.verification_uri_complete()?;
        Some(Secret::new(printable(uri.secret())))
    }

    /// How long the code is good.
    pub fn lifetime(&self) -> Duration {
        self.details.expires_in().min(MAX_LIFETIME)
    }

    /// Asks again and again whether the user has consented, as slowly as the server wants (RFC 8628
    /// §3.5), until the code expires. `None` if `stopped` ended in between. It ends between two
    /// requests only: the server may have granted one that is under way. With `json`, the requests
    /// are JSON, which some servers require.
    pub async fn wait(
        self,
        http: &HttpClient,
        json: bool,
        stopped: impl Future<Output = ()>,
    ) -> Result<Option<TokenSet>, OAuthError> {
        let lifetime = self.lifetime();
        let Self { client, details } = self;
        let host = host_of(&client.token_endpoint);
        let style = RequestStyle {
            json: json || client.style.json,
            ..client.style.clone()
        };
        let polls = Polls {
            client: TokenClient::new(http, &style),
            state: Mutex::default(),
            ended: Notify::new(),
        };
        let request = client.client();
        let request = request
            .exchange_device_access_token(&details)
            .set_max_backoff_interval(MAX_INTERVAL);
        let sleep = |pause: Duration| tokio::time::sleep(pause.max(MIN_INTERVAL));
        let mut asking = pin!(request.request_async(&polls, sleep, Some(lifetime)));
        let mut stopped = pin!(stopped);
        let response = loop {
            let is_stopped = polls.state().is_stopped;
            tokio::select! {
                biased;
                response = &mut asking => break response,
                () = polls.ended.notified() => {
                    let error = polls.state().fatal.take();
                    return error.map_or(Ok(None), Err);
                }
                () = &mut stopped, if !is_stopped => {
                    let mut state = polls.state();
                    if !state.is_asking {
                        return Ok(None);
                    }
                    state.is_stopped = true;
                }
            }
        };
        let sent = [client.secret_text(), details.device_code().secret()];
        let response = response.map_err(|error| match error {
            RequestTokenError::ServerResponse(response) => OAuthError::Refused {
                host: host.clone(),
                code: printable(response.error().as_ref()),
                description: response.error_description().map(|text| printable(text)),
            }
            .without(&sent),
            RequestTokenError::Request(error) => error,
            _ => OAuthError::Malformed {
                host: host.clone(),
                reason: "not a response of RFC 8628".to_owned(),
            },
        })?;
        response.into_token_set(&host).map(Some)
    }
}

/// The requests of one wait. The `oauth2` crate takes every error of its HTTP client for one that
/// passes; those that do not are told here.
struct Polls<'a> {
    client: TokenClient<'a>,
    state: Mutex<PollState>,
    /// A request has ended, and is the last one.
    ended: Notify,
}

#[derive(Default)]
struct PollState {
    /// A request is under way.
    is_asking: bool,
    /// No further request is to follow.
    is_stopped: bool,
    /// An error that does not pass.
    fatal: Option<OAuthError>,
}

impl Polls<'_> {
    fn state(&self) -> MutexGuard<'_, PollState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'c> AsyncHttpClient<'c> for Polls<'_> {
    type Error = OAuthError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OAuthError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        self.state().is_asking = true;
        Box::pin(async move {
            let response = self.client.call(request).await;
            let passed = {
                let mut state = self.state();
                state.is_asking = false;
                let passed = match response {
                    Err(error) if !passes(&error) => {
                        state.fatal = Some(error);
                        None
                    }
                    response => Some(response),
                };
                if passed.is_none() || state.is_stopped {
                    // What asked is polled before this is, so a token is seen first.
                    self.ended.notify_one();
                }
                passed
            };
            match passed {
                Some(response) => response,
                None => std::future::pending().await,
            }
        })
    }
}

/// Whether the same request may succeed a moment later.
fn passes(error: &OAuthError) -> bool {
    matches!(
        error,
        OAuthError::Starved { .. }
            | OAuthError::Status { .. }
            | OAuthError::Timeout { .. }
            | OAuthError::Unreachable { .. }
    )
}
