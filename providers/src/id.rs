//! The name of a provider.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The maximum length in bytes: the name is used as a file name and in vault keys.
const MAX_LENGTH: usize = 64;

/// The name of a provider: `[a-z0-9][a-z0-9._-]{0,63}`.
///
/// It is safe as a file name: no separator, and no leading dot.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ProviderId(String);

impl ProviderId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for ProviderId {
    type Err = ProviderIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let starts_well = text.bytes().next().is_some_and(word);
        let continues_well = text
            .bytes()
            .all(|byte| word(byte) || b"._-".contains(&byte));
        if starts_well && continues_well && text.len() <= MAX_LENGTH {
            Ok(Self(text.to_owned()))
        } else {
            Err(ProviderIdError(()))
        }
    }
}

/// The text is not a valid provider name.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error(
    "a provider name has 1 to 64 lower-case letters, digits, dots, dashes or underscores, and starts with a letter or digit"
)]
pub struct ProviderIdError(());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_names_that_are_safe_as_file_names() {
        for name in [
            "gitlab",
            "github-mcp",
            "x",
            "g2",
            "a.b_c-d",
            &"a".repeat(64),
        ] {
            assert_eq!(name.parse::<ProviderId>().unwrap().to_string(), name);
        }
        for name in [
            "",
            ".hidden",
            "-x",
            "_x",
            "GitLab",
            "a/b",
            "a b",
            "..",
            "é",
            &"a".repeat(65),
        ] {
            assert!(name.parse::<ProviderId>().is_err(), "{name}");
        }
    }
}
