//! What waits for the user of a session: for how long, and how it is asked for and decided on the
//! run's socket.
//!
//! | `do` | the response |
//! | --- | --- |
//! | `waiting` | `waiting`: the requests; `wanted`: what programs ask for |
//! | `lift` | the rule that refused the request, lifted `once` or for the `run`, as `how` says |
//! | `decide` | the request of that `id`, once the `answer` has reached it |
//!
//! An `answer` is `once`, `run`, or `no` with a `reason`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::control::{ControlError, Handler, Reply};

use super::options::{Options, Park};
use super::settings::Settings;
use crate::proxy::{Decision, Lift, LiftExtent, NotDecided, NotLifted, Pending, PendingOptions};

/// How long a request waits for a login, where config.toml does not say it. Less than the clients
/// wait that give up by themselves: 300 s, of Node's `fetch`.
const DEFAULT_PARK_TIMEOUT: Duration = Duration::from_mins(4);

/// The empty list of a session.
pub(super) fn of(options: &Options, settings: &Settings) -> Arc<Pending> {
    let set = settings.park_timeout();
    let park = match options.park {
        Park::Attended => Some(set.unwrap_or(DEFAULT_PARK_TIMEOUT)),
        Park::Never => None,
        Park::Set => set,
    };
    let usual = PendingOptions::default();
    Pending::new(PendingOptions {
        park,
        ask: settings.ask_timeout().unwrap_or(usual.ask),
    })
}

/// Tells what waits, and takes decisions.
pub(super) struct PendingHandler(pub(super) Arc<Pending>);

impl Handler for PendingHandler {
    fn handle<'a>(&'a self, request: &'a Value) -> Reply<'a> {
        let reply = match request["do"].as_str() {
            Some("decide") => self.decide(request),
            Some("lift") => self.lift(request),
            _ => Ok(listed(&self.0)),
        };
        Box::pin(async move { reply })
    }
}

impl PendingHandler {
    fn decide(&self, request: &Value) -> Result<Value, ControlError> {
        let text = |name: &str| request[name].as_str();
        let reason = || crate::text::line(text("reason").unwrap_or_default()).into_owned();
        let decision = match text("answer") {
            Some("once") => Decision::Once,
            Some("run") => Decision::Run,
            Some("no") => Decision::No { reason: reason() },
            _ => {
                let message = "`answer` is `once`, `run` or `no`";
                return Err(ControlError::new("bad_request", message));
            }
        };
        let id = text("id").unwrap_or_default();
        let decided = self.0.decide(id, decision).map_err(|error| {
            let code = match error {
                NotDecided::Gone => "not_waiting",
                NotDecided::NeedsLogin => "needs_login",
            };
            ControlError::new(code, error.to_string())
        })?;
        Ok(json!({ "decided": decided }))
    }

    fn lift(&self, request: &Value) -> Result<Value, ControlError> {
        let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        let extent = match request["how"].as_str() {
            Some("once") => LiftExtent::Once,
            Some("run") => LiftExtent::Run,
            _ => {
                let message = "`how` is `once` or `run`";
                return Err(ControlError::new("bad_request", message));
            }
        };
        let lift = Lift {
            rule: text("rule"),
            connection: text("connection"),
            method: text("method"),
            path: text("path"),
        };
        let told = json!({ "rule": lift.rule, "how": request["how"] });
        self.0.lift(lift, extent).map_err(|error| {
            let code = match error {
                NotLifted::NotAlone => "not_liftable",
                NotLifted::Gone => "not_refused",
                NotLifted::TooMany => "too_many",
            };
            ControlError::new(code, error.to_string())
        })?;
        Ok(json!({ "lifted": told }))
    }
}

/// What waits, as it is told on the socket.
pub(super) fn listed(pending: &Pending) -> Value {
    json!({ "waiting": pending.waiting(), "wanted": pending.wanted() })
}
