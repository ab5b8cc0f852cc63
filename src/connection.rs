//! A stored login and its life: fresh, due for renewal, expired, in need of a new login.
//!
//! This floor decides which secret is used and renews it. It knows no proxy and prints nothing.

mod closing;
mod credentials;
mod flight;
mod freshness;
mod login;
mod record;
mod refresh;
mod source;
mod store;

pub use credentials::Credentials;
pub use freshness::Freshness;
pub use login::{
    Finished, FinishedBy, LoggedIn, LoginError, LoginPrompt, LoginRequest, LoginStep, Place, login,
};
pub use record::{ClientCredentials, Connection, Standing, Status, Tokens};
pub use refresh::lock_grant;
pub use source::{CredentialError, CredentialSource, Rejection, Usage, Verdict};
pub use store::{ConnectionStore, Found, StoreError, Stored};
