//! The parts of a credential, and the parameters of a place.

use crate::whole_text::WholeText;

/// What stands for a credential in the environment of a run, unless the definition names something
/// that fits the form of its keys.
pub const PLACEHOLDER: &str = "authsome-proxy-managed";

/// One part of a credential that the user names: a key, or the user name that goes with it.
#[derive(Clone, Debug)]
pub struct CredentialField {
    /// Its name in the definition: `api_key`.
    pub name: String,
    /// Its name for the user: `API key`.
    pub label: String,
    /// Whether it is secret. The others may be shown.
    pub is_secret: bool,
    /// Whether it may be left empty.
    pub is_optional: bool,
    /// The variable in which tools of this service look for it.
    pub env_var: Option<String>,
    /// Its form.
    pub pattern: Option<KeyPattern>,
    /// Its form in words.
    pub hint: Option<String>,
    /// What stands for it in the environment of a run.
    pub placeholder: String,
}

/// The longest value in bytes: a key of Google's is a JSON file of 2 KiB.
const MAX_FIELD: usize = 16 * 1024;

impl CredentialField {
    /// Why this cannot be the value, in words for the user; `None` if it can. A key that cannot be
    /// right is not sent anywhere.
    pub fn fault_of(&self, value: &str) -> Option<String> {
        let is_plain = value.len() <= MAX_FIELD && !value.chars().any(char::is_control);
        if !is_plain {
            return Some("it has control characters, or is too long".to_owned());
        }
        let fits = |pattern: &KeyPattern| pattern.accepts(value);
        if self.pattern.as_ref().is_none_or(fits) {
            return None;
        }
        Some(self.hint.clone().unwrap_or_default())
    }
}

/// What a place needs to be named, such as a subdomain. It is part of URLs.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name in the definition.
    pub name: String,
    /// Its name for the user.
    pub label: String,
    /// Its form: a value that does not fit could leave the domain that the definition names.
    pub pattern: KeyPattern,
    /// A value to show.
    pub example: String,
    /// The value if the user names none.
    pub default: Option<String>,
}

/// The form of an API key: a regular expression that must match the whole key.
#[derive(Clone, Debug)]
pub struct KeyPattern(pub(crate) WholeText);

impl KeyPattern {
    /// Whether the key has this form.
    pub fn accepts(&self, key: &str) -> bool {
        self.0.is_match(key.as_bytes())
    }
}
