//! Credentials for programs outside of a run: a token for a script or another tool, and git's
//! credential helper.

mod choice;
mod git;
mod token;

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use authsome_test_support::{FakeGitLab, Visibility};
use serde_json::Value;

use crate::kit::git::{Git, PROJECT};
use crate::kit::run::like;
use crate::kit::{Outcome, World, binary};

/// What `authsome credential git ACTION` answers to a request.
pub(crate) fn ask(world: &World, action: &str, request: &str) -> Outcome {
    let mut command = world.authsome(["credential", "git", action]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut helper = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = helper.stdin.take().unwrap();
    let _ = stdin.write_all(request.as_bytes()); // the helper may have had enough
    drop(stdin);
    Outcome::of(helper.wait_with_output().unwrap())
}

/// The request of a git for a URL of that server, with more lines.
pub(crate) fn request(url: &str, more: &str) -> String {
    let (protocol, rest) = url.split_once("://").unwrap();
    let host = rest.split('/').next().unwrap();
    format!("protocol={protocol}\nhost={host}\n{more}\n")
}

/// The log's exports: the connection, the host, and the command.
pub(crate) fn exports(world: &World) -> Vec<[String; 3]> {
    let log = fs::read_to_string(world.home().join("audit.log")).unwrap_or_default();
    let events = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let exports = events.filter(|event| event["event"] == "export");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    exports
        .map(|event| ["connection", "host", "reason"].map(|name| text(&event[name])))
        .collect()
}

/// One of this machine's gits, whose helper is authsome, at a GitLab with a private project.
pub(crate) struct Outside {
    pub(crate) world: World,
    pub(crate) gitlab: FakeGitLab,
}

impl Outside {
    pub(crate) fn new(git: &Git, lifetime: u64) -> Self {
        Self::below(git, "", lifetime)
    }

    pub(crate) fn below(git: &Git, root: &str, lifetime: u64) -> Self {
        let world = World::new();
        let gitlab = FakeGitLab::builder().relative_root(root).start();
        gitlab.add_repo(PROJECT, Visibility::Private, &[("README.md", "hello\n")]);
        world.connect_as("default", &gitlab, &gitlab.base_url(), lifetime);
        let bin = world.path("bin");
        fs::create_dir(&bin).unwrap();
        symlink(&git.path, bin.join("git")).unwrap();
        symlink(binary(), bin.join("authsome")).unwrap();
        let outside = Self { world, gitlab };
        let helper = format!("credential.{}.helper", outside.origin());
        outside.git(["config", "--global", &helper, "!authsome credential git"]);
        outside
    }

    /// `https://localhost:PORT`, which is the URL of the helper's setting.
    pub(crate) fn origin(&self) -> String {
        format!("https://localhost:{}", self.gitlab.port())
    }

    pub(crate) fn remote(&self) -> String {
        format!("{}/{PROJECT}.git", self.gitlab.base_url())
    }

    pub(crate) fn command<I: AsRef<OsStr>>(&self, words: impl AsRef<[I]>) -> Command {
        let own = self.world.authsome::<&str>([]);
        let words = words.as_ref().iter().map(AsRef::as_ref);
        let git = self.world.path("bin/git");
        let mut git = like(&own, std::iter::once(git.as_os_str()).chain(words));
        let path = std::env::var("PATH").unwrap();
        git.env(
            "PATH",
            format!("{}:{path}", self.world.path("bin").display()),
        );
        git.env("GIT_SSL_CAINFO", self.gitlab.ca_file());
        git.env("GIT_TERMINAL_PROMPT", "0");
        for role in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{role}_NAME"), "Ada");
            git.env(format!("GIT_{role}_EMAIL"), "ada@example.test");
        }
        git.current_dir(self.world.path(""));
        git
    }

    #[track_caller]
    pub(crate) fn git<const N: usize>(&self, words: [&str; N]) -> Outcome {
        Outcome::of(self.command(words).output().unwrap()).expect(0)
    }

    #[track_caller]
    pub(crate) fn commit(&self, directory: &str, name: &str) {
        self.world.file(&format!("{directory}/{name}"), name);
        self.git(["-C", directory, "add", name]);
        self.git(["-C", directory, "commit", "-q", "-m", name]);
    }
}
