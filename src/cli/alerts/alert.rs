//! What is told, in the words of each way.

use serde_json::{Value, json};

use crate::cli::notices;
use crate::clock::Timestamp;
use crate::credential::ConnectionId;
use crate::session::Notice;
use crate::text;

/// One thing to tell.
pub(super) struct Alert {
    pub(super) id: ConnectionId,
    /// In a few words, without anything that a server said.
    pub(super) title: String,
    /// In a line, with the command to type.
    pub(super) line: String,
    pub(super) command: Option<String>,
    /// For the program of config.toml.
    pub(super) event: Value,
}

impl Alert {
    pub(super) fn of(notice: Notice, run: &str) -> Option<Self> {
        let (id, name, reason) = match &notice {
            Notice::ConnectedAgain(id) => (id.clone(), "connected_again", None),
            Notice::NeedsLogin { id, reason } => (id.clone(), "needs_login", Some(reason.clone())),
            _ => return None,
        };
        let login = format!(
            "authsome login {} --connection {} --force",
            id.provider, id.name
        );
        let command = reason.is_some().then_some(login);
        let what = match command {
            Some(_) => "needs a new login",
            None => "is connected again",
        };
        Some(Self {
            title: format!("authsome: {id} {what}"),
            event: json!({
                "event": name,
                "time": Timestamp::now().to_string(),
                "run": run,
                "connection": id.to_string(),
                "reason": reason,
                "command": command,
            }),
            line: text::line(&notices::words(notice)).into_owned(),
            command,
            id,
        })
    }
}
