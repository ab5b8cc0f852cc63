//! A home, the binary in it, and how a command ended.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use authsome::connection::{Connection, ConnectionStore, Terms};
use authsome::os::home::Home;
use authsome::vault;
use authsome_providers::Catalog;
use authsome_test_support::{App, FakeGitLab, Pair, kit};

use crate::kit::setup::{SCOPES, connection, id};

/// What a child gets in place of a token.
pub(crate) const PLACEHOLDER: &str = "authsome-proxy-managed";

/// A home directory of one test, and the command in it.
pub(crate) struct World {
    pub(crate) directory: tempfile::TempDir,
}

impl World {
    /// An empty home.
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// The home directory.
    pub(crate) fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// A path beside the home, for whatever a test writes.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file beside the home.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        File::create(&path)
            .unwrap()
            .write_all(content.as_bytes())
            .unwrap();
        path
    }

    /// The binary with this home, in an environment that has nothing of ours and nothing of the
    /// machine's proxies and trust.
    pub(crate) fn authsome<I: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
    ) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).env_clear().stdin(Stdio::null());
        for name in ["PATH", "LANG", "TERM"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("HOME", self.directory.path())
            .env("AUTHSOME_HOME", self.home());
        command.env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("TZ", "UTC0");
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn call<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Outcome {
        Outcome::of(self.authsome(arguments).output().unwrap())
    }

    /// `authsome run -- COMMAND`.
    pub(crate) fn run<I: AsRef<OsStr>>(&self, command: impl IntoIterator<Item = I>) -> Outcome {
        let words = command.into_iter().map(|word| word.as_ref().to_owned());
        self.call(["run".into(), "--".into()].into_iter().chain(words))
    }

    /// Logs in at a fake GitLab, as a user does: the browser follows the redirects.
    pub(crate) fn login(&self, gitlab: &FakeGitLab, app: &App, more: &[&str]) -> Outcome {
        self.login_by("BROWSER", gitlab, app, more)
    }

    /// The same with that variable `BROWSER`, in which its own name stands for a browser that
    /// works.
    pub(crate) fn login_by(
        &self,
        browsers: &str,
        gitlab: &FakeGitLab,
        app: &App,
        more: &[&str],
    ) -> Outcome {
        let _port = kit::port_7998();
        let mut arguments = vec!["login".to_owned(), "gitlab".to_owned()];
        arguments.extend(["--base-url".to_owned(), gitlab.base_url()]);
        arguments.extend([
            "--ca-file".to_owned(),
            gitlab.ca_file().display().to_string(),
        ]);
        arguments.extend(["--client-id".to_owned(), app.client_id.clone()]);
        if let Some(secret) = &app.client_secret {
            let file = self.file("client-secret", secret);
            arguments.extend([
                "--client-secret-file".to_owned(),
                file.display().to_string(),
            ]);
        }
        arguments.extend(more.iter().map(|&word| word.to_owned()));
        let browser = kit::browser_script(self.directory.path(), gitlab.ca_file());
        let browser = browsers.replace("BROWSER", &browser.display().to_string());
        Outcome::of(
            self.authsome(arguments)
                .env("BROWSER", browser)
                .output()
                .unwrap(),
        )
    }

    /// The vault's connections, as the program itself reads them.
    pub(crate) fn store(&self) -> ConnectionStore {
        let home = Home::open(Some(self.home().into()), None).unwrap();
        ConnectionStore::new(vault::open(&home, None).unwrap())
    }

    /// Puts a connection into the vault as a login leaves it there, without the browser.
    pub(crate) fn connect(&self, gitlab: &FakeGitLab) -> (App, Pair) {
        self.connect_as("default", gitlab, &gitlab.base_url(), 7200)
    }

    /// The same under a name, at a spelling of the server's address, with that lifetime (0:
    /// expired).
    pub(crate) fn connect_as(
        &self,
        name: &str,
        gitlab: &FakeGitLab,
        base: &str,
        lifetime: u64,
    ) -> (App, Pair) {
        let app = gitlab.register_app(false);
        let pair = gitlab.issue_tokens(&app, SCOPES);
        let mut connection = connection(name, gitlab, base, &app, &pair, lifetime);
        connection.terms = Some(self.terms(&connection));
        self.store().create(&connection, true).unwrap();
        (app, pair)
    }

    /// What a login of now would seal with that connection.
    pub(crate) fn terms(&self, connection: &Connection) -> Terms {
        let catalog = Catalog::new(Some(self.home().join("providers")));
        let bundled = || Catalog::new(None).get(&connection.id.provider);
        // Where the definition is wrong, the login was before it was.
        let definition = catalog.get(&connection.id.provider).or_else(|_| bundled());
        let definition = definition.unwrap();
        let service = definition.provider.at(connection.base_url.as_ref());
        Terms::new(&definition, &service.unwrap(), Vec::new())
    }

    /// The connection of that name.
    pub(crate) fn stored(&self, name: &str) -> Connection {
        self.store().load(&id(name)).unwrap().unwrap().connection
    }
}

/// Far more than anything that is waited for here takes.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// Waits for what has no bell: the vault's content, the log's.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The binary under test.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_authsome"))
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Its exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it printed as data.
    pub(crate) stdout: String,
    /// What it said.
    pub(crate) stderr: String,
}

impl Outcome {
    /// Of a process that has ended.
    pub(crate) fn of(output: impl std::borrow::Borrow<Output>) -> Self {
        let output = output.borrow();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test unless the exit code is that.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout: {}\nstderr: {}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Its data as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in {}\n{}", self.stdout, self.stderr))
    }
}
