//! The name of a connection, and what a request needs of it.

pub(crate) mod git_protocol;
pub(crate) mod ready;
pub(crate) mod signature;

use std::fmt;
use std::str::FromStr;

use authsome_providers::{ProviderId, RoutePattern};

use crate::clock::Timestamp;
use crate::secret::Secret;

/// The longest connection name, in bytes: it becomes part of a lock file's name.
const MAX_NAME: usize = 64;

/// The name a connection has when none is given.
pub const DEFAULT_NAME: &str = "default";

/// A user's name for one account at a provider: `[A-Za-z0-9][A-Za-z0-9._-]*`, at most 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionName(String);

/// The text is no valid connection name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a connection name is 1 to 64 letters, digits, '.', '_' or '-', and starts with a letter or digit"
)]
pub struct InvalidName;

impl FromStr for ConnectionName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let starts_well = text
            .as_bytes()
            .first()
            .is_some_and(u8::is_ascii_alphanumeric);
        if !starts_well || text.len() > MAX_NAME || !text.bytes().all(allowed) {
            return Err(InvalidName);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ConnectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for ConnectionName {
    fn default() -> Self {
        Self(DEFAULT_NAME.to_owned())
    }
}

/// Identifies one account's credential at one provider; printed as `gitlab/work`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    /// The provider.
    pub provider: ProviderId,
    /// The user's name for the connection at that provider.
    pub name: ConnectionName,
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.name)
    }
}

/// What a request needs of a connection, as the vault has it.
#[derive(Debug)]
pub struct Credential {
    /// The access token, or the key.
    pub token: Secret<String>,
    /// The other parts of the credential, by their names in the definition.
    pub others: Vec<(String, Secret<String>)>,
    /// Every secret of the connection, the token or key included: what no response may show.
    pub secrets: Vec<Secret<String>>,
    /// The number of the stored state that it comes from; a newer state has a greater one.
    pub generation: u64,
    /// When it arrived. A replica of the provider may not know a new token yet.
    pub obtained_at: Timestamp,
    /// From this time on it is due for renewal, though it still works; `None` if it cannot be
    /// renewed or does not expire.
    pub refresh_at: Option<Timestamp>,
    /// From this time on the provider refuses it; `None` if no such time is known.
    pub expires_at: Option<Timestamp>,
    /// The routes that its login was made for; none if they are not known.
    pub routes: Vec<RoutePattern>,
}

/// The parts of a credential.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// The access token, or the key.
    pub credential: &'a Secret<String>,
    /// The other parts, by their names in the definition.
    pub others: &'a [(String, Secret<String>)],
}

impl<'a> Fields<'a> {
    /// A token that has no other parts.
    pub fn of(credential: &'a Secret<String>) -> Self {
        Self {
            credential,
            others: &[],
        }
    }

    /// The part with that name.
    pub fn named(self, name: &str) -> Option<&'a Secret<String>> {
        let found = self.others.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }
}

impl Credential {
    /// Its parts.
    pub fn fields(&self) -> Fields<'_> {
        Fields {
            credential: &self.token,
            others: &self.others,
        }
    }

    /// Whether it may be sent wherever `earlier` is sent. A login of the same name may have been
    /// made at another server since then.
    pub fn is_for_routes_of(&self, earlier: &Self) -> bool {
        let is_known = |route: &RoutePattern| self.routes.iter().any(|known| known.covers(route));
        self.routes.is_empty() || earlier.routes.iter().all(is_known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_for_files_and_terminals() {
        for good in [
            "default",
            "work",
            "ada@".trim_end_matches('@'),
            "a.b-c_d",
            "9",
        ] {
            assert!(good.parse::<ConnectionName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            ".hidden",
            "-x",
            "a/b",
            "a b",
            "a\n",
            "ä",
            &"x".repeat(65),
        ] {
            assert_eq!(bad.parse::<ConnectionName>(), Err(InvalidName), "{bad:?}");
        }
    }
}
