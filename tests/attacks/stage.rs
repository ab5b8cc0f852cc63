//! What one attempt is made on: a home with a connection, its GitLab, an attacker's servers, and
//! authsome, with its defence or without.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use authsome_test_support::{App, Arrived, FakeGitLab, Identity, Pair, Seen, Visibility};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::defence::Defence;
use crate::kit::World;
use crate::machine::{Machine, USER};
use crate::origin::Origin;
use crate::process::{self, Ended};

/// The connection's host.
pub(crate) const HOST: &str = "gitlab.test";

/// The attacker's.
pub(crate) const EVIL: &str = "evil.test";

/// A token of the attacker's own account.
pub(crate) const ATTACKERS: &str = "glpat-of-the-attacker-0000";

pub(crate) struct Stage<'a> {
    machine: &'a Machine,
    name: &'static str,
    left_out: Option<String>,
    mark: String,
    pub(crate) world: World,
    pub(crate) gitlab: Arc<FakeGitLab>,
    /// A server with a connection of its own, which notes each byte.
    pub(crate) origin: Option<Origin>,
    pub(crate) plain: Origin,
    identity: Identity,
    pub(crate) app: Option<App>,
    pub(crate) pair: Option<Pair>,
    facts: BTreeMap<&'static str, String>,
    variables: Vec<(String, OsString)>,
    /// What authsome is started by.
    wrapper: Vec<String>,
    said: String,
    is_prepared: bool,
}

/// What a program said.
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl<'a> Stage<'a> {
    /// Nothing is left out of the ordinary binary, which `None` is.
    pub(crate) fn new(
        machine: &'a Machine,
        name: &'static str,
        left_out: Option<Vec<Defence>>,
    ) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let is_defended = left_out.is_none();
        let names = |left_out: Vec<Defence>| {
            let names = left_out.iter().map(|defence| format!("{defence:?}"));
            names.collect::<Vec<_>>().join(",")
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let identity = Identity::generate(true).expect("a P-256 certificate");
        let mut stage = Self {
            machine,
            name,
            left_out: left_out.map(names),
            mark: format!("ATTACKS_MARK={}-{number}", std::process::id()),
            world: World::new(),
            gitlab: Arc::new(FakeGitLab::start()),
            origin: None,
            plain: Origin::plain(),
            identity,
            app: None,
            pair: None,
            facts: BTreeMap::new(),
            variables: Vec::new(),
            wrapper: Vec::new(),
            said: String::new(),
            is_prepared: false,
        };
        let facts = [
            ("attackers", ATTACKERS.to_owned()),
            (
                "authsome",
                machine.binary(is_defended).display().to_string(),
            ),
            ("evil", format!("{EVIL}:{}", stage.gitlab.port())),
            ("gitlab", format!("{HOST}:{}", stage.gitlab.port())),
            ("home", stage.world.home().display().to_string()),
            ("metadata_port", stage.plain.port.to_string()),
            ("plain", format!("{EVIL}:{}", stage.plain.port)),
        ];
        stage.facts.extend(facts);
        stage
    }

    /// With which defences this is.
    pub(crate) fn way(&self) -> String {
        match &self.left_out {
            None => "with its defence".to_owned(),
            Some(left_out) => format!("without {left_out}"),
        }
    }

    /// All that was said, for a report.
    pub(crate) fn told(&self) -> &str {
        &self.said
    }

    /// A connection to the GitLab, fresh or long expired.
    pub(crate) fn connect(&mut self, lifetime: u64) {
        let base = self.gitlab.base_url_at(HOST);
        let (app, pair) = self
            .world
            .connect_as("default", &self.gitlab, &base, lifetime);
        (self.app, self.pair) = (Some(app), Some(pair));
    }

    /// The same, and one to a server that notes each byte.
    pub(crate) fn connect_origin(&mut self) {
        let origin = Origin::secure(&self.identity);
        let base = format!("https://{HOST}:{}", origin.port);
        let (_, pair) = self.world.connect_as("origin", &self.gitlab, &base, 7200);
        let mut connection = self.world.stored("origin");
        connection.ca_pem = Some(self.identity.ca_pem.clone());
        self.world
            .store()
            .create(&connection, true)
            .expect("it can be stored again");
        self.fact("origin", format!("{HOST}:{}", origin.port));
        (self.origin, self.pair) = (Some(origin), Some(pair));
    }

    /// Tells the hostile command something.
    pub(crate) fn fact(&mut self, name: &'static str, value: impl Into<String>) {
        self.facts.insert(name, value.into());
    }

    /// A variable of authsome's own environment.
    pub(crate) fn variable(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.variables
            .push((name.to_owned(), value.as_ref().to_owned()));
    }

    /// What authsome is started by, as the first words.
    pub(crate) fn behind(&mut self, words: &[&str]) {
        self.wrapper = words.iter().map(|&word| word.to_owned()).collect();
    }

    pub(crate) fn access(&self) -> String {
        self.pair
            .as_ref()
            .map(|pair| pair.access.clone())
            .unwrap_or_default()
    }

    pub(crate) fn key(&self) -> String {
        let key = fs::read_to_string(self.world.home().join("master.key"));
        key.unwrap_or_default().trim().to_owned()
    }

    /// `authsome WORDS`, in this home, by the ordinary user.
    fn command(&mut self, words: &[&str]) -> Command {
        self.prepare();
        let binary = self.machine.binary(self.left_out.is_none());
        let model = self.world.authsome(words);
        let first = self.wrapper.iter().map(OsString::from);
        let all: Vec<_> = first
            .chain([binary.into_os_string()])
            .chain(words.iter().map(OsString::from))
            .collect();
        let mut command = Command::new(&all[0]);
        command.args(&all[1..]).env_clear().stdin(Stdio::null());
        for (name, value) in model.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.env("PATH", PATH);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some((name, value)) = self.mark.split_once('=') {
            command.env(name, value);
        }
        if let Some(left_out) = &self.left_out {
            command.env("AUTHSOME_UNDEFENDED", left_out);
        }
        command.current_dir(self.world.path("."));
        self.become_user(&mut command, USER);
        command
    }

    fn become_user(&self, command: &mut Command, user: u32) {
        if self.machine.has_users {
            command.uid(user).gid(user);
        }
    }

    /// Gives all that the tests have made to the user.
    fn prepare(&mut self) {
        if self.is_prepared || !self.machine.has_users {
            return;
        }
        self.is_prepared = true;
        own(&self.world.path("."));
    }

    fn end(&mut self, command: Command) -> Result<Said, String> {
        let shown = format!("{command:?}");
        let ended = process::run(command, TIMEOUT).map_err(|error| format!("{shown}: {error}"))?;
        let shown = shown.split("\"--\"").next().unwrap_or_default();
        let _ = writeln!(self.said, "{shown}\n{ended}");
        let Ended {
            how,
            stdout,
            stderr,
        } = ended;
        if how == process::How::TimedOut || stderr.contains("Traceback") {
            return Err(format!("{how}"));
        }
        Ok(Said { stdout, stderr })
    }

    /// `authsome WORDS`.
    pub(crate) fn authsome(&mut self, words: &[&str]) -> Result<Said, String> {
        let command = self.command(words);
        self.end(command)
    }

    /// The attempt: `authsome run FLAGS -- python3 hostile NAME`.
    pub(crate) fn run(&mut self, flags: &[&str]) -> Result<Said, String> {
        let name = self.name;
        self.run_of(name, flags)
    }

    /// The same, of another function.
    pub(crate) fn run_of(&mut self, name: &str, flags: &[&str]) -> Result<Said, String> {
        let words = self.words(name, flags);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        self.authsome(&words)
    }

    fn words(&self, name: &str, flags: &[&str]) -> Vec<String> {
        let run = ["--quiet", "run"].iter().chain(flags).chain(&["--"]);
        let run = run.map(|&word| word.to_owned());
        run.chain(self.hostile(name)).collect()
    }

    fn hostile(&self, name: &str) -> [String; 4] {
        let facts = serde_json::to_string(&self.facts).expect("facts are text");
        let program = self.machine.hostile().display().to_string();
        ["python3".to_owned(), program, name.replace(' ', "_"), facts]
    }

    /// The hostile program outside of any run, as this user or another one.
    pub(crate) fn outside(&mut self, user: u32) -> Result<Said, String> {
        self.prepare();
        let words = self.hostile(self.name);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).env_clear().env("PATH", PATH);
        command.current_dir("/");
        self.become_user(&mut command, user);
        self.end(command)
    }

    /// A command that goes on while the attempt is made.
    pub(crate) fn start(&mut self, words: &[&str]) -> Under {
        let mut command = self.command(words);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("authsome starts");
        let stdout = child.stdout.take().map(BufReader::new);
        Under {
            stdin: child.stdin.take(),
            stdout: stdout.expect("it is piped"),
            child,
        }
    }

    /// A run that waits, and the URL of its proxy.
    pub(crate) fn waiting(&mut self) -> Under {
        let words = self.words("waits", &[]);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let mut under = self.start(&words);
        let proxy = under.line();
        self.fact("proxy", proxy);
        under
    }

    /// The run of a function that goes on beside the attempt.
    pub(crate) fn start_of(&mut self, name: &str) -> Under {
        let words = self.words(name, &[]);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        self.start(&words)
    }

    /// What the hostile command is told.
    pub(crate) fn told_fact(&self, name: &str) -> String {
        self.facts.get(name).cloned().unwrap_or_default()
    }

    /// A file of the user's beside the home.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.world.path(name)
    }

    /// A private project.
    pub(crate) fn add_project(&self) {
        let files = [("README.md", "hello\n")];
        self.gitlab
            .add_repo("group/private", Visibility::Private, &files);
    }

    /// Whether a secret of the user's is in what was said, or in the file for loot or a core file.
    pub(crate) fn leaks(&self, said: &Said) -> bool {
        let mut loot = said.stdout.clone().into_bytes();
        let files = fs::read_dir(self.world.path("."))
            .into_iter()
            .flatten()
            .flatten();
        for file in files {
            let name = file.file_name().to_string_lossy().into_owned();
            let coding = name.strip_prefix("loot.").unwrap_or_default();
            if name.starts_with("loot") || name.starts_with("core") {
                let mut bytes = Vec::new();
                let _ = File::open(file.path()).and_then(|mut file| file.read_to_end(&mut bytes));
                loot.extend(decoded(coding, &bytes).unwrap_or(bytes));
            }
        }
        let secrets = self.secrets();
        secrets
            .iter()
            .any(|secret| memchr::memmem::find(&loot, secret.as_bytes()).is_some())
    }

    /// All that is kept from the command.
    fn secrets(&self) -> Vec<String> {
        let live = self.gitlab.live_pairs();
        let pairs = self
            .pair
            .iter()
            .chain(&live)
            .flat_map(|pair| [pair.access.clone(), pair.refresh.clone()]);
        let mut secrets: Vec<_> = pairs
            .chain([self.key()])
            .filter(|secret| !secret.is_empty())
            .collect();
        secrets.push(BASE64_STANDARD.encode(format!("oauth2:{}", self.access())));
        secrets
    }

    /// The requests that arrived at the GitLab with a credential of the user's.
    pub(crate) fn authorized(&self) -> Vec<Seen> {
        let mut seen = self.gitlab.seen();
        let live: Vec<_> = self
            .gitlab
            .live_pairs()
            .into_iter()
            .map(|pair| pair.access)
            .collect();
        seen.retain(|seen| {
            let mut each = seen.credential.each().iter();
            each.any(|one| match one {
                Arrived::Bearer { token }
                | Arrived::Basic {
                    password: token, ..
                } => live.contains(token) || *token == self.access(),
                _ => false,
            })
        });
        seen
    }

    /// Whether a request with the user's credential arrived of that method and at such a path.
    pub(crate) fn arrived(&self, method: &str, path: &str) -> bool {
        let all = self.authorized();
        all.iter()
            .any(|seen| seen.method == method && seen.path.contains(path))
    }

    /// The certificate that the attacker's server has, as the world trusts it.
    pub(crate) fn trust_the_world(&mut self) {
        let file = self.world.file("world.pem", self.gitlab.ca_pem());
        self.variable("SSL_CERT_FILE", file);
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        process::sweep(&self.mark);
    }
}

/// A command under way. It is ended when this is dropped.
pub(crate) struct Under {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Under {
    /// The next line that it says.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        let _ = self.stdout.read_line(&mut line);
        line.trim_end().to_owned()
    }

    /// Lets it end by itself.
    pub(crate) fn finish(mut self) {
        drop(self.stdin.take());
        let end = Instant::now() + TIMEOUT;
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Under {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for what does not tell when it is there.
pub(crate) fn wait_until(is_there: impl Fn() -> bool) {
    let end = Instant::now() + TIMEOUT;
    while !is_there() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A body without its content coding.
fn decoded(coding: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let read = match coding {
        "gzip" => flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain),
        "deflate" => flate2::read::ZlibDecoder::new(bytes).read_to_end(&mut plain),
        "br" => brotli_decompressor::Decompressor::new(bytes, 4096).read_to_end(&mut plain),
        "zstd" => {
            plain.reserve(1 << 20);
            zstd_safe::decompress(&mut plain, bytes)
                .map_err(|_| std::io::ErrorKind::InvalidData.into())
        }
        _ => return None,
    };
    read.is_ok().then_some(plain)
}

/// Gives a directory and what is in it to the user.
fn own(path: &Path) {
    let _ = chown(path, Some(USER), Some(USER));
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    for entry in entries {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => own(&entry.path()),
            _ => {
                let _ = std::os::unix::fs::lchown(entry.path(), Some(USER), Some(USER));
            }
        }
    }
}

/// Makes a directory of that mode.
pub(crate) fn directory(path: &Path, mode: u32) {
    fs::create_dir_all(path).expect("a directory can be made");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// What an ordinary user has.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Longer than anything here takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);
