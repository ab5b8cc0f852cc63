//! The vocabulary: which connection, and what of it goes on the wire.

use std::fmt;
use std::str::FromStr;

use authsome_providers::ProviderId;

use crate::clock::Timestamp;
use crate::secret::Secret;

/// The longest connection name, in bytes: it becomes part of a lock file's name.
const MAX_NAME: usize = 64;

/// The name a connection has when none is given.
pub const DEFAULT_NAME: &str = "default";

/// A user's name for one account at a provider: `[A-Za-z0-9][A-Za-z0-9._-]*`, at most 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionName(String);

/// Why a text is no connection name.
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

/// One account's credential at one provider; printed as `gitlab/work`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    /// The provider.
    pub provider: ProviderId,
    /// Name of the connection there, by the user's name for it.
    pub name: ConnectionName,
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.name)
    }
}

/// What of a connection goes on the wire, as the vault has it.
#[derive(Debug)]
pub struct Credential {
    /// The bearer token.
    pub token: Secret<String>,
    /// The vault's number for this state of the record; a newer state has a greater one.
    pub generation: u64,
    /// When it arrived. A token that is new may be unknown to a lagging replica of the provider.
    pub obtained_at: Timestamp,
    /// From here on it is due for renewal, though it still works; `None` where it cannot be renewed
    /// or does not expire.
    pub refresh_at: Option<Timestamp>,
    /// From here on the provider refuses it; `None` where the provider named no end.
    pub expires_at: Option<Timestamp>,
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
