//! One event of the log: which connection, which request, which result. It has no field for a
//! secret.

use serde::{Deserialize, Serialize};

use super::run::{RunEnd, RunStart};
use crate::clock::Timestamp;

/// The maximum length of a path in the log, in bytes.
const MAX_PATH: usize = 512;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A request that authsome refused.
    Denied,
    /// Tokens were handed to the user.
    Export,
    /// For the first time in a run, something went to a host of no connection, unread.
    Forwarded,
    /// A request, or a connection to a managed host, that failed because of the network, a
    /// certificate or a credential.
    Failed,
    /// A new pair was handed to where the next job finds it.
    HandedBack,
    /// A new pair could not be handed to where the next job finds it.
    HandBackFailed,
    /// A request that went out with a credential.
    Injected,
    /// A connection that was made during a run has joined it.
    Joined,
    /// A login created a connection.
    Login,
    /// A connection was removed.
    Logout,
    /// A connection came from another vault.
    Import,
    /// Events were dropped because the disk was too slow.
    Lost,
    /// A request to a host of a connection that went out without a credential.
    Passed,
    /// A token pair was renewed.
    Refresh,
    /// A token pair could not be renewed.
    RefreshFailed,
    /// A grant was revoked.
    Revoke,
    /// A run has ended.
    RunEnd,
    /// A run has begun.
    RunStart,
}

/// How a request reached the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Way {
    /// In absolute form (RFC 9112 §3.2.2), in which case only the proxy uses TLS.
    Absolute,
    /// Inside a `CONNECT` tunnel.
    Connect,
}

impl Kind {
    /// Its name in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Export => "export",
            Self::Failed => "failed",
            Self::Forwarded => "forwarded",
            Self::HandBackFailed => "hand_back_failed",
            Self::HandedBack => "handed_back",
            Self::Injected => "injected",
            Self::Joined => "joined",
            Self::Login => "login",
            Self::Logout => "logout",
            Self::Import => "import",
            Self::Lost => "lost",
            Self::Passed => "passed",
            Self::Refresh => "refresh",
            Self::RefreshFailed => "refresh_failed",
            Self::Revoke => "revoke",
            Self::RunEnd => "run_end",
            Self::RunStart => "run_start",
        }
    }
}

impl Way {
    /// Its name in the log.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Absolute => "absolute",
            Self::Connect => "connect",
        }
    }
}

/// One line of the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// When it happened, in the format of RFC 3339.
    pub time: String,
    /// What happened.
    pub event: Kind,
    /// The connection, as `provider/name`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub connection: Option<String>,
    /// The request's method.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub method: Option<String>,
    /// Host and port.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub host: Option<String>,
    /// The request's path, without its query.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<String>,
    /// How the request reached the proxy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub way: Option<Way>,
    /// The full names of the refs that a push with git names, with `:` before one that it deletes.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub refs: Vec<String>,
    /// Whether it names more of them.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub more_refs: bool,
    /// The response's status.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// Bytes of the response's body.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes: Option<u64>,
    /// From the request's arrival to the end of the response.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub milliseconds: Option<u64>,
    /// Secrets of the session that were found in the response and replaced.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scrubbed: Option<u64>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The guard rule that denied the request, as `provider/rule`, or [`super::POLICY`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<String>,
    /// The start of a run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub start: Option<RunStart>,
    /// The end of a run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end: Option<RunEnd>,
    /// The run in which it happened. The log itself adds it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run: Option<String>,
}

impl Event {
    /// An event that happens now, with nothing set but its kind.
    pub fn new(event: Kind) -> Self {
        Self {
            time: Timestamp::now().to_string(),
            event,
            connection: None,
            method: None,
            host: None,
            path: None,
            way: None,
            refs: Vec::new(),
            more_refs: false,
            status: None,
            bytes: None,
            milliseconds: None,
            scrubbed: None,
            reason: None,
            rule: None,
            start: None,
            end: None,
            run: None,
        }
    }

    /// Sets the connection that the event concerns.
    #[must_use]
    pub fn of(mut self, connection: &impl ToString) -> Self {
        self.connection = Some(connection.to_string());
        self
    }

    /// Sets the request that the event concerns. The path is cut at its query and at its maximum
    /// length.
    #[must_use]
    pub fn request(mut self, method: &str, host: &str, path: &str) -> Self {
        self.method = Some(method.to_owned());
        self.host = Some(host.to_owned());
        self.path = Some(kept_path(path).to_owned());
        self
    }

    /// Sets the reason, in words.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

/// A path without its query, cut at its maximum length.
pub(crate) fn kept_path(path: &str) -> &str {
    let cut = path.bytes().position(|byte| byte == b'?' || byte == b'#');
    let path = &path[..cut.unwrap_or(path.len())];
    if path.len() <= MAX_PATH {
        return path;
    }
    let end = (0..=MAX_PATH).rev().find(|&end| path.is_char_boundary(end));
    &path[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_log_are_serdes() {
        for kind in [
            Kind::Denied,
            Kind::Failed,
            Kind::Forwarded,
            Kind::Injected,
            Kind::Passed,
            Kind::HandBackFailed,
            Kind::RefreshFailed,
            Kind::RunEnd,
            Kind::RunStart,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        for way in [Way::Absolute, Way::Connect] {
            assert_eq!(serde_json::to_value(way).unwrap(), way.name());
        }
    }

    #[test]
    fn long_paths_are_cut_between_characters() {
        let event = Event::new(Kind::Denied).request("GET", "h", &"ä".repeat(1000));
        assert!(event.path.unwrap().len() <= MAX_PATH);
    }
}
