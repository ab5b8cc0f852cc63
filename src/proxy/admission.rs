//! Who may use the proxy, and how many at one time.

pub(super) mod admit;
pub(super) mod permit;
