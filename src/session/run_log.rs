//! The first and the last line of a run in the log.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::audit::{Audit, Event, Kind, RunStart};
use crate::child::Child;

/// What the log says of the run as a whole.
pub(super) struct RunLog {
    id: String,
    audit: Arc<Audit>,
    directory: PathBuf,
    started: Instant,
    start: Arc<OnceLock<RunStart>>,
    /// The exit code of the command, and the signal that ended it.
    ended: OnceLock<(u8, Option<i32>)>,
}

impl RunLog {
    /// From now on, every line that this process writes names the run.
    pub(super) fn new(audit: &Arc<Audit>, id: &str, directory: PathBuf) -> Self {
        audit.name_run(id);
        Self {
            id: id.to_owned(),
            audit: Arc::clone(audit),
            directory,
            started: Instant::now(),
            start: Arc::default(),
            ended: OnceLock::new(),
        }
    }

    /// The run's ID.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The log.
    pub(super) fn audit(&self) -> &Arc<Audit> {
        &self.audit
    }

    /// The first command, once it is started.
    pub(super) fn start(&self) -> Arc<OnceLock<RunStart>> {
        Arc::clone(&self.start)
    }

    /// A command has been started as that process.
    pub(super) fn begin(&self, words: &[OsString], pid: u32) {
        let words = words.iter().map(OsString::as_os_str);
        let mut event = Event::new(Kind::RunStart);
        let start = RunStart::new(words, &self.directory, pid);
        let _ = self.start.set(start.clone()); // if there are several commands, the first counts
        event.start = Some(start);
        self.audit.record(&event);
    }

    /// A command has ended. If there are several, the first one counts.
    pub(super) fn ended(&self, code: u8, child: &Child) {
        let _ = self.ended.set((code, child.ended_by()));
    }

    /// The run has ended.
    pub(super) fn finish(self) {
        let (exit, signal) = self.ended.into_inner().unzip();
        let mut event = Event::new(Kind::RunEnd);
        event.end = Some(self.audit.tally().end(exit, signal.flatten()));
        let lasted = self.started.elapsed().as_millis();
        event.milliseconds = Some(u64::try_from(lasted).unwrap_or(u64::MAX));
        self.audit.record(&event);
    }
}
