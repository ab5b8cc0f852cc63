//! Every command that renews a token, at moments that are drawn.

use std::io::Read;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use authsome_test_support::kit::{browser_script, port_7998};
use authsome_test_support::{App, FakeGitLab, Seen};

use crate::kit::refresh::{age, bearer, user};
use crate::kit::session::spawn;
use crate::kit::{Outcome, World};

/// The commands that are killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Door {
    Export,
    Login,
    Run,
}

impl Door {
    pub(crate) const ALL: [Self; 3] = [Self::Export, Self::Login, Self::Run];

    pub(crate) fn of(round: u64) -> Self {
        match round % 10 {
            7 => Self::Login,
            digit if digit % 3 == 0 => Self::Run,
            _ => Self::Export,
        }
    }
}

pub(crate) struct Doors<'a> {
    world: &'a World,
    gitlab: &'a FakeGitLab,
    app: &'a App,
    browser: PathBuf,
}

impl<'a> Doors<'a> {
    pub(crate) fn new(world: &'a World, gitlab: &'a FakeGitLab, app: &'a App) -> Self {
        Self {
            world,
            gitlab,
            app,
            browser: browser_script(&world.path(""), gitlab.ca_file()),
        }
    }

    pub(crate) fn command(&self, door: Door) -> Command {
        let mut command = match door {
            Door::Export => self.world.authsome(["export", "gitlab"]),
            Door::Login => self.world.authsome(["login", "gitlab", "--force"]),
            Door::Run => self.world.authsome(["run", "--", "curl", "-sS"]),
        };
        match door {
            Door::Export => {}
            Door::Login => {
                command.args(["--base-url", &self.gitlab.base_url()]);
                command.arg("--ca-file").arg(self.gitlab.ca_file());
                command.args(["--client-id", &self.app.client_id]);
                command.env("BROWSER", &self.browser);
            }
            Door::Run => {
                command.arg(user(self.gitlab));
            }
        }
        command
    }

    /// How long the command takes where nobody kills it.
    pub(crate) fn length(&self, door: Door) -> Duration {
        age(self.world, 0);
        let _port = port_7998();
        let started = Instant::now();
        let outcome = Outcome::of(self.command(door).output().unwrap());
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        started.elapsed()
    }

    /// Kills the command after that time: whether it was running still, and the token that it
    /// printed.
    pub(crate) fn kill(&self, door: Door, after: Duration) -> (bool, Option<String>) {
        let _port = matches!(door, Door::Login).then(port_7998);
        let mut process = spawn(&mut self.command(door));
        std::thread::sleep(after); // the moment is what is tested
        let running = process.try_wait().unwrap().is_none();
        process.kill().unwrap();
        let mut printed = String::new();
        // Until the end of the child too, which dies with its parent.
        let mut stdout = process.stdout.take().unwrap();
        stdout.read_to_string(&mut printed).unwrap();
        process.wait().unwrap();
        let token = printed.strip_prefix("GITLAB_ACCESS_TOKEN='");
        let token = token.and_then(|rest| rest.split_once('\''));
        (running, token.map(|(token, _)| token.to_owned()))
    }

    /// What children sent. A login asks with its new token whose it is before it stores it: that
    /// hands out nothing.
    pub(crate) fn sent_by_children(&self) -> Vec<String> {
        let seen = self.gitlab.seen();
        let of_child = |seen: &&Seen| {
            let agent = seen.header("user-agent").unwrap_or_default();
            agent.starts_with("curl/")
        };
        seen.iter().filter(of_child).filter_map(bearer).collect()
    }
}

/// Pseudo-random numbers, the same in each run (xorshift64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let micros = u64::try_from(limit.as_micros()).unwrap().max(1);
        Duration::from_micros(self.0 % micros)
    }
}
