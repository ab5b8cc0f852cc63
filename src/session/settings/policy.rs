//! The rules of a policy, as a table of `config.toml` or a file of their own.

use std::fmt;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::error::{SettingsError, placed};
use crate::net::host_rule::HostRule;
use crate::os::home::open_file;
use crate::proxy::{Limit, PathRule, Policy, PolicyLayer, PolicySource, RefPattern};

/// The longest policy file that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// The rules that a table holds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PolicyTable {
    policy: Unmanaged,
    allow_hosts: Vec<Parsed<HostRule>>,
    deny_hosts: Vec<Parsed<HostRule>>,
    allow_paths: Vec<Parsed<PathRule>>,
    deny_paths: Vec<Parsed<PathRule>>,
    ask_paths: Vec<Parsed<PathRule>>,
    unasked_paths: Vec<Parsed<PathRule>>,
    git_push: Option<Vec<Parsed<RefPattern>>>,
    read_only: bool,
    limits: Vec<Parsed<Limit>>,
    /// Guard rules that are lifted, as `provider/rule`.
    allow: Vec<String>,
    /// Guard rules that let a request wait for the user's yes.
    ask: Vec<String>,
}

/// What happens to hosts that belong to no connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unmanaged {
    #[default]
    Allow,
    Deny,
}

impl From<Unmanaged> for Policy {
    fn from(unmanaged: Unmanaged) -> Self {
        match unmanaged {
            Unmanaged::Allow => Self::Allow,
            Unmanaged::Deny => Self::Deny,
        }
    }
}

/// A value that is written as text.
#[derive(Clone, Debug)]
struct Parsed<T>(T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

impl PolicyTable {
    /// The rules, and the guard rules that are lifted with them.
    ///
    /// # Errors
    ///
    /// Rules that contradict each other, in words.
    pub(super) fn layer(&self, source: PolicySource) -> Result<(PolicyLayer, &[String]), String> {
        let layer = PolicyLayer {
            source,
            unmanaged: self.policy.into(),
            allow_hosts: values(&self.allow_hosts),
            deny_hosts: values(&self.deny_hosts),
            allow_paths: values(&self.allow_paths),
            deny_paths: values(&self.deny_paths),
            ask_paths: values(&self.ask_paths),
            unasked_paths: values(&self.unasked_paths),
            git_push: self.git_push.as_deref().map(values),
            is_read_only: self.read_only,
            limits: values(&self.limits),
        };
        layer.check().map_err(|error| error.to_string())?;
        Ok((layer, &self.allow))
    }
}

impl PolicyTable {
    /// Whether that rule spares requests the wait.
    pub(super) fn is_unasked(&self, rule: &str) -> bool {
        let mut rules = self.unasked_paths.iter();
        rules.any(|Parsed(known)| known.to_string() == rule)
    }

    /// The guard rules that let a request wait for the user's yes.
    pub(super) fn asked(&self) -> &[String] {
        &self.ask
    }
}

fn values<T: Clone>(parsed: &[Parsed<T>]) -> Vec<T> {
    parsed.iter().map(|Parsed(value)| value.clone()).collect()
}

/// A file of rules.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// The rules.
    pub layer: PolicyLayer,
    /// Guard rules that are lifted, as `provider/rule`.
    pub lifted: Vec<String>,
    /// Guard rules that let a request wait for the user's yes, as `provider/rule`.
    pub asked: Vec<String>,
}

impl PolicyFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is larger than a megabyte, or holds an unknown key, a value that is
    /// no rule, or rules that contradict each other.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let invalid = |reason: String| SettingsError {
            path: path.to_owned(),
            reason,
        };
        let mut options = fs::OpenOptions::new();
        let file = open_file(options.read(true), path);
        let file = file.map_err(|error| invalid(error.to_string()))?;
        Self::read_from(file, path)
    }

    /// Reads what comes from somewhere else, for example from standard input. `path` names it in
    /// errors and refusals.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn read_from(from: impl Read, path: &Path) -> Result<Self, SettingsError> {
        let invalid = |reason: String| SettingsError {
            path: path.to_owned(),
            reason,
        };
        let text = read(from).map_err(|error| invalid(error.to_string()))?;
        let text = text.ok_or_else(|| invalid(format!("it has more than {MAX_FILE} bytes")))?;
        let table: PolicyTable =
            toml::from_str(&text).map_err(|error| invalid(placed(&error, &text)))?;
        let shown = crate::text::line(&path.display().to_string()).into_owned();
        let (layer, lifted) = table.layer(PolicySource::File(shown)).map_err(invalid)?;
        let lifted = lifted.to_vec();
        let asked = table.ask.clone();
        Ok(Self {
            layer,
            lifted,
            asked,
        })
    }
}

/// The whole text; `None` if it is too long.
fn read(from: impl Read) -> std::io::Result<Option<String>> {
    let mut text = String::new();
    from.take(MAX_FILE + 1).read_to_string(&mut text)?;
    Ok((text.len() as u64 <= MAX_FILE).then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PolicyFile, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.toml");
        let mut file = fs::File::create(&path).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        let shown = |error: SettingsError| error.to_string();
        PolicyFile::read(&path)
            .map_err(|error| shown(error).replace(path.to_str().unwrap(), "FILE"))
    }

    #[test]
    fn a_file_has_all_rules() {
        let file = read(
            r#"
            policy = "deny"
            allow_hosts = ["*.example.com"]
            deny_hosts = ["10.0.0.0/8"]
            allow_paths = ["gitlab=GET /api/v4/projects/42/**"]
            deny_paths = ["gitlab=/api/v4/projects/42/hooks"]
            read_only = true
            limits = ["gitlab=100/min", "bytes-up=1GiB"]
            allow = ["gitlab/ci-variable"]
            "#,
        );
        let PolicyFile { layer, lifted, .. } = file.unwrap();
        assert_eq!(layer.unmanaged, Policy::Deny);
        assert!(layer.is_read_only);
        assert_eq!(layer.allow_hosts.len() + layer.deny_hosts.len(), 2);
        assert_eq!(layer.allow_paths.len() + layer.deny_paths.len(), 2);
        assert_eq!(layer.limits.len(), 2);
        assert_eq!(lifted, ["gitlab/ci-variable"]);
    }

    #[test]
    fn what_is_no_rule_is_named_with_its_place() {
        for (text, expected) in [
            (
                "policies = \"deny\"",
                "FILE: line 1, column 1 (`policies = \"deny\"`): unknown field `policies`",
            ),
            ("policy = \"maybe\"", "unknown variant `maybe`"),
            ("\nlimits = [\"gitlab=1/week\"]", "line 2, column 10"),
            ("allow_paths = [\"/api\"]", "write PROVIDER=PATH"),
            ("allow_hosts = [\"https://a\"]", "name a host"),
            (
                "allow_hosts = [\"a\"]\ndeny_hosts = [\"a\"]",
                "contradict each other",
            ),
            ("read_only = \"yes\"", "invalid type"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = PolicyFile::read(Path::new("/nowhere/policy.toml")).unwrap_err();
        assert!(
            error.to_string().starts_with("/nowhere/policy.toml: "),
            "{error}"
        );
        let directory = tempfile::tempdir().unwrap();
        assert!(PolicyFile::read(directory.path()).is_err());
    }
}
