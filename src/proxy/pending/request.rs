//! What is shown of what waits, of what was refused, and of what a program has asked for.

use serde::{Deserialize, Serialize};

/// Why a request waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PendingKind {
    /// A rule lets it wait for the user's yes.
    Decision,
    /// Its connection needs a new login.
    Login,
}

/// A request that waits. Nothing in it is a secret of the session: the request has none yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRequest {
    /// Its ID in this session. A part of it is made from the request itself, so the ID of another
    /// request is another one.
    pub id: String,
    /// Why it waits.
    pub kind: PendingKind,
    /// Since when (RFC 3339).
    pub since: String,
    /// Until when at most (RFC 3339).
    pub until: String,
    /// The connection, as `provider/name`; `None` if it belongs to none.
    pub connection: Option<String>,
    /// The method.
    pub method: String,
    /// Host and port.
    pub host: String,
    /// The path.
    pub path: String,
    /// The query, without the `?`.
    pub query: Option<String>,
    /// The rule that lets it wait, as the log names rules.
    pub rule: Option<String>,
    /// The exception that spares such requests the wait, as `unasked_paths` has it.
    pub exception: Option<String>,
    /// Why, in words.
    pub reason: String,
    /// The SHA-256 of the request's head and of the shown part of its body, in hex. `None` for a
    /// request that waits for a login.
    pub sha256: Option<String>,
    /// The beginning of its body.
    pub body: Option<ShownBody>,
    /// The program that has sent it and those that have started it, the nearest first. Empty where
    /// the kernel does not tell.
    pub programs: Vec<String>,
}

/// The beginning of a body that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownBody {
    /// As text; what is no UTF-8 is replaced.
    pub text: String,
    /// How many bytes are shown.
    pub shown: u64,
    /// How many bytes the body has; `None` if that is not known before its end.
    pub length: Option<u64>,
    /// Whether that is all of it.
    pub is_whole: bool,
}

/// A request, or a connection, that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRequest {
    /// When (RFC 3339).
    pub time: String,
    /// The connection, as `provider/name`.
    pub connection: Option<String>,
    /// The method.
    pub method: String,
    /// Host and port.
    pub host: String,
    /// The path, without the query.
    pub path: String,
    /// The status of the response.
    pub status: u16,
    /// The code of the response.
    pub error: String,
    /// The rule, as the log names it.
    pub rule: Option<String>,
    /// Why, in words.
    pub reason: String,
    /// What can be done.
    pub hint: String,
    /// Whether the guard rule that has refused it can be lifted for the run.
    #[serde(skip)]
    pub is_liftable: bool,
}

/// What a program inside has asked the user for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Its number in this session.
    pub id: u64,
    /// When (RFC 3339).
    pub time: String,
    /// The provider.
    pub provider: String,
    /// The connection's name; `None` for the default.
    pub connection: Option<String>,
    /// The scopes that it needs; empty for those of the definition.
    pub scopes: Vec<String>,
    /// Why, in the program's words.
    pub reason: String,
}

/// Why a program's wish is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WantedError {
    /// The session has taken as many as it takes.
    #[error("this session takes no further requests to its user")]
    TooMany,
}
