//! Jobs on empty machines, which share a sealed file and a master key.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use authsome::age_file::{Identity, OpenWith, open};
use authsome::clock::Timestamp;
use authsome::connection::{ConnectionStore, Exported};
use authsome::os::home::Home;
use authsome::secret::Secret;
use authsome::vault;
use authsome_test_support::{FakeGitLab, Pair};

use super::export::{KEY, connected_with_key, keyed};
use crate::kit::refresh::user;
use crate::kit::{Outcome, Setup, World, id, until};
use crate::kit::{SCOPES, connection};

/// A server, a shared directory, and what a job starts from.
pub(super) struct Story {
    pub(super) gitlab: FakeGitLab,
    /// The shared directory.
    directory: tempfile::TempDir,
    /// The sealed export in it.
    pub(super) file: PathBuf,
}

/// A machine with one job.
pub(super) struct Job {
    pub(super) world: World,
}

impl Story {
    /// An export whose access token has expired.
    pub(super) fn begin() -> Self {
        Self::with(|story, origin| {
            origin.age();
            story.expire();
        })
    }

    /// The same with a token that lasts: no run renews it.
    pub(super) fn begin_fresh() -> Self {
        Self::with(|_, _| {})
    }

    fn with(prepare: impl FnOnce(&Self, &Job)) -> Self {
        let (world, gitlab) = Setup::unconnected();
        connected_with_key(&world, &gitlab);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("shared.age");
        let story = Self {
            gitlab,
            directory,
            file,
        };
        let origin = Job { world };
        prepare(&story, &origin);
        origin.export_to(&story.file);
        story
    }

    /// The server's tokens expire.
    pub(super) fn expire(&self) {
        self.gitlab.expire_access_tokens();
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The file as a target.
    pub(super) fn target(&self) -> String {
        format!("file:{}", self.file.display())
    }
}

/// Writes a file.
pub(super) fn write(path: &Path, text: &str) {
    let mut file = File::create(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

impl Job {
    /// A job on an empty machine.
    pub(super) fn new() -> Self {
        Self {
            world: World::new(),
        }
    }

    pub(super) fn import(&self, file: &Path) -> Outcome {
        let words = ["vault", "import", file.to_str().unwrap()];
        Outcome::of(keyed(&self.world, KEY, &words).output().unwrap())
    }

    pub(super) fn export_to(&self, file: &Path) {
        let words = ["vault", "export", "--to", file.to_str().unwrap()];
        Outcome::of(keyed(&self.world, KEY, &words).output().unwrap()).expect(0);
    }

    /// `authsome run --on-rotate` with the story's file.
    pub(super) fn run(&self, story: &Story, command: &[&str]) -> Outcome {
        self.run_with(&story.target(), command)
    }

    pub(super) fn run_with(&self, target: &str, command: &[&str]) -> Outcome {
        let run = ["run", "--on-rotate", target, "--"];
        let words: Vec<_> = run.iter().chain(command).copied().collect();
        Outcome::of(keyed(&self.world, KEY, &words).output().unwrap())
    }

    /// The status of one request in a run.
    pub(super) fn call(&self, story: &Story) -> String {
        self.call_with(story, &story.target())
    }

    /// A request in a run, without a word of its status.
    pub(super) fn curl_with(&self, story: &Story, target: &str) -> Outcome {
        let url = user(&story.gitlab);
        self.run_with(target, &["curl", "-sS", "-o", "/dev/null", &url])
    }

    pub(super) fn call_with(&self, story: &Story, target: &str) -> String {
        let url = user(&story.gitlab);
        let curl = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", &url];
        self.run_with(target, &curl).expect(0).stdout
    }

    /// A run that renews the pair, and is killed before it can hand it back.
    pub(super) fn refresh_and_die(&self, story: &Story) {
        let before = self.pair();
        self.work_and_die(story);
        assert_ne!(self.pair(), before);
    }

    /// A run that is killed after its request, when a pair that it has renewed is durable, but not
    /// handed back: the test has the lock of the file.
    pub(super) fn work_and_die(&self, story: &Story) {
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(story.path("shared.age.lock"))
            .unwrap();
        lock.lock().unwrap();
        let (target, url) = (story.target(), user(&story.gitlab));
        let done = self.world.path("done");
        let script = format!("curl -sS '{url}'; touch '{}'; sleep 1000", done.display());
        let words = ["run", "--on-rotate", &target, "--", "sh", "-c", &script];
        let mut command = keyed(&self.world, KEY, &words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut run = command.spawn().unwrap();
        until("the request is answered", || done.exists());
        run.kill().unwrap();
        run.wait().unwrap();
    }

    /// Another connection, with a pair of its own that has expired.
    pub(super) fn connect(&self, story: &Story, name: &str) {
        let app = story.gitlab.register_app(false);
        let pair = story.gitlab.issue_tokens(&app, SCOPES);
        let base = story.gitlab.base_url();
        let mut connection = connection(name, &story.gitlab, &base, &app, &pair, 0);
        connection.terms = Some(self.world.terms(&connection));
        self.store().create(&connection, true).unwrap();
        story.expire();
    }

    /// The connections in a sealed file.
    pub(super) fn opened(&self, file: &Path) -> Vec<Exported> {
        let keys = Arc::clone(self.store().export_keys());
        let own = OpenWith::Identities(vec![Identity::of_key(keys.sealing())]);
        let content = open(&std::fs::read(file).unwrap(), &own).unwrap();
        Exported::decode_authentic(&content, &keys).unwrap()
    }

    /// The file in its home that names what is not handed back.
    pub(super) fn not_handed_back(&self) -> PathBuf {
        self.world.home().join("not-handed-back")
    }

    /// The pair in the vault.
    pub(super) fn pair(&self) -> Pair {
        let tokens = self
            .store()
            .load(&id("default"))
            .unwrap()
            .unwrap()
            .connection
            .tokens;
        Pair {
            access: tokens.access.expose().clone(),
            refresh: tokens.refresh.unwrap().expose().clone(),
        }
    }

    /// Gives it an access token that works, with its own refresh token.
    pub(super) fn with_access_token_of(&self, other: &Self) {
        let store = self.store();
        let stored = store.load(&id("default")).unwrap().unwrap();
        let mut connection = stored.connection;
        connection.tokens.lineage = Some(connection.tokens.lineage());
        connection.tokens.access = Secret::new(other.pair().access);
        store.replace(&connection, stored.generation).unwrap();
    }

    /// The vault's token ends now.
    pub(super) fn age(&self) {
        let store = self.store();
        let stored = store.load(&id("default")).unwrap().unwrap();
        let mut connection = stored.connection;
        connection.tokens.expires_at = Some(Timestamp::now());
        store.replace(&connection, stored.generation).unwrap();
    }

    pub(super) fn store(&self) -> ConnectionStore {
        let home = Home::open(Some(self.world.home().into()), None).unwrap();
        ConnectionStore::new(vault::open(&home, Some(KEY.as_ref())).unwrap())
    }
}
