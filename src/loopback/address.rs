//! The listener's address and its paths.

use std::net::{Ipv4Addr, SocketAddrV4};

/// A fixed port, so that one redirect URI can be registered permanently.
pub const REDIRECT_PORT: u16 = 7998;

/// The only redirect URI.
pub const REDIRECT_URI: &str = "http://127.0.0.1:7998/auth/callback/oauth";

/// The path of [`REDIRECT_URI`].
pub(super) const REDIRECT_PATH: &str = "/auth/callback/oauth";

/// The URL of the form.
pub const FORM_URL: &str = ORIGIN;

/// The `Host` and the `Origin` that a browser must send.
pub(super) const HOST: &str = "127.0.0.1:7998";
pub(super) const ORIGIN: &str = "http://127.0.0.1:7998";

/// The prefix of the path that redirects to the provider, once.
pub(super) const START_PATH: &str = "/start/";

/// The address that the listener is bound to.
pub(super) const ADDRESS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, REDIRECT_PORT);
