//! A stored login and its life: fresh, due for renewal, expired, in need of a new login.
//!
//! This floor decides which secret is used and renews it. It knows no proxy and prints nothing.

mod closing;
mod credentials;
mod disk;
mod flight;
mod freshness;
mod keep;
mod login;
mod pace;
mod record;
mod recovery;
mod refresh;
#[cfg(test)]
mod sample;
mod source;
mod store;
mod terms;
mod tries;
mod turn;
mod wanted;

pub use credentials::Credentials;
pub use freshness::Freshness;
pub use keep::take_in_pending;
pub use login::{
    Finished, FinishedBy, LoggedIn, LoginError, LoginPrompt, LoginRequest, LoginStep, PageAddress,
    login,
};
pub use record::{ClientCredentials, Connection, GrantState, Status, Tokens};
pub use source::{CredentialError, CredentialSource, Rejection, UnauthorizedAction, Usage};
pub use store::{ConnectionStore, Found, StoreError, Stored};
pub use terms::{CustomDefinition, DefinitionUsed, Terms};
pub use turn::{lock_grant, replace_beside_renewals};
