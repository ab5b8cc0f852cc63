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
        let (id, name, what, reason, command) = match &notice {
            Notice::ConnectedAgain(id) => (id, "connected_again", "is connected again", None, None),
            Notice::LacksScopes { id, scopes } => {
                let reason = Some("the provider asks for another scope".to_owned());
                let command = Some(notices::wider_login(id, scopes));
                (id, "lacks_scope", "lacks a scope", reason, command)
            }
            Notice::NeedsLogin { id, reason } => {
                let login = format!(
                    "authsome login {} --connection {} --force",
                    id.provider, id.name
                );
                let reason = Some(reason.clone());
                (id, "needs_login", "needs a new login", reason, Some(login))
            }
            _ => return None,
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
            }),
            line: text::line(&notices::words(notice)).into_owned(),
            command,
            id,
        })
    }
}
