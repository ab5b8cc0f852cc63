//! What a command is started with.

use std::sync::mpsc;

use nix::sys::signal::SigSet;

use super::ahead::Ahead;
use super::orphans::is_childless;
use crate::os::second_thread::SecondThread;
use crate::os::ulimits::Ulimits;

/// The limits to restore for the command, and perhaps the helper that becomes it.
#[derive(Debug)]
pub struct Starter {
    pub(super) ulimits: Ulimits,
    /// Comes from the thread that starts it.
    ahead: Option<mpsc::Receiver<Ahead>>,
}

impl Starter {
    /// Starts the helper already, so that its own start takes no time once the command is known.
    /// Where that fails, it is started with the command. Not to be called while a descriptor is
    /// open that the master key is read from: the helper inherits what descriptors there are.
    ///
    /// It is not started where this process has a child already, of which nobody knows what it will
    /// start ([`adopt_orphans`](super::orphans::adopt_orphans)). Children that come later are
    /// programs of ours, which are waited for: what they leave behind goes to init, as long as we
    /// are no subreaper.
    ///
    /// It is left to `thread`, as whoever starts a process waits until that is executed
    /// (`CLONE_VFORK`, clone(2)). The command is killed when that thread ends, so `thread` has to
    /// be kept until the command has ended.
    pub fn ahead(ulimits: Ulimits, thread: &SecondThread) -> Self {
        let (sender, ahead) = mpsc::channel();
        let is_given = thread.give(move || {
            let started = is_childless().then(|| Ahead::start(ulimits));
            // The helper's signals are for the first thread, which awaits them, though this one is
            // its parent. It has inherited those that were blocked already.
            let _ = SigSet::all().thread_block();
            if let Some(Ok(ahead)) = started {
                let _ = sender.send(ahead); // if nobody waits, it is ended
            }
        });
        Self {
            ulimits,
            ahead: is_given.then_some(ahead),
        }
    }

    /// The limits to restore.
    pub fn ulimits(&self) -> Ulimits {
        self.ulimits
    }

    /// The helper that was started, if there is one.
    pub(super) fn take_ahead(&mut self) -> Option<Ahead> {
        self.ahead.take()?.recv().ok()
    }
}

impl From<Ulimits> for Starter {
    /// The helper is started with the command.
    fn from(ulimits: Ulimits) -> Self {
        Self {
            ulimits,
            ahead: None,
        }
    }
}
