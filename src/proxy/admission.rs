//! Who may use the proxy.

pub(super) mod admit;
