//! The certificate authority of one authsome session.
//!
//! [`SessionCa`] is a root made for one run. Its private key exists only in this process's memory,
//! it is valid for [`LIFETIME`], and its name constraints (RFC 5280 §4.2.1.10) permit only the
//! hosts that the session intercepts. So to clients that enforce the constraints, even a stolen key
//! could impersonate no other host. [`LeafCache`] makes the certificates that the proxy presents,
//! with a key of their own. [`TrustBundle`] is the PEM text with which a child trusts both the
//! platform's roots and this session.
//!
//! The profile of both certificates is accepted by the strictest verifiers; `leaf/tests/profile.rs`
//! runs three.

mod bundle;
mod error;
mod key;
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
