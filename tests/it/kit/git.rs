//! A home at a GitLab with a private project, and each git of this machine in it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use authsome::clock::Timestamp;
use authsome::connection::GrantState;
use authsome_test_support::kit::skip;
use authsome_test_support::{Arrived, FakeGitLab, Seen, Visibility};

use crate::kit::{Outcome, PLACEHOLDER, World};

pub(crate) const HOST: &str = "gitlab.test";

pub(crate) const PROJECT: &str = "group/private";

/// A git of this machine.
#[derive(Debug)]
pub(crate) struct Git {
    pub(crate) path: PathBuf,
    pub(crate) version: Vec<u32>,
}

impl Git {
    pub(crate) fn at(path: PathBuf) -> Option<Self> {
        let output = Command::new(&path).arg("--version").output().ok()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = said.strip_prefix("git version ")?.split('.');
        let version = version.map_while(|part| part.trim().parse().ok()).collect();
        Some(Self { path, version })
    }
}

/// The oldest and the newest git; where there is one only, that is said.
pub(crate) fn gits() -> &'static [Git] {
    static GITS: OnceLock<Vec<Git>> = OnceLock::new();
    GITS.get_or_init(|| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let everywhere =
            std::env::split_paths(&path).chain(["/usr/bin".into(), "/usr/local/bin".into()]);
        let mut gits: Vec<_> = everywhere
            .filter_map(|directory| Git::at(directory.join("git")))
            .collect();
        gits.sort_by(|one, other| one.version.cmp(&other.version));
        gits.dedup_by(|one, other| one.version == other.version);
        assert!(!gits.is_empty(), "git is not installed");
        if gits.len() == 1 {
            // Written past libtest, which keeps what a test that passes prints. No machine has to
            // have two.
            let only = &gits[0];
            let _ = writeln!(
                std::io::stderr(),
                "skipped: a second git; the only one here is {only:?}"
            );
        } else {
            gits.drain(1..gits.len() - 1);
        }
        gits
    })
}

/// The same; none where git-lfs is not installed.
pub(crate) fn lfs_gits() -> &'static [Git] {
    let found = Command::new("git-lfs").arg("version").output();
    if found.is_ok_and(|output| output.status.success()) {
        return gits();
    }
    skip("git-lfs is not installed");
    &[]
}

/// A home that is connected to a GitLab with a private project, and one of the gits first on its
/// PATH.
pub(crate) struct Place {
    pub(crate) world: World,
    pub(crate) gitlab: FakeGitLab,
    pub(crate) access: String,
    pub(crate) path: String,
}

impl Place {
    pub(crate) fn new(git: &Git) -> Self {
        Self::below(git, "")
    }

    pub(crate) fn below(git: &Git, root: &str) -> Self {
        let (world, gitlab) = (
            World::new(),
            FakeGitLab::builder().relative_root(root).start(),
        );
        gitlab.add_repo(PROJECT, Visibility::Private, &[("README.md", "hello\n")]);
        let (_, pair) = world.connect_as("default", &gitlab, &gitlab.base_url_at(HOST), 7200);
        let bin = world.path("bin");
        fs::create_dir(&bin).unwrap();
        symlink(&git.path, bin.join("git")).unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        Self {
            world,
            gitlab,
            access: pair.access,
            path,
        }
    }

    /// Without a slash at the end.
    pub(crate) fn base(&self) -> String {
        self.gitlab.base_url_at(HOST)
    }

    pub(crate) fn https(&self, project: &str) -> String {
        format!("{}/{project}.git", self.base())
    }

    /// `authsome run`, where an attempt to use SSH fails.
    pub(crate) fn run<I: AsRef<OsStr>>(&self, command: impl AsRef<[I]>) -> Command {
        self.run_with(&[], command)
    }

    pub(crate) fn run_with<I: AsRef<OsStr>>(
        &self,
        switches: &[&str],
        command: impl AsRef<[I]>,
    ) -> Command {
        let resolve = format!("{HOST}:{}:127.0.0.1", self.gitlab.port());
        let words = ["run", "--resolve", &resolve]
            .into_iter()
            .chain(switches.iter().copied())
            .chain(["--"]);
        let words = words
            .map(OsStr::new)
            .chain(command.as_ref().iter().map(AsRef::as_ref));
        let mut run = self.world.authsome(words);
        run.current_dir(self.world.path(""));
        for (name, value) in self.environment() {
            run.env(name, value);
        }
        run
    }

    pub(crate) fn environment(&self) -> [(&str, &str); 6] {
        [
            ("PATH", &self.path),
            ("GIT_SSH_COMMAND", "false"),
            ("GIT_AUTHOR_NAME", "Ada"),
            ("GIT_AUTHOR_EMAIL", "ada@example.test"),
            ("GIT_COMMITTER_NAME", "Ada"),
            ("GIT_COMMITTER_EMAIL", "ada@example.test"),
        ]
    }

    /// git, through authsome.
    #[track_caller]
    pub(crate) fn git<const N: usize>(&self, words: [&str; N]) {
        let words = ["git"].into_iter().chain(words).collect::<Vec<_>>();
        Outcome::of(self.run(words).output().unwrap()).expect(0);
    }

    #[track_caller]
    pub(crate) fn git_in<const N: usize>(&self, directory: &str, words: [&str; N]) {
        let words = ["git", "-C", directory]
            .into_iter()
            .chain(words)
            .collect::<Vec<_>>();
        Outcome::of(self.run(words).output().unwrap()).expect(0);
    }

    /// Clones each, and pushes a branch back, in one session.
    #[track_caller]
    pub(crate) fn clone_and_push(&self, remotes: &[String]) {
        let script = "set -e; for remote; do
            git clone -q \"$remote\" clone; git -C clone push -q -f origin \"HEAD:refs/heads/$$\"; rm -rf clone
        done";
        let words = ["sh", "-c", script, "sh"].into_iter();
        let words: Vec<_> = words.chain(remotes.iter().map(String::as_str)).collect();
        Outcome::of(self.run(words).output().unwrap()).expect(0);
    }

    /// git by itself, for what needs no network; its output.
    #[track_caller]
    pub(crate) fn plain<const N: usize>(&self, directory: &str, words: [&str; N]) -> String {
        let mut git = Command::new(self.world.path("bin/git"));
        git.args(words)
            .current_dir(self.world.path(directory))
            .env_clear();
        git.env("HOME", self.world.path(""))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_NO_LAZY_FETCH", "1");
        for (name, value) in self.environment() {
            git.env(name, value);
        }
        Outcome::of(git.output().unwrap()).expect(0).stdout
    }

    #[track_caller]
    pub(crate) fn commit(&self, directory: &str, name: &str, content: &[u8]) {
        let file = self.world.path(directory).join(name);
        File::create(file).unwrap().write_all(content).unwrap();
        self.plain(directory, ["add", name]);
        self.plain(directory, ["commit", "-q", "-m", name]);
    }

    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.world.path(name)).unwrap()
    }

    /// The user's ~/.gitconfig.
    pub(crate) fn configure(&self, text: &str) {
        self.world.file(".gitconfig", text);
    }

    /// The user's ~/.ssh/config, which ssh would look for elsewhere: by the user's entry, not by
    /// `HOME`.
    pub(crate) fn ssh_configuration(&self, text: &str) {
        fs::create_dir(self.world.path(".ssh")).unwrap();
        self.world.file(".ssh/config", text);
        let script = format!(
            "#!/bin/sh\nPATH='{}' exec ssh -F \"$HOME/.ssh/config\" \"$@\"\n",
            std::env::var("PATH").unwrap()
        );
        let program = self.world.file("bin/ssh", &script);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    }

    /// A program that notes how it is called, and fails.
    pub(crate) fn recorder(&self, name: &str) -> PathBuf {
        let log = self.world.path(&format!("{name}.log"));
        let script = format!("#!/bin/sh\necho \"$*\" >> '{}'\nexit 1\n", log.display());
        let program = self.world.file(name, &script);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        program
    }

    pub(crate) fn recorded(&self, name: &str) -> String {
        fs::read_to_string(self.world.path(&format!("{name}.log"))).unwrap_or_default()
    }

    /// Leaves the connection as the provider's refusal of its refresh token does.
    pub(crate) fn end_the_login(&self) {
        let mut connection = self.world.stored("default");
        connection.tokens.expires_at = Some(Timestamp::from_seconds(1));
        connection.standing = GrantState::NeedsLogin {
            reason: "revoked".to_owned(),
            since: Timestamp::from_seconds(1),
            access_ended: true,
        };
        self.world.store().create(&connection, true).unwrap();
    }

    /// Clones, commits an object of LFS, pushes; the object.
    #[track_caller]
    pub(crate) fn push_lfs_object(&self, remote: &str) -> Vec<u8> {
        self.git(["clone", "-q", remote, "origin"]);
        let mut large = vec![0; 2 << 20];
        File::open("/dev/urandom")
            .unwrap()
            .read_exact(&mut large)
            .unwrap();
        // Writes the filter into ~/.gitconfig, and the hook that uploads before a push.
        self.plain("origin", ["lfs", "install", "--skip-smudge", "--local"]);
        self.plain("origin", ["lfs", "install"]);
        self.plain("origin", ["lfs", "track", "*.bin"]);
        self.commit(
            "origin",
            ".gitattributes",
            &self.read("origin/.gitattributes"),
        );
        self.commit("origin", "large.bin", &large);
        self.git_in("origin", ["push", "-q"]);
        large
    }

    #[track_caller]
    pub(crate) fn skip_lfs_smudge(&self, remote: &str, name: &str) {
        let mut clone = self.run(["git", "clone", "-q", remote, name]);
        Outcome::of(clone.env("GIT_LFS_SKIP_SMUDGE", "1").output().unwrap()).expect(0);
    }

    pub(crate) fn seen_at(&self, path: &str) -> Vec<Seen> {
        self.gitlab
            .seen()
            .into_iter()
            .filter(|seen| seen.path.contains(path))
            .collect()
    }

    /// Every request that arrived had the user's credential in git's form, and nothing else; there
    /// was one at least.
    #[track_caller]
    pub(crate) fn expect_only_the_user(&self) {
        let seen = self.gitlab.seen();
        assert!(!seen.is_empty());
        let user = Arrived::Basic {
            user: "oauth2".to_owned(),
            password: self.access.clone(),
        };
        for request in &seen {
            // A redirect to the path with the suffix is not git's business yet: it takes no
            // credential.
            let redirected =
                request.path.ends_with("/info/refs") && !request.path.contains(".git/");
            let expected = if redirected { &Arrived::None } else { &user };
            assert_eq!(&request.credential, expected, "{request:?}");
            assert!(!format!("{request:?}").contains(PLACEHOLDER), "{request:?}");
        }
        assert_eq!(self.gitlab.rejected_basic(), 0);
    }
}
