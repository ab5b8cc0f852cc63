//! A login that the page has begun: it runs on its own, and the page is told where to go on and how
//! it ended.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use authsome_providers::Auth;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::words::{as_error, target_of, text};
use crate::cli::args::{Login, LoginTarget};
use crate::cli::cmd;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::{Capture, Printer};
use crate::os::ulimits::Ulimits;
use crate::web::Notices;

/// How long a login may take to come to its first page: it asks the server first.
const FIRST_PAGE: Duration = Duration::from_mins(1);

/// What a login comes to first.
enum Step {
    /// A page that the user has to see.
    Page(String),
    /// Its end.
    End(Result<Value, Value>),
}

/// The login that is under way; there is one port for all, so there is one at a time.
pub(super) struct Logins {
    ulimits: Ulimits,
    notices: Notices,
    cancel: Mutex<Option<watch::Sender<bool>>>,
}

impl Logins {
    pub(super) fn new(ulimits: Ulimits, notices: Notices) -> Self {
        Self {
            ulimits,
            notices,
            cancel: Mutex::default(),
        }
    }

    /// Begins a login. Returns the page to open, if there is one, or the new connection.
    pub(super) fn begin(&self, request: &Value) -> Result<Value, Failure> {
        let arguments = arguments(request)?;
        self.cancel();
        let (cancel, cancelled) = watch::channel(false);
        *self.slot() = Some(cancel);
        let (steps, first) = channel();
        let (ulimits, notices) = (self.ulimits, self.notices.clone());
        let work = move || {
            let ended = log_in(arguments, ulimits, steps.clone(), cancelled);
            notices.tell(&told(&ended));
            let _ = steps.send(Step::End(ended)); // a page was shown before
        };
        thread::Builder::new()
            .name("login".to_owned())
            .spawn(work)?;
        match first.recv_timeout(FIRST_PAGE) {
            Ok(Step::Page(url)) => Ok(json!({ "open": url })),
            Ok(Step::End(Ok(connection))) => Ok(json!({ "connection": connection })),
            Ok(Step::End(Err(error))) => Err(as_failure(&error)),
            Err(_) => {
                self.cancel();
                let message = "the login has not come to its first page";
                Err(Failure::new(
                    Exit::Unreachable,
                    "unreachable",
                    message,
                    "try again",
                ))
            }
        }
    }

    /// Ends the login that is under way.
    pub(super) fn cancel(&self) -> Value {
        let is_one = self
            .slot()
            .take()
            .is_some_and(|cancel| cancel.send(true).is_ok());
        json!({ "cancelled": is_one })
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<watch::Sender<bool>>> {
        self.cancel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_in(
    arguments: Login,
    ulimits: Ulimits,
    steps: Sender<Step>,
    cancelled: watch::Receiver<bool>,
) -> Result<Value, Value> {
    let steps = Mutex::new(steps);
    let open = move |url: &str| {
        let steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = steps.send(Step::Page(url.to_owned()));
    };
    let capture = Arc::new(Capture::new(Some(Box::new(open)), cancelled));
    let printer = Printer::captured(Arc::clone(&capture));
    let ended = cmd::login::run(arguments, &Context::new(&printer, ulimits));
    ended.map_err(|failure| as_error(&failure))?;
    Ok(serde_json::from_str(&capture.data()).unwrap_or_else(|_| json!({})))
}

/// The words of `authsome login` for it.
fn arguments(request: &Value) -> Result<Login, Failure> {
    let wrong = |reason: String| Failure::new(Exit::Usage, "usage", reason, "correct the field");
    let target = target_of(request)?;
    let files = Context::user_files()?;
    let definition = files.catalog.get(&target.provider)?;
    let is_key = matches!(definition.provider.auth, Auth::ApiKey(_));
    let base_url = text(request, "base_url").map(|url| url.parse());
    let base_url = base_url
        .transpose()
        .map_err(|error| wrong(format!("{error}")))?;
    let named = [text(request, "provider"), text(request, "connection")];
    let named: Vec<_> = named.into_iter().flatten().collect();
    let login_target = named.join("/").parse::<LoginTarget>();
    Ok(Login {
        target: Some(login_target.map_err(wrong)?),
        base_url,
        form: is_key,
        force: request["force"] == true,
        ..Login::default()
    })
}

fn told(ended: &Result<Value, Value>) -> Value {
    let mut told = json!({ "event": "login_done" });
    let fields = match ended {
        Ok(connection) => json!({
            "connection": format!("{}/{}",
                connection["provider"].as_str().unwrap_or_default(),
                connection["connection"].as_str().unwrap_or_default()),
        }),
        Err(error) => error.clone(),
    };
    if let (Some(told), Value::Object(fields)) = (told.as_object_mut(), fields) {
        told.extend(fields);
    }
    told
}

fn as_failure(error: &Value) -> Failure {
    let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
    Failure::new(Exit::Usage, "login_failed", text("message"), text("hint"))
}
