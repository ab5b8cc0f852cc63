//! The certificate authority of one authsome session.
//!
//! [`SessionCa`] is a root made for one run: its private key exists in this process's memory only,
//! it lives for [`LIFETIME`], and its name constraints (RFC 5280 §4.2.1.10) permit only the hosts
//! that the session intercepts, so that even a stolen key could impersonate nothing else.
//! [`LeafCache`] mints the certificates that the proxy shows, with a key of their own.
//! [`TrustBundle`] is the PEM text that makes a child trust both the platform's roots and this
//! session.
//!
//! The profile of both certificates is the one that the strictest verifiers accept;
//! `leaf/tests/profile.rs` runs three.

mod bundle;
mod error;
mod key_store;
mod leaf;
mod pem_text;
mod permitted;
mod session;

pub use bundle::TrustBundle;
pub use error::CaError;
pub use leaf::LeafCache;
pub use pem_text::parse_ca_pem;
pub use permitted::PermittedHost;
pub use session::{BACKDATE, LIFETIME, SessionCa};
