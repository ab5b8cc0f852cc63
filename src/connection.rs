//! A stored login and its life: fresh, due for renewal, expired, in need of a new login.
//!
//! This module decides which credential a request gets, and renews it. It knows nothing of the
//! proxy and prints nothing.
//!
//! Words that its files use:
//!
//! - a *pair* is an access token and the refresh token that was issued with it;
//! - a refresh token is *spent* once the provider has accepted it and will not accept it again;
//! - a state is *beside the vault* if the database cannot take it yet, and it is in a sealed file
//!   next to the database (`vault/pending.rs`);
//! - a *generation* is the vault's number for a state of a record; a state's *number* also counts
//!   those beside the vault (`store.rs`).

mod application;
mod arrivals;
mod closely;
mod closing;
mod credentials;
mod disk;
mod elsewhere;
mod flight;
mod following;
mod freshness;
mod import;
mod keep;
mod lacking;
mod lineage;
mod login;
mod new_login;
mod pace;
mod reading;
mod record;
mod recovery;
mod refresh;
#[cfg(test)]
mod sample;
mod slot;
mod source;
mod store;
mod terms;
mod tries;
mod turn;
mod wanted;

pub use arrivals::Arrivals;
pub use credentials::Credentials;
pub use elsewhere::{Elsewhere, LaterPair};
pub use freshness::Freshness;
pub use import::Compared;
pub use keep::take_in_pending;
pub use lineage::Lineage;
pub use login::{
    DeviceCode, Finished, FinishedBy, LoggedIn, LoginError, LoginPrompt, LoginRequest, LoginStep,
    PageAddress, login,
};
pub use login::{
    DiscoverRequest, ExchangeRequest, FlowRequest, KeyPart, KeyRequest, Left, OAuthRequest,
    Resumed, SUSPENDED_LIFETIME, SuspendedLogin,
};
pub use record::{ClientCredentials, Connection, GrantState, Status, StoredField, Tokens};
pub use source::{CredentialError, CredentialSource, Rejection, UnauthorizedAction, Usage};
pub use store::{ConnectionStore, Exported, Found, StoreError, Stored, ids_by_names};
pub use terms::{CustomDefinition, DefinitionUsed, Terms};
pub use turn::{lock_grant, replace_beside_renewals};
