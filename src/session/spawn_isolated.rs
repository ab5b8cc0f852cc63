//! Starts the command of a session in namespaces of its own.

use std::ffi::OsString;

use super::Session;
use super::isolated::{Around, IsolatedSpawnError};
use super::words::Words;
use crate::child::Child;
use crate::isolate::captured_ports;
use crate::os::ulimits::Ulimits;

impl Session {
    /// Starts a command as [`Self::spawn`] does, in namespaces of its own: each of its connections
    /// is captured and served by this session, whose [`super::Options::isolation`] says how. The
    /// same holds for the thread and the program.
    pub async fn spawn_isolated(
        &mut self,
        (program, arguments): (&OsString, Vec<OsString>),
        ulimits: Ulimits,
    ) -> Result<Child, IsolatedSpawnError> {
        let words = Words::of(program, arguments, self.directory());
        let around = Around {
            directory: &self.directory,
            serving: &mut self.serving,
            port: self.address.port(),
            environment: &self.environment,
        };
        let command = (program.as_os_str(), &*words.told);
        let (child, captures_all) = self.isolated.spawn(around, command, ulimits).await?;
        self.captures_all = captures_all;
        self.begin(&words.asked, &child);
        Ok(child)
    }

    /// The ports at which connections of an isolated command are captured, if not at all of them:
    /// connections to others are refused inside.
    pub fn captured_ports(&self) -> Option<Vec<u16>> {
        (!self.captures_all).then(|| captured_ports(self.serving.ports()))
    }
}
