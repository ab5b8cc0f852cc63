//! The listener's addresses and its paths.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A fixed port, so that one redirect URI can be registered permanently.
pub const REDIRECT_PORT: u16 = 7998;

/// Where a provider sends the browser back to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedirectUri {
    /// At the IP address, which leads nowhere else (RFC 8252 §8.3).
    #[default]
    Address,
    /// At the name, for a provider that accepts no IP address.
    Localhost,
}

impl RedirectUri {
    /// The URI, as it has to be registered.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "http://127.0.0.1:7998/auth/callback/oauth",
            Self::Localhost => "http://localhost:7998/auth/callback/oauth",
        }
    }

    /// The `Host` that a browser sends with a redirect to it.
    pub(super) fn host(self) -> &'static str {
        match self {
            Self::Address => HOST,
            Self::Localhost => "localhost:7998",
        }
    }
}

/// The path of each [`RedirectUri`].
pub(super) const REDIRECT_PATH: &str = "/auth/callback/oauth";

/// The URL of the form.
pub const FORM_URL: &str = ORIGIN;

/// The `Host` and the `Origin` that a browser must send.
pub(super) const HOST: &str = "127.0.0.1:7998";
pub(super) const ORIGIN: &str = "http://127.0.0.1:7998";

/// The prefix of the path that redirects to the provider, once.
pub(super) const START_PATH: &str = "/start/";

/// The address that the listener is bound to.
pub(super) const ADDRESS: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), REDIRECT_PORT);

/// Where else a browser may look for `localhost`; most look here first.
pub(super) const ADDRESS_V6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), REDIRECT_PORT);
