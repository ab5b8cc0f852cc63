//! What waits for the user, told on the terminal of `authsome ui`: each request and login once.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::cmd::cell;
use crate::cli::printer::Printer;
use crate::os::home::Home;
use crate::session::control::ControlClient;
use crate::session::living;

/// How often the runs are asked what waits. They are not watched for it, which would cost each of
/// their requests something.
const LOOK: Duration = Duration::from_secs(2);

/// Tells until it is dropped. A run that does not respond tells nothing.
pub(super) async fn tell(home: &Home, printer: &Printer) -> Infallible {
    let mut known = BTreeSet::new();
    loop {
        let waiting = lines(home).await;
        for line in waiting.difference(&known) {
            printer.say(line);
        }
        known = waiting;
        tokio::time::sleep(LOOK).await;
    }
}

/// What waits in all runs, a line for each.
async fn lines(home: &Home) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for run in living(home) {
        let asked = ControlClient::call(home, &run, &json!({ "do": "waiting" })).await;
        let waiting = asked.map(|mut told| told["waiting"].take());
        let requests = waiting.iter().filter_map(Value::as_array).flatten();
        lines.extend(requests.map(|request| line(&run, request)));
    }
    lines
}

fn line(run: &str, request: &Value) -> String {
    let field = |name: &str| cell(&request[name]);
    if request["kind"] == "login" {
        let connection = field("connection");
        let (provider, name) = connection.split_once('/').unwrap_or((&connection, ""));
        return format!(
            "{connection} needs a new login, and requests of the run {run} wait for it: authsome login {provider} --connection {name} --force"
        );
    }
    let (method, host, path, id) = (field("method"), field("host"), field("path"), field("id"));
    format!("{method} {host}{path} of the run {run} waits for your yes: authsome ask show {id}")
}
