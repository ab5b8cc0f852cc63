//! A run, and processes in it and beside it that ask its proxy for something.

use std::process::Command;

use authsome_test_support::kit::skip;
use authsome_test_support::{Arrived, FakeGitLab};
use nix::unistd::Uid;

use crate::kit::run::{Running, finish, like, run};
use crate::kit::{Setup, World};

/// What every client here begins with. It asks for `/api/v4/user` in absolute form, so that one
/// status tells whether it was admitted: 200, or 407 and nothing arrives.
pub(crate) const CLIENT: &str = include_str!("children/admission_client.py");

/// A home with a connection, and its GitLab.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) gitlab: FakeGitLab,
    pub(crate) token: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let Setup {
            world,
            gitlab,
            pair,
            ..
        } = Setup::connected();
        Self {
            world,
            gitlab,
            token: pair.access,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/api/v4/user", self.gitlab.base_url())
    }

    /// The words of a client.
    pub(crate) fn client(&self, program: &str) -> [String; 4] {
        let program = format!("{CLIENT}{program}");
        ["python3".into(), "-c".into(), program, self.url()]
    }

    /// A run of that client.
    pub(crate) fn run(&self, program: &str) -> Command {
        let words = self.client(program);
        run(&self.world, &[], &words.each_ref().map(String::as_str))
    }

    /// What such a client says.
    #[track_caller]
    pub(crate) fn said(&self, program: &str) -> String {
        said(self.run(program))
    }

    /// A client outside any run that is told where the proxy is.
    pub(crate) fn outsider(&self, proxy: &str, program: &str) -> Command {
        let model = self.world.authsome::<&str>([]);
        let mut command = like(&model, self.client(program));
        command.env("HTTPS_PROXY", proxy);
        command
    }

    /// How many requests arrived; each was admitted, so each must have carried the token.
    #[track_caller]
    pub(crate) fn arrived(&self) -> usize {
        let seen = self.gitlab.seen();
        for request in &seen {
            let token = self.token.clone();
            assert_eq!(request.credential, Arrived::Bearer { token });
        }
        seen.len()
    }
}

#[track_caller]
pub(crate) fn said(command: Command) -> String {
    finish(command).expect(0).stdout.trim().to_owned()
}

/// A run whose child says where its proxy is, and then waits until it is released.
pub(crate) fn waiting(scene: &Scene) -> (Running, String) {
    let script = "echo \"$HTTPS_PROXY\"; read -r line; exit 0";
    let running = Running::start(run(&scene.world, &[], &["sh", "-c", script]));
    let proxy = running.line().unwrap();
    (running, proxy)
}

/// Whether the test can be made: it is said by name where it cannot.
pub(crate) fn is_root(test: &str) -> bool {
    let is_root = Uid::effective().is_root();
    if !is_root {
        skip(&format!("{test} needs root"));
    }
    is_root
}

/// As another user than root and the one of [`as_nobody_special`].
pub(crate) const SOMEBODY_ELSE: [&str; 6] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "env",
    "PATH=/usr/local/bin:/usr/bin:/bin", // root's own programs are closed to others
];
