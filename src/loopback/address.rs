//! Where the listener is, and what is to be found there.

use std::net::{Ipv4Addr, SocketAddrV4};

/// The one port, so that one redirect URI can be registered for good.
pub const REDIRECT_PORT: u16 = 7998;

/// The one redirect URI.
pub const REDIRECT_URI: &str = "http://127.0.0.1:7998/auth/callback/oauth";

/// The path of [`REDIRECT_URI`].
pub(super) const REDIRECT_PATH: &str = "/auth/callback/oauth";

/// Where the form is.
pub const FORM_URL: &str = ORIGIN;

/// What a browser must send as `Host` and as `Origin`.
pub(super) const HOST: &str = "127.0.0.1:7998";
pub(super) const ORIGIN: &str = "http://127.0.0.1:7998";

/// Below it is the address that leads to the provider, once.
pub(super) const START_PATH: &str = "/start/";

/// Where the listener is.
pub(super) const ADDRESS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, REDIRECT_PORT);
