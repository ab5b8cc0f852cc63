//! A run whose command is isolated: of a user who is not root, with a connection at a name that only
//! authsome can resolve, and another server beside it.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::OnceLock;

use authsome_test_support::kit::skip;
use authsome_test_support::{Arrived, FakeGitLab, Pair};
use nix::unistd::Uid;

use crate::kit::run::{copy_program, finish, like};
use crate::kit::{Outcome, Setup, World, binary};

/// Of the connection. Neither name is in any resolver.
pub(crate) const MANAGED: &str = "gitlab.test";

/// Of the other server.
pub(crate) const OTHER: &str = "grpc.test";

/// The user of the tests.
const USER: &str = "65534";

/// What a command inside meets.
pub(crate) struct Inside {
    pub(crate) world: World,
    pub(crate) gitlab: FakeGitLab,
    pub(crate) other: FakeGitLab,
    pub(crate) pair: Pair,
}

impl Inside {
    /// `None` where no command can be isolated, which is said.
    pub(crate) fn new(test: &str) -> Option<Self> {
        if !is_possible() {
            skip(&format!("{test} needs namespaces"));
            return None;
        }
        let (world, gitlab) = Setup::unconnected();
        let base = gitlab.base_url_at(MANAGED);
        let (_, pair) = world.connect_as("default", &gitlab, &base, 7200);
        let other = FakeGitLab::start();
        fs::copy(other.ca_file(), world.path("other.pem")).unwrap();
        Some(Self {
            world,
            gitlab,
            other,
            pair,
        })
    }

    /// A path of the connection's host.
    pub(crate) fn managed(&self, path: &str) -> String {
        format!("{}{path}", self.gitlab.base_url_at(MANAGED))
    }

    /// A path of the other server.
    pub(crate) fn other(&self, path: &str) -> String {
        format!("{}{path}", self.other.base_url_at(OTHER))
    }

    /// The flags by which authsome knows both names.
    fn resolve(&self) -> [String; 4] {
        let entry = |host: &str, port: u16| format!("{host}:{port}:127.0.0.1");
        let flag = || "--resolve".to_owned();
        let managed = entry(MANAGED, self.gitlab.port());
        [flag(), managed, flag(), entry(OTHER, self.other.port())]
    }

    /// A program of the same user beside the run.
    pub(crate) fn beside(&self, words: &[&str]) -> Child {
        let (user, group) = (format!("--reuid={USER}"), format!("--regid={USER}"));
        let setpriv = ["setpriv", &user, &group, "--clear-groups"];
        let words = setpriv.iter().chain(words).copied();
        own(&self.world);
        like(&self.world.authsome::<&str>([]), words)
            .spawn()
            .unwrap()
    }

    /// The same by that binary.
    pub(crate) fn run_binary(&self, program: &Path, flags: &[&str], words: &[&str]) -> Command {
        let copy = self.world.path("authsome");
        let is_there = fs::read(&copy).is_ok_and(|found| fs::read(program).unwrap() == found);
        if !is_there {
            let _ = fs::remove_file(&copy);
            copy_program(program, &copy);
        }
        self.run_with(flags, words)
    }

    /// `authsome run FLAG... -- COMMAND`, not yet started.
    pub(crate) fn run_with(&self, flags: &[&str], words: &[&str]) -> Command {
        let resolve = self.resolve();
        let flags = resolve
            .iter()
            .map(String::as_str)
            .chain(flags.iter().copied());
        let words = ["--quiet", "run"]
            .into_iter()
            .chain(flags)
            .chain(["--"])
            .chain(words.iter().copied());
        as_user(&self.world, &self.world.authsome(words))
    }

    /// The same, isolated.
    pub(crate) fn run(&self, flags: &[&str], words: &[&str]) -> Command {
        self.run_with(&[&["--isolate"], flags].concat(), words)
    }

    /// A shell inside that does something, and how it ended.
    #[track_caller]
    pub(crate) fn shell(&self, flags: &[&str], script: &str) -> Outcome {
        finish(self.run(flags, &["sh", "-c", script]))
    }

    /// What a program in Python says inside, with an environment that has nothing of the session's.
    /// `MANAGED`, `OTHER` and `TRUST` are what the program may want to know.
    #[track_caller]
    pub(crate) fn python(&self, flags: &[&str], program: &str) -> String {
        let words = ["env", "-i", PATH, "python3", "-c", &self.told(program)];
        let outcome = finish(self.run(flags, &words)).expect(0);
        outcome.stdout.trim().to_owned()
    }

    /// The program with what it may want to know.
    pub(crate) fn told(&self, program: &str) -> String {
        let (managed, other) = (self.gitlab.port(), self.other.port());
        let trust = self.world.path("other.pem");
        format!(
            "import os, socket, ssl, sys\nMANAGED = ({MANAGED:?}, {managed})\nOTHER = ({OTHER:?}, {other})\nTRUST = '{}'\n{program}",
            trust.display()
        )
    }

    /// Whether each request at the connection's host carried its token, and how many there were.
    #[track_caller]
    pub(crate) fn injected(&self) -> usize {
        let token = || self.pair.access.clone();
        let seen = self.gitlab.seen();
        for request in &seen {
            let is_bearer = request.credential == Arrived::Bearer { token: token() };
            let is_basic = matches!(
                &request.credential,
                Arrived::Basic { password, .. } if *password == token()
            );
            assert!(is_bearer || is_basic, "{request:?}");
        }
        seen.len()
    }
}

/// Root's own programs are closed to others.
pub(crate) const PATH: &str = "PATH=/usr/local/bin:/usr/bin:/bin";

/// The command as of a user who is not root, in a home that is theirs.
pub(crate) fn as_user(world: &World, command: &Command) -> Command {
    if !Uid::effective().is_root() {
        return like(
            command,
            std::iter::once(command.get_program()).chain(command.get_args()),
        );
    }
    let copy = world.path("authsome");
    if !copy.exists() {
        copy_program(binary(), &copy);
    }
    own(world);
    let (user, group) = (format!("--reuid={USER}"), format!("--regid={USER}"));
    let setpriv = ["setpriv", &user, &group, "--clear-groups", "env", PATH];
    let words = setpriv
        .map(OsString::from)
        .into_iter()
        .chain([copy.into()])
        .chain(command.get_args().map(ToOwned::to_owned));
    let mut command = like(command, words);
    command.current_dir(world.path("."));
    command
}

/// Gives the home to that user.
fn own(world: &World) {
    let owner = format!("{USER}:{USER}");
    let chown = ["chown", "-R", &owner, world.path("").to_str().unwrap()].map(str::to_owned);
    finish(like(&world.authsome::<&str>([]), chown)).expect(0);
}

/// Whether this machine has what isolation takes, by the system's own program.
fn is_possible() -> bool {
    static POSSIBLE: OnceLock<bool> = OnceLock::new();
    *POSSIBLE.get_or_init(|| {
        let words = ["setpriv", "--reuid=65534", "unshare", "-Urnm", "true"];
        let skipped = if Uid::effective().is_root() { 0 } else { 2 };
        let mut words = words.into_iter().skip(skipped);
        let mut probe = Command::new(words.next().unwrap());
        probe
            .args(words)
            .status()
            .is_ok_and(|status| status.success())
    })
}
