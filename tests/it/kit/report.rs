//! What a child sees of its environment, and of the files of its run.

use std::collections::HashMap;
use std::process::Command;

use crate::kit::{Outcome, World};

/// Prints the whole environment and the files of the run, before its directory goes.
pub(crate) const REPORT: &str = include_str!("children/environment_report.py");

pub(crate) struct Report {
    pub(crate) variables: HashMap<String, String>,
    pub(crate) files: HashMap<String, String>,
    pub(crate) modes: HashMap<String, String>,
    pub(crate) directory: String,
    pub(crate) stderr: String,
}

impl Report {
    /// What a child sees that was started by `run` with these flags and this environment.
    pub(crate) fn of(world: &World, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let words = ["run"]
            .iter()
            .chain(flags)
            .chain(&["--", "python3", "-c", REPORT]);
        let mut command: Command = world.authsome(words.copied());
        command.envs(environment.iter().copied());
        let outcome = Outcome::of(command.output().unwrap()).expect(0);
        let json = outcome.json();
        let texts = |name: &str| -> HashMap<String, String> {
            serde_json::from_value(json[name].clone()).unwrap()
        };
        Self {
            variables: texts("variables"),
            files: texts("files"),
            modes: texts("modes"),
            directory: json["directory"].as_str().unwrap().to_owned(),
            stderr: outcome.stderr,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The content of the file of the session that the variable names.
    pub(crate) fn file_of(&self, name: &str) -> &str {
        let path = self.get(name).unwrap();
        let inside = path.strip_prefix(&format!("{}/", self.directory)).unwrap();
        &self.files[inside]
    }
}
