//! Why there is no connection.

use std::net::IpAddr;
use std::time::Duration;

use super::shortage::Shortage;
use crate::net::address_kind::AddressKind;
use crate::net::tls::TlsTrouble;
use crate::net::user_proxy::UserProxyError;

/// Why a connection could not be opened.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The host is at an address that is not reached. It is that of the host itself: where the
    /// user's proxy resolves names, only a literal address is looked at.
    #[error("{address} is {kind}")]
    Refused {
        /// The address.
        address: IpAddr,
        /// Its kind.
        kind: AddressKind,
    },
    /// This machine did not provide a socket in time.
    #[error("{0}")]
    Starved(Shortage),
    /// The connection was not established in time.
    #[error("no connection within {} s", .after.as_secs())]
    Timeout {
        /// How long was waited.
        after: Duration,
        /// The user's proxy, if the connection goes through one.
        through: Option<String>,
    },
    /// The certificate could not be verified, or TLS failed in another way.
    #[error("{0}")]
    Tls(TlsTrouble),
    /// The name does not resolve, the connection was refused, or the user's proxy refused it.
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

/// The text of the innermost cause, which is the most specific one.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
