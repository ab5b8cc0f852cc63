//! `config.toml`: optional, and strict: an unknown key is an error that names it.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::time::Duration;

use authsome_providers::ProviderId;
use serde::Deserialize;

use super::failure::{Exit, Failure};
use crate::home::Home;
use crate::proxy::Timeouts;

/// The file in the home directory.
const FILE: &str = "config.toml";

/// What a user may set.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    guard: GuardSettings,
    timeouts: TimeoutSettings,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GuardSettings {
    /// Guard rules that are lifted, as `provider/rule`.
    allow: HashSet<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TimeoutSettings {
    connect_seconds: Option<u64>,
    response_seconds: Option<u64>,
}

impl Settings {
    /// Reads the file, if there is one.
    pub(super) fn load(home: &Home) -> Result<Self, Failure> {
        let path = home.path(FILE);
        let invalid = |reason: String| {
            let message = format!("{}: {}", path.display(), reason.trim_end());
            Failure::new(
                Exit::Usage,
                "config_invalid",
                message,
                format!("correct {}", path.display()),
            )
        };
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| invalid(error.to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(invalid(error.to_string())),
        }
    }

    pub(super) fn allowed_guards(&self) -> HashSet<String> {
        self.guard.allow.clone()
    }

    /// Those of one provider, by the rules' names.
    pub(super) fn allowed_guards_of(&self, provider: &ProviderId) -> Vec<String> {
        let names = self.guard.allow.iter().filter_map(|allowed| {
            let (of, rule) = allowed.split_once('/')?;
            (of == provider.as_str()).then(|| rule.to_owned())
        });
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        let mut timeouts = Timeouts::default();
        if let Some(seconds) = self.timeouts.connect_seconds {
            timeouts.connect = Duration::from_secs(seconds.max(1));
        }
        if let Some(seconds) = self.timeouts.response_seconds {
            timeouts.response = Duration::from_secs(seconds.max(1));
        }
        timeouts
    }
}
