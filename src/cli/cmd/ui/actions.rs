//! What the page asks of whoever has the vault: each is a command of this program, by the same
//! function, with what it prints taken for the page.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use super::login::Logins;
use super::reading;
use super::words::{as_error, target_of, text};
use crate::cli::args::{Named, Policy, PolicySuggest, Revoke, Runs, SetDefault};
use crate::cli::cmd;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::{Capture, Printer};
use crate::os::home::Home;
use crate::os::ulimits::Ulimits;
use crate::session::{
    SettingsError, SettingsPreview, allowed_preview, set_allowed, set_unasked, unasked_preview,
};
use crate::web::{Actions, Notices};

/// How many runs the page chooses from.
const MAX_RUNS: usize = 100;

/// Does what the page asks.
pub(super) struct UiActions {
    ulimits: Ulimits,
    notices: Notices,
    logins: Logins,
    stolen: Notify,
    /// One change at a time: two would race for the vault and the file.
    turn: Mutex<()>,
}

impl UiActions {
    pub(super) fn new(ulimits: Ulimits, notices: Notices) -> Self {
        Self {
            ulimits,
            logins: Logins::new(ulimits, notices.clone()),
            notices,
            stolen: Notify::new(),
            turn: Mutex::default(),
        }
    }

    /// Completes when the page's address has been used twice.
    pub(super) async fn stolen(&self) {
        self.stolen.notified().await;
    }

    fn done(&self, name: &str, request: &Value) -> Result<Value, Failure> {
        match name {
            "connections" => self.listed(connections_of),
            "providers" => self.listed(providers_of),
            "runs" => {
                let runs =
                    self.call(|context| cmd::runs::run(&Runs { lines: MAX_RUNS }, context))?;
                Ok(json!({ "runs": runs }))
            }
            "log" => reading::log(&Context::user_files()?.home, request),
            "suggest" => self.suggested(request),
            "preview_allow" => preview(request),
            "preview_spare" => spared(request),
            "allow" => self.written(request, preview, |home, rule| set_allowed(home, rule, true)),
            "spare" => self.written(request, spared, set_unasked),
            "login" => self.logins.begin(request),
            "cancel_login" => Ok(self.logins.cancel()),
            "logout" => self.changed(request, |named, context| cmd::logout::run(&named, context)),
            "revoke" => self.changed(request, |named, context| {
                let revoke = Revoke {
                    target: Some(named.target),
                    connection: None,
                    all: false,
                };
                cmd::revoke::run(revoke, context).map(drop)
            }),
            "renew" => self.changed(request, |named, context| {
                let data = Context::user_data()?;
                let stored = data.connection(&named)?;
                data.renew_rejected(stored, |_| true, context.printer)
            }),
            "set_default" => self.changed(request, |named, context| {
                let target = named.target;
                cmd::set_default::run(&SetDefault { target, name: None }, context)
            }),
            _ => Err(unknown(name)),
        }
    }

    /// Calls a command, and takes what it prints.
    fn call(
        &self,
        command: impl FnOnce(&Context<'_>) -> Result<(), Failure>,
    ) -> Result<Value, Failure> {
        let (_cancel, cancelled) = watch::channel(false);
        let capture = Arc::new(Capture::new(None, cancelled));
        let printer = Printer::captured(Arc::clone(&capture));
        command(&Context::new(&printer, self.ulimits))?;
        Ok(serde_json::from_str(&capture.data()).unwrap_or_else(|_| json!({})))
    }

    /// Calls a command that changes a connection, and tells all pages.
    fn changed(
        &self,
        request: &Value,
        command: impl FnOnce(Named, &Context<'_>) -> Result<(), Failure>,
    ) -> Result<Value, Failure> {
        let target = target_of(request)?;
        let named = Named {
            target,
            connection: None,
        };
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = self.call(|context| command(named, context));
        self.notices.tell(&json!({ "event": "connections" }));
        changed
    }

    fn listed(&self, of: fn(&Value) -> Value) -> Result<Value, Failure> {
        Ok(of(&self.call(cmd::list::run)?))
    }

    fn suggested(&self, request: &Value) -> Result<Value, Failure> {
        let suggest = PolicySuggest {
            run: text(request, "run"),
            last: false,
            out: None,
        };
        self.call(|context| cmd::policy::run(Policy::Suggest(suggest), context).map(drop))
    }

    /// Writes an exception, if the file is still the one that the user has seen.
    fn written(
        &self,
        request: &Value,
        preview: fn(&Value) -> Result<Value, Failure>,
        write: impl FnOnce(&Home, &str) -> Result<bool, SettingsError>,
    ) -> Result<Value, Failure> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = preview(request)?;
        if seen["before"] != request["before"] {
            let message = "config.toml has changed since it was shown";
            let hint = "look at the change again";
            return Err(Failure::new(Exit::Usage, "file_changed", message, hint));
        }
        let rule = seen["rule"].as_str().unwrap_or_default();
        let changed = write(&Context::user_files()?.home, rule)?;
        Ok(json!({ "rule": rule, "changed": changed }))
    }
}

impl Actions for UiActions {
    fn act(&self, name: &str, request: &Value) -> Result<Value, Value> {
        self.done(name, request)
            .map_err(|failure| as_error(&failure))
    }

    fn only_reads(&self, name: &str) -> bool {
        let reading = [
            "connections",
            "providers",
            "runs",
            "log",
            "suggest",
            "preview_allow",
            "preview_spare",
        ];
        reading.contains(&name)
    }

    fn was_stolen(&self) {
        self.stolen.notify_one();
    }
}

/// What `config.toml` would become with a guard rule lifted.
fn preview(request: &Value) -> Result<Value, Failure> {
    let wanted = text(request, "rule").unwrap_or_default();
    let files = Context::user_files()?;
    let (rule, denies) = cmd::allow::described(&wanted, &files)?;
    let preview = allowed_preview(&files.home, &rule)?;
    let mut shown = shown(&rule, &preview);
    shown["denies"] = denies.into();
    Ok(shown)
}

/// What it would become with an exception for such requests as one that waits.
fn spared(request: &Value) -> Result<Value, Failure> {
    let word = |name: &str| text(request, name).unwrap_or_default();
    let home = Context::user_files()?.home;
    let rule = cmd::ask::exception_of(&home, &word("run"), &word("id"))?;
    Ok(shown(&rule, &unasked_preview(&home, &rule)?))
}

fn shown(rule: &str, preview: &SettingsPreview) -> Value {
    json!({
        "rule": rule,
        "path": preview.path.display().to_string(),
        "before": preview.before,
        "after": preview.after,
    })
}

fn connections_of(listed: &Value) -> Value {
    let providers = listed["providers"].as_array().into_iter().flatten();
    let connections = providers.flat_map(|provider| {
        let all = provider["connections"].as_array().into_iter().flatten();
        all.map(|one| {
            let mut one = one.clone();
            one["provider"] = provider["name"].clone();
            one
        })
    });
    json!({ "connections": connections.collect::<Vec<_>>() })
}

fn providers_of(listed: &Value) -> Value {
    let providers = listed["providers"].as_array().into_iter().flatten();
    let providers = providers.map(|provider| {
        json!({
            "name": provider["name"],
            "display_name": provider["display_name"],
            "auth_type": provider["auth_type"],
            "source": provider["source"],
            "error": provider["error"],
            "connections": provider["connections"].as_array().map_or(0, Vec::len),
        })
    });
    json!({ "providers": providers.collect::<Vec<_>>() })
}

fn unknown(name: &str) -> Failure {
    let message = format!("this page cannot do `{name}`");
    Failure::new(Exit::Usage, "usage", message, "reload the page")
}
