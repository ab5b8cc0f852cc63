//! What can go wrong with an authorization server, and what that means for a stored grant.

use std::time::Duration;

use oauth2::RequestTokenError;
use oauth2::basic::{BasicErrorResponse, BasicErrorResponseType};

use crate::net::dial::Shortage;
use crate::net::tls::TlsTrouble;
use crate::text::is_deceptive;

/// The maximum length of a server's error text that is passed on, in characters.
const MAX_DESCRIPTION: usize = 300;

/// Why an authorization server gave no usable response. No variant contains the body of a response,
/// because the body could contain a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OAuthError {
    /// A success response that lacks what RFC 6749 §5.1 requires.
    #[error("the response from {host} is not a token response: {reason}")]
    Malformed {
        /// The server.
        host: String,
        /// What is wrong, without the body.
        reason: String,
    },
    /// The metadata of a resource or of its authorization server says what cannot be used.
    #[error("the OAuth metadata of {host} cannot be used: {reason}")]
    Metadata {
        /// The server.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// Something other than JSON, such as the HTML of a login page or a plain error page.
    #[error("{host} responded with {status} and {content_type} where JSON was expected")]
    NotJson {
        /// The server.
        host: String,
        /// Its status.
        status: u16,
        /// Its content type.
        content_type: String,
    },
    /// The server says nowhere how to log in.
    #[error("{host} says nowhere how to log in: it has no OAuth metadata")]
    NoMetadata {
        /// The server.
        host: String,
    },
    /// The provider has no revocation endpoint.
    #[error("the provider has no revocation endpoint")]
    NoRevocation,
    /// The kernel gave no random bytes.
    #[error("the system has no random bytes")]
    Random(#[from] getrandom::Error),
    /// A redirect. It is never followed, because the request carries a credential (RFC 9700 §4.12).
    #[error(
        "{host} responded with {status}, a redirect to {location}, which is not followed when a credential is sent"
    )]
    Redirected {
        /// The server.
        host: String,
        /// Its status.
        status: u16,
        /// The host that it points to.
        location: String,
    },
    /// An error response (RFC 6749 §5.2).
    #[error("{host} refused: {code}{}", .description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// The server.
        host: String,
        /// `invalid_grant`, `invalid_client`, …
        code: String,
        /// The server's description, printable and shortened.
        description: Option<String>,
    },
    /// A status that says nothing about the grant: 408, 429 or 5xx.
    #[error("{host} responded with {status}")]
    Status {
        /// The server.
        host: String,
        /// Its status.
        status: u16,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// This machine lacks a resource that a new connection needs, such as a file descriptor.
    #[error("no connection to {host} can be opened: {shortage}")]
    Starved {
        /// The server.
        host: String,
        /// Which resource.
        shortage: Shortage,
    },
    /// No complete response arrived in time.
    #[error("{host} did not respond in time")]
    Timeout {
        /// The server.
        host: String,
        /// Whether the request may have reached it.
        sent: bool,
    },
    /// The certificate could not be verified, or TLS failed for another reason.
    #[error("no trusted TLS connection to {host}: {trouble}")]
    Tls {
        /// The server.
        host: String,
        /// Why.
        trouble: TlsTrouble,
    },
    /// There are no usable root certificates to verify a server with.
    #[error(transparent)]
    Trust(#[from] crate::net::tls::TrustError),
    /// The body is larger than any token response.
    #[error("the response from {host} is larger than {limit} bytes")]
    TooLarge {
        /// The server.
        host: String,
        /// The bound.
        limit: usize,
    },
    /// The name does not resolve, nothing listens, or the connection broke.
    #[error("cannot reach {host}: {reason}")]
    Unreachable {
        /// The server.
        host: String,
        /// What the system reported.
        reason: String,
        /// Whether the request may have reached it.
        sent: bool,
    },
}

/// What a failed refresh says about the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshFailure {
    /// `invalid_client`, `unauthorized_client` and the like: the application's registration is
    /// wrong, but the grant may still be valid.
    Configuration,
    /// `invalid_grant`: the refresh token is used up or revoked, or the server's replica lags
    /// behind.
    Grant,
    /// The server may have processed the request, but its response was lost. The stored refresh
    /// token may be used up.
    LostResponse,
    /// Nothing is known to have changed; try again later.
    Transient {
        /// How long the server asked to wait.
        retry_after: Option<Duration>,
    },
}

impl OAuthError {
    /// What this failure of a refresh says about the grant.
    pub fn refresh_failure(&self) -> RefreshFailure {
        match self {
            Self::Refused { code, .. } if code == "invalid_grant" => RefreshFailure::Grant,
            // RFC 6749 §4.1.2.1 names these two as temporary; some servers send them from the token
            // endpoint as well.
            Self::Refused { code, .. }
                if code == "server_error" || code == "temporarily_unavailable" =>
            {
                RefreshFailure::Transient { retry_after: None }
            }
            Self::Refused { .. } => RefreshFailure::Configuration,
            Self::Status { retry_after, .. } => RefreshFailure::Transient {
                retry_after: *retry_after,
            },
            Self::Timeout { sent: true, .. }
            | Self::Unreachable { sent: true, .. }
            | Self::Malformed { .. }
            | Self::TooLarge { .. } => RefreshFailure::LostResponse,
            _ => RefreshFailure::Transient { retry_after: None },
        }
    }

    /// Whether the server could not be reached at all, as opposed to a server that refused.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Starved { .. }
                | Self::Unreachable { .. }
                | Self::Timeout { .. }
                | Self::Tls { .. }
        )
    }

    /// Masks the secrets that were sent, because a server may repeat them in its error text.
    pub(super) fn without(mut self, sent: &[&str]) -> Self {
        if let Self::Refused {
            description: Some(text),
            ..
        } = &mut self
        {
            for secret in sent.iter().filter(|secret| !secret.is_empty()) {
                *text = text.replace(secret, "***");
            }
        }
        self
    }

    /// Converts the `oauth2` crate's error. Its parse errors contain the response body, which is
    /// dropped here.
    pub(super) fn from_token_request(
        host: &str,
        error: RequestTokenError<Self, BasicErrorResponse>,
    ) -> Self {
        let host = host.to_owned();
        match error {
            RequestTokenError::Request(error) => error,
            RequestTokenError::ServerResponse(response) => refused(host, &response),
            RequestTokenError::Parse(error, _) => {
                let reason = format!(
                    "{} at line {} column {}",
                    error.path(),
                    error.inner().line(),
                    error.inner().column()
                );
                Self::Malformed { host, reason }
            }
            RequestTokenError::Other(reason) => Self::Malformed { host, reason },
        }
    }
}

fn refused(host: String, response: &BasicErrorResponse) -> OAuthError {
    let code: &BasicErrorResponseType = response.error();
    OAuthError::Refused {
        host,
        code: printable(code.as_ref()),
        description: response.error_description().map(|text| printable(text)),
    }
}

/// Makes a server's text safe for a terminal: without deceptive characters, and shortened.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .filter(|character| !is_deceptive(*character))
        .take(MAX_DESCRIPTION)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_cannot_move_the_cursor() {
        assert_eq!(
            printable("bad\u{1b}[2J\r\n\u{9b}1A\u{202e}thing"),
            "bad[2J1Athing"
        );
        assert_eq!(printable(&"x".repeat(1000)).len(), MAX_DESCRIPTION);
    }
}
