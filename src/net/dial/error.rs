//! Why there is no connection.

use std::time::Duration;

use super::shortage::Shortage;
use crate::net::tls::TlsTrouble;
use crate::net::user_proxy::UserProxyError;

/// Why there is no connection.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// This machine had no socket to give in time.
    #[error("{0}")]
    Starved(Shortage),
    /// No response in time.
    #[error("no connection within {} s", .after.as_secs())]
    Timeout {
        /// The wait.
        after: Duration,
        /// The user's proxy, where the way leads through one.
        through: Option<String>,
    },
    /// The certificate does not verify, or TLS failed otherwise.
    #[error("{0}")]
    Tls(TlsTrouble),
    /// The name does not resolve, nobody listens, or the user's proxy refused.
    #[error("{0}")]
    Unreachable(String),
}

impl From<UserProxyError> for ConnectError {
    fn from(error: UserProxyError) -> Self {
        Self::Unreachable(error.to_string())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(super) fn unreachable(error: std::io::Error) -> ConnectError {
    ConnectError::Unreachable(error.to_string())
}

/// The cause that says most: the last one.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
