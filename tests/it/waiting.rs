//! What waits for the user, and what a program inside is told of it.

mod agent_api;
mod ask;
mod clients;
mod heal;
mod join;
mod lift;

use std::process::{Child, Command, Stdio};

use authsome_test_support::{App, Endpoint, FakeGitLab, Fault};
use serde_json::Value;

use crate::kit::client::configure;
use crate::kit::session::Session;
use crate::kit::{Setup, World, until};

/// What the agent's API says at that path, as a program inside asks it.
pub(crate) fn api(session: &mut Session, path: &str) -> Value {
    let told = session.tell(&format!("curl -sS https://authsome.internal{path}"));
    serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"))
}

/// A client inside a run that goes on beside the test; its output comes at its end.
pub(crate) struct Client {
    child: Child,
}

impl Client {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        Self { child }
    }

    /// Its code and what it printed.
    pub(crate) fn end(self) -> (Option<i32>, String) {
        let output = self.child.wait_with_output().unwrap();
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        (output.status.code(), text)
    }
}

/// Waits until the log of that home has a text.
pub(crate) fn until_logged(world: &World, text: &str) {
    let log = world.home().join("audit.log");
    let is_there = || std::fs::read_to_string(&log).is_ok_and(|log| log.contains(text));
    until(text, is_there);
}

/// A connection whose next refresh is lost, and with it the login; requests wait.
pub(crate) fn about_to_die() -> (World, FakeGitLab, App) {
    let (world, gitlab) = Setup::unconnected();
    let base = gitlab.base_url();
    let app = dying_at(&world, &gitlab, &base);
    (world, gitlab, app)
}

pub(crate) fn dying_at(world: &World, gitlab: &FakeGitLab, base: &str) -> App {
    let (app, _) = world.connect_as("default", gitlab, base, 0);
    gitlab.fault(Endpoint::Token, Fault::LostResponse, 1);
    let told = world.path("told");
    let hook = format!("cat >> '{}'", told.display());
    let notify = format!("[notify]\ncommand = ['sh', '-c', \"{hook}\"]\n");
    configure(world, &format!("{notify}[timeouts]\npark_seconds = 100\n"));
    app
}

/// What the user's program is told when the login is needed.
pub(crate) fn until_told(world: &World) -> String {
    let told = || std::fs::read_to_string(world.path("told")).unwrap_or_default();
    until("the hook", || {
        told().contains("\"requests_wait_seconds\":100")
    });
    told()
}
