//! `config.toml`. The file is optional. It is parsed strictly: an unknown key is an error that
//! names the key.

mod edit;
mod error;
mod policy;

pub use self::edit::{SettingsPreview, allowed_preview, set_allowed, set_unasked, unasked_preview};
pub use self::error::SettingsError;
use self::error::placed;
pub use self::policy::PolicyFile;
use self::policy::{PolicyTable, Unmanaged};

use std::collections::HashSet;
use std::fs;
use std::io;
use std::time::Duration;

use authsome_providers::ProviderId;
use serde::Deserialize;

use super::options::Join;
use crate::os::home::Home;
use crate::proxy::{Policy, PolicyLayer, PolicySource, Timeouts};
use crate::vault::has_password;

/// The file in the home directory.
const FILE: &str = "config.toml";

/// What a user may set.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What happens to hosts that belong to no connection, where no flag says it.
    default_policy: Unmanaged,
    ask: AskSettings,
    guard: GuardSettings,
    join: JoinSetting,
    notify: NotifySettings,
    /// Rules that no flag lifts.
    policy: PolicyTable,
    timeouts: TimeoutSettings,
    /// The database of a vault that machines share.
    vault: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GuardSettings {
    /// Guard rules that are lifted, as `provider/rule`.
    allow: HashSet<String>,
}

/// Which connections take part in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum JoinSetting {
    #[default]
    All,
    Named,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AskSettings {
    /// A program that asks the user about a request that waits, and its arguments.
    command: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NotifySettings {
    /// A program that is told what the user should know, and its arguments.
    command: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TimeoutSettings {
    #[serde(rename = "ask_seconds")]
    ask: Option<Seconds>,
    #[serde(rename = "connect_seconds")]
    connect: Option<Seconds>,
    #[serde(rename = "on_rotate_seconds")]
    on_rotate: Option<Seconds>,
    #[serde(rename = "park_seconds")]
    park: Option<Seconds>,
    #[serde(rename = "response_seconds")]
    response: Option<Seconds>,
}

/// A time-out that the user may set. With zero, every request would fail; a value that overflows
/// when it is added to the clock's time would panic in every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
struct Seconds(Duration);

/// One day, in seconds.
const MAX_WAIT: u64 = 24 * 60 * 60;

impl TryFrom<i64> for Seconds {
    type Error = String;

    fn try_from(seconds: i64) -> Result<Self, String> {
        u64::try_from(seconds)
            .ok()
            .filter(|seconds| (1..=MAX_WAIT).contains(seconds))
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or_else(|| format!("{seconds} is not a number of seconds from 1 to {MAX_WAIT}"))
    }
}

impl Settings {
    /// Reads the file, if there is one.
    pub(super) fn load(home: &Home) -> Result<Self, SettingsError> {
        let path = home.path(FILE);
        let invalid = |reason: String| SettingsError {
            path: path.clone(),
            reason,
        };
        match fs::read_to_string(&path) {
            Ok(text) => parse(&text).map_err(invalid),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(invalid(error.to_string())),
        }
    }

    /// What happens to hosts that belong to no connection, where no flag says it.
    pub fn default_policy(&self) -> Policy {
        self.default_policy.into()
    }

    /// Whether only those connections take part that are named.
    pub(super) fn joins_named(&self, join: Join) -> bool {
        join == Join::Named || self.join == JoinSetting::Named
    }

    /// The rules that no flag lifts, and with them the guard rules that are lifted and asked for.
    /// They were checked when the file was read.
    pub(super) fn policy(&self) -> (PolicyLayer, &[String], &[String]) {
        let layer = self.policy.layer(PolicySource::Settings);
        let (layer, lifted) = layer.unwrap_or_else(|_| (PolicyLayer::default(), &[]));
        (layer, lifted, self.policy.asked())
    }

    /// The guard rules that are lifted, as `provider/rule`.
    pub fn allowed_guards(&self) -> HashSet<String> {
        self.guard.allow.clone()
    }

    /// The same for one provider: the names of the rules.
    pub fn allowed_guards_of(&self, provider: &ProviderId) -> Vec<String> {
        let names = self.guard.allow.iter().filter_map(|allowed| {
            let (of, rule) = allowed.split_once('/')?;
            (of == provider.as_str()).then(|| rule.to_owned())
        });
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    /// The database of a vault that machines share.
    pub(super) fn vault(&self) -> Option<&str> {
        self.vault.as_deref().filter(|address| !address.is_empty())
    }

    /// The program to tell what the user should know at once, and its arguments. Empty if there is
    /// none.
    pub fn notify_command(&self) -> &[String] {
        &self.notify.command
    }

    /// The program that asks the user about a request that waits, and its arguments. Empty if there
    /// is none.
    pub fn ask_command(&self) -> &[String] {
        &self.ask.command
    }

    /// How long an attempt to hand a new pair back may take, if the user has set that.
    pub fn on_rotate_timeout(&self) -> Option<Duration> {
        self.timeouts.on_rotate.map(|Seconds(wait)| wait)
    }

    /// How long a request waits for a decision, if the user has set that.
    pub fn ask_timeout(&self) -> Option<Duration> {
        self.timeouts.ask.map(|Seconds(wait)| wait)
    }

    /// How long a request waits for a login, if the user has set that.
    pub fn park_timeout(&self) -> Option<Duration> {
        self.timeouts.park.map(|Seconds(wait)| wait)
    }

    /// The proxy's time-outs.
    pub fn timeouts(&self) -> Timeouts {
        let mut timeouts = Timeouts::default();
        if let Some(Seconds(wait)) = self.timeouts.connect {
            timeouts.connect = wait;
        }
        if let Some(Seconds(wait)) = self.timeouts.response {
            timeouts.response = wait;
        }
        timeouts
    }
}

fn parse(text: &str) -> Result<Settings, String> {
    let settings: Settings = toml::from_str(text).map_err(|error| placed(&error, text))?;
    settings.policy.layer(PolicySource::Settings)?;
    if settings.vault().is_some_and(has_password) {
        let reason = "vault holds a password, and others can read this file: name a file with it, vault = \"postgres://…?passwordfile=PATH\"";
        return Err(reason.to_owned());
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_number_of_seconds_that_makes_sense() {
        let read = |seconds: &str| -> Result<Settings, toml::de::Error> {
            toml::from_str(&format!(
                "[timeouts]\nresponse_seconds = {seconds}\nconnect_seconds = 3"
            ))
        };
        for (seconds, expected) in [("1", 1), ("600", 600), ("86400", 86_400)] {
            let timeouts = read(seconds).unwrap().timeouts();
            assert_eq!(timeouts.response, Duration::from_secs(expected));
            assert_eq!(timeouts.connect, Duration::from_secs(3));
        }
        for seconds in [
            "0",
            "-1",
            "86401",
            "9223372036854775807",
            "1.5",
            "\"1\"",
            "inf",
        ] {
            let error = read(seconds).unwrap_err().to_string();
            assert!(error.contains("response_seconds"), "{error}");
        }
    }
}
