//! A login under way, its terminal in our hands.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use authsome_test_support::kit::{PortGuard, port_7998};
use authsome_test_support::{App, FakeGitLab};

use crate::kit::browser::{Response, consent, csrf, form, visit};
use crate::kit::{Outcome, World};

/// What the user registers at the provider.
pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:7998/auth/callback/oauth";

/// Longer than anything here takes on a busy machine.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// A login under way, and everything around it.
pub(crate) struct LoginRun {
    pub(crate) world: World,
    pub(crate) gitlab: FakeGitLab,
    pub(crate) app: App,
    pub(crate) login: Login,
}

impl LoginRun {
    /// Up to the form.
    pub(crate) fn to_form() -> Self {
        Self::new(false, &[], |_, _| Vec::new())
    }

    /// Up to the provider's page, the application being named by a flag.
    pub(crate) fn to_consent(more: &[&str]) -> Self {
        Self::new(false, more, with_client_id)
    }

    pub(crate) fn new(
        confidential: bool,
        more: &[&str],
        flags: impl FnOnce(&World, &App) -> Vec<String>,
    ) -> Self {
        Self::at(FakeGitLab::start(), confidential, more, flags)
    }

    pub(crate) fn at(
        gitlab: FakeGitLab,
        confidential: bool,
        more: &[&str],
        flags: impl FnOnce(&World, &App) -> Vec<String>,
    ) -> Self {
        let world = World::new();
        let app = gitlab.register_app(confidential);
        let flags = flags(&world, &app);
        let words: Vec<_> = flags
            .iter()
            .map(String::as_str)
            .chain(more.iter().copied())
            .collect();
        let mut login = Login::start(&world, &gitlab, &words, None, &[]);
        if flags.is_empty() {
            assert_eq!(login.url(), "http://127.0.0.1:7998");
        }
        Self {
            world,
            gitlab,
            app,
            login,
        }
    }

    /// Fills in the form as the page has it.
    pub(crate) fn submit(&mut self) -> Response {
        let secret = self.app.client_secret.clone().unwrap_or_default();
        form(&csrf(), &self.app.client_id, &secret).send()
    }

    /// The rest of the way, from the form on: what was refused before has not harmed the login.
    pub(crate) fn finish_by_form(&mut self) -> Outcome {
        let response = self.submit();
        assert_eq!(response.status, 303, "{}", response.body);
        let location = response.header("location").unwrap().to_owned();
        assert_eq!(self.login.url(), location);
        self.finish(&location)
    }

    /// The rest of the way, from the provider's page on.
    pub(crate) fn finish(&mut self, url: &str) -> Outcome {
        let page = visit(&consent(&self.gitlab, url));
        assert_eq!(page.status, 200, "{}", page.body);
        self.login.wait()
    }
}

pub(crate) fn with_client_id(_: &World, app: &App) -> Vec<String> {
    vec!["--client-id".to_owned(), app.client_id.clone()]
}

/// Neither a connection nor an application.
pub(crate) fn assert_nothing_stored(world: &World) {
    let list = world.call(["list", "--json"]).expect(0).json();
    assert_eq!(
        crate::kit::gitlab_in(&list)["connections"],
        serde_json::json!([])
    );
    let database = rusqlite::Connection::open(world.home().join("vault.db")).unwrap();
    let count = database.query_row(
        "SELECT count(*) FROM record WHERE kind != 'vault'",
        [],
        |row| row.get::<_, u32>(0),
    );
    assert_eq!(count, Ok(0));
}

/// The binary at work, its terminal in our hands.
pub(crate) struct Login {
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) lines: Receiver<String>,
    pub(crate) stderr: String,
    pub(crate) stdout: Option<JoinHandle<String>>,
    pub(crate) _port: Option<PortGuard>,
}

impl Login {
    /// `authsome login gitlab` at that server; without a browser it has `--no-browser`.
    pub(crate) fn start(
        world: &World,
        gitlab: &FakeGitLab,
        more: &[&str],
        browser: Option<&Path>,
        variables: &[(&str, &str)],
    ) -> Self {
        let port = port_7998();
        let mut command = world.authsome(["login", "gitlab", "--base-url", &gitlab.base_url()]);
        command.arg("--ca-file").arg(gitlab.ca_file());
        // With a browser, the URLs are printed only then.
        if browser.is_some() && !more.contains(&"--verbose") {
            command.arg("--verbose");
        }
        command.args(more);
        match browser {
            Some(browser) => command.env("BROWSER", browser),
            None => command.arg("--no-browser"),
        };
        command.envs(variables.iter().copied());
        Self::spawn(command, Some(port))
    }

    pub(crate) fn spawn(mut command: Command, port: Option<PortGuard>) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut stdout = child.stdout.take().unwrap();
        let stdout = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        let stdin = child.stdin.take();
        Self {
            child,
            stdin,
            lines,
            stderr: String::new(),
            stdout: Some(stdout),
            _port: port,
        }
    }

    /// The next line on stderr; `None` at its end.
    pub(crate) fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(TIMEOUT) {
            Ok(line) => {
                self.stderr.push_str(&line);
                self.stderr.push('\n');
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("it says no more than: {}", self.stderr),
        }
    }

    /// The next URL that it tells the user to open.
    pub(crate) fn url(&mut self) -> String {
        self.try_url()
            .unwrap_or_else(|| panic!("no URL in: {}", self.stderr))
    }

    pub(crate) fn try_url(&mut self) -> Option<String> {
        loop {
            if let Some(url) = self.line()?.strip_prefix("  http") {
                return Some(format!("http{url}"));
            }
        }
    }

    /// Waits until it says this.
    pub(crate) fn said(&mut self, words: &str) {
        while !self
            .line()
            .unwrap_or_else(|| panic!("not said: {words}"))
            .contains(words)
        {}
    }

    pub(crate) fn paste(&mut self, text: &str) {
        self.stdin
            .as_mut()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> Outcome {
        while self.line().is_some() {}
        let code = self.child.wait().unwrap().code();
        let stdout = self.stdout.take().unwrap().join().unwrap();
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        Outcome {
            code,
            stdout,
            stderr: self.stderr.clone(),
        }
    }

    pub(crate) fn end(mut self) -> Outcome {
        self.wait()
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
