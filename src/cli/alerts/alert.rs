//! What is told, in the words of each way.

use serde_json::{Value, json};

use crate::cli::notices;
use crate::clock::Timestamp;
use crate::credential::ConnectionId;
use crate::proxy::PendingRequest;
use crate::session::Notice;
use crate::text::{self, with_causes};

/// One thing to tell.
pub(super) struct Alert {
    /// What it is about: an alert that needs no command takes back those before of the same.
    pub(super) subject: String,
    /// In a few words, without anything that a server said.
    pub(super) title: String,
    /// In a line, with the command to type.
    pub(super) line: String,
    pub(super) command: Option<String>,
    /// The ID of the request that waits for a decision, if it is about one.
    pub(super) asks: Option<String>,
    /// For the program of config.toml.
    pub(super) event: Value,
}

impl Alert {
    pub(super) fn of(notice: Notice, run: &str) -> Option<Self> {
        let (id, name, what, reason, command) = match &notice {
            Notice::Asks(request) => {
                let (id, value) = (request.id.clone(), without_body(request));
                let what = "a request waits for your yes";
                let command = format!("authsome ask show {id}");
                return Some(Self::of_child(
                    notice,
                    run,
                    ("asks", id),
                    (what, value, command),
                ));
            }
            Notice::Wanted(wanted) => {
                let (id, value) = (format!("wanted {}", wanted.id), json!(wanted));
                let what = "the command asks for a login";
                let command = notices::wanted_login(wanted);
                return Some(Self::of_child(
                    notice,
                    run,
                    ("wanted", id),
                    (what, value, command),
                ));
            }
            _ => about_connection(&notice)?,
        };
        let id = id.clone();
        Some(Self {
            title: format!("authsome: {id} {what}"),
            event: json!({
                "event": name,
                "time": Timestamp::now().to_string(),
                "run": run,
                "connection": id.to_string(),
                "reason": reason,
                "command": command,
                "requests_wait_seconds": wait_of(&notice),
            }),
            line: text::line(&notices::words(notice)).into_owned(),
            command,
            subject: id.to_string(),
            asks: None,
        })
    }

    /// Of what a program inside has sent.
    fn of_child(
        notice: Notice,
        run: &str,
        (name, subject): (&str, String),
        (what, request, command): (&str, Value, String),
    ) -> Self {
        Self {
            asks: (name == "asks").then(|| subject.clone()),
            subject,
            title: format!("authsome: {what}"),
            event: json!({
                "event": name,
                "time": Timestamp::now().to_string(),
                "run": run,
                "request": request,
                "command": command,
            }),
            line: text::line(&notices::words(notice)).into_owned(),
            command: Some(command),
        }
    }
}

/// The connection, what has come of it for programs and for people, why, and the command to type.
type About<'a> = (
    &'a ConnectionId,
    &'static str,
    &'static str,
    Option<String>,
    Option<String>,
);

fn about_connection(notice: &Notice) -> Option<About<'_>> {
    Some(match notice {
        Notice::ConnectedAgain(id) => (id, "connected_again", "is connected again", None, None),
        Notice::Joined { id, .. } => (id, "joined", "has joined the run", None, None),
        Notice::LeftOut { id, error } => {
            let reason = Some(with_causes(error));
            (id, "left_out", "takes no part", reason, None)
        }
        Notice::LacksScopes { id, scopes } => {
            let reason = Some("the provider asks for another scope".to_owned());
            let command = Some(notices::wider_login(id, scopes));
            (id, "lacks_scope", "lacks a scope", reason, command)
        }
        Notice::NeedsLogin { id, reason } | Notice::RequestsWait { id, reason, .. } => {
            let login = format!(
                "authsome login {} --connection {} --force",
                id.provider, id.name
            );
            let reason = Some(reason.clone());
            (id, "needs_login", "needs a new login", reason, Some(login))
        }
        _ => return None,
    })
}

/// How long requests wait for the login that the notice asks for, in seconds.
fn wait_of(notice: &Notice) -> Option<u64> {
    match notice {
        Notice::RequestsWait { seconds, .. } => Some(*seconds),
        _ => None,
    }
}

/// The request without its body: the program of `[notify]` is told in less than a pipe holds.
fn without_body(request: &PendingRequest) -> Value {
    let mut value = json!(request);
    if let Some(fields) = value.as_object_mut() {
        fields.remove("body");
    }
    value
}
