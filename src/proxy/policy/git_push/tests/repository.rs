//! Repositories and pushes, made by the git of this machine.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A repository in a folder of its own.
pub(super) struct Repository {
    folder: TempDir,
    /// The digits of an id.
    digits: usize,
}

/// Capabilities as git sends them, but for the format.
pub(super) const CAPABILITIES: &str = " report-status-v2 side-band-64k agent=git/2.47.3";

impl Repository {
    /// An empty one, of `sha1` or `sha256`.
    pub(super) fn new(format: &str) -> Self {
        let repository = Self {
            folder: TempDir::new().unwrap(),
            digits: if format == "sha256" { 64 } else { 40 },
        };
        let option = format!("--object-format={format}");
        repository.git(&["init", "-q", "-b", "main", &option]);
        repository
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// What git prints.
    pub(super) fn git(&self, arguments: &[&str]) -> String {
        let printed = self.bytes(arguments, "");
        String::from_utf8(printed).unwrap().trim_end().to_owned()
    }

    /// Whether git says yes.
    pub(super) fn says(&self, arguments: &[&str]) -> bool {
        self.command(arguments).status().unwrap().success()
    }

    /// The same with something on its standard input.
    pub(super) fn bytes(&self, arguments: &[&str], input: &str) -> Vec<u8> {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "git {arguments:?}");
        output.stdout
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "A")
                .env(format!("GIT_{role}_EMAIL"), "a@example.test")
                .env(format!("GIT_{role}_DATE"), "1700000000 +0000");
        }
        command.args(arguments);
        command
    }

    /// A commit with these parents; its message is long, so that a commit may be a delta of
    /// another.
    pub(super) fn commit(&self, message: &str, parents: &[&str]) -> String {
        let blob = self.bytes(&["hash-object", "-w", "--stdin"], message);
        let blob = String::from_utf8(blob).unwrap();
        let tree = format!("100644 blob {}\tfile\n", blob.trim_end());
        let tree = String::from_utf8(self.bytes(&["mktree"], &tree)).unwrap();
        let mut arguments = vec!["commit-tree", tree.trim_end(), "-m", message];
        for parent in parents {
            arguments.extend(["-p", parent]);
        }
        self.git(&arguments)
    }

    pub(super) fn zero(&self) -> String {
        "0".repeat(self.digits)
    }

    /// A line for each command, with capabilities behind the first one, and the flush.
    pub(super) fn commands(&self, commands: &[(&str, &str, &str)], more: &str) -> Vec<u8> {
        let format = if self.digits == 64 { "sha256" } else { "sha1" };
        let mut lines = String::new();
        for (index, (old, new, name)) in commands.iter().enumerate() {
            let line = match index {
                0 => format!("{old} {new} {name}\0{CAPABILITIES} object-format={format}{more}"),
                _ => format!("{old} {new} {name}"),
            };
            write!(lines, "{:04x}{line}", line.len() + 4).unwrap();
        }
        lines.push_str("0000");
        lines.into_bytes()
    }

    /// The pack of what is reachable from some ids and not from others, as git makes it for a push.
    pub(super) fn pack(&self, wanted: &[&str], had: &[&str]) -> Vec<u8> {
        let options = [
            "--all-progress-implied",
            "--revs",
            "--stdout",
            "--thin",
            "-q",
        ];
        self.pack_with(
            &[&options[..], &["--delta-base-offset"]].concat(),
            wanted,
            had,
        )
    }

    pub(super) fn pack_with(&self, options: &[&str], wanted: &[&str], had: &[&str]) -> Vec<u8> {
        let mut revisions = String::new();
        for id in had {
            writeln!(revisions, "^{id}").unwrap();
        }
        for id in wanted {
            writeln!(revisions, "{id}").unwrap();
        }
        self.bytes(&[&["pack-objects"], options].concat(), &revisions)
    }
}
