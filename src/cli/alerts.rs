//! Tells the user during a run what cannot wait for its end: on the terminal, on the desktop, and
//! by the program of `[notify]` in config.toml.
//!
//! Everything here happens on a thread of its own, which starts with the first alert: neither a
//! terminal that takes nothing nor a program that hangs delays a request.

mod alert;
mod ask_command;
mod programs;
mod screen;

use std::cell::OnceCell;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use self::alert::Alert;
pub(super) use self::ask_command::AskCommand;
pub(super) use self::programs::Programs;
use self::screen::Screen;
use crate::session::Notice;

/// The maximum number of alerts that wait. There are two for each connection at most.
const MAX_WAITING: usize = 32;

/// How often the terminal and the programs are looked at, while something is left to do.
const LOOK: Duration = Duration::from_millis(200);

/// Tells the alerts of one run.
pub(super) struct Alerts {
    run: String,
    programs: Programs,
    ask: AskCommand,
    /// Whether the terminal is written to.
    shows: bool,
    worker: OnceCell<Option<Worker>>,
}

struct Worker {
    sender: SyncSender<Alert>,
    thread: JoinHandle<()>,
}

impl Alerts {
    pub(super) fn new(run: &str, programs: Programs, ask: AskCommand, shows: bool) -> Self {
        Self {
            run: run.to_owned(),
            programs,
            ask,
            shows,
            worker: OnceCell::new(),
        }
    }

    /// Never waits. If an alert is lost, the end of the run still says what needs a login.
    pub(super) fn tell(&self, notice: Notice) {
        let Some(alert) = Alert::of(notice, &self.run) else {
            return;
        };
        let start = || Worker::start(self.programs.clone(), self.ask.clone(), self.shows);
        if let Some(worker) = self.worker.get_or_init(start) {
            let _ = worker.sender.try_send(alert);
        }
    }

    /// Gives the terminal its title back, and ends the programs that still run. What was not shown
    /// is not shown any more: the end of the run says what needs a login.
    pub(super) fn finish(self) {
        if let Some(Some(Worker { sender, thread })) = self.worker.into_inner() {
            drop(sender);
            let _ = thread.join();
        }
    }
}

impl Worker {
    fn start(programs: Programs, ask: AskCommand, shows: bool) -> Option<Self> {
        let (sender, alerts) = sync_channel(MAX_WAITING);
        let work = move || work(&alerts, programs, ask, shows);
        let thread = thread::Builder::new().name("alerts".to_owned()).spawn(work);
        let thread = thread.ok()?;
        Some(Self { sender, thread })
    }
}

fn work(alerts: &Receiver<Alert>, mut programs: Programs, mut ask: AskCommand, shows: bool) {
    let mut screen = Screen::new(shows);
    loop {
        let received = if screen.is_waiting() || programs.are_running() || ask.are_running() {
            alerts.recv_timeout(LOOK)
        } else {
            alerts.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        match received {
            Ok(alert) => {
                screen.tell(&alert);
                programs.tell(&alert);
                ask.tell(&alert);
            }
            Err(RecvTimeoutError::Timeout) => screen.look(),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    screen.restore();
    programs.finish();
}
