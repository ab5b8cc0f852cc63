//! One row: a fresh home, a fresh fake GitLab, `authsome run`, and what came of it.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::evidence::Evidence;
use crate::kit::World;
use crate::process::{self, Ended};
use crate::rows::{Needs, Place, Row};
use crate::server::Server;

/// Where the programs are.
#[derive(Debug)]
pub(crate) struct Places {
    /// `tests/clients`.
    pub(crate) here: PathBuf,
    /// `target/clients`, where the clients are installed.
    pub(crate) clients: PathBuf,
}

/// A row that was tried.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) verdict: Verdict,
    /// The client's version, where it is installed.
    pub(crate) version: Option<String>,
}

/// What came of a row.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It does not work, as documented.
    Documented,
    /// With everything that is known about it.
    Failed(String),
    Missing,
    Passed,
}

impl Verdict {
    /// The word at the end of the row's line.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Documented => "fails as documented",
            Self::Failed(_) => "FAILED",
            Self::Missing => "skipped: missing",
            Self::Passed => "ok",
        }
    }
}

/// Tries a row. `keep` leaves its directory for a look.
pub(crate) fn attempt(row: &Row, places: &Places, keep: bool) -> Attempt {
    let mut stage = Stage::new(row, places);
    let version = stage.version();
    let verdict = match &version {
        None => Verdict::Missing,
        Some(_) => match stage.perform() {
            Ok(()) if row.works => Verdict::Passed,
            Ok(()) => Verdict::Documented,
            Err(report) => Verdict::Failed(report),
        },
    };
    process::sweep(&stage.mark());
    if keep {
        println!("client {} is in {}", row.id, stage.user_home().display());
        std::mem::forget(stage.world);
    }
    Attempt { verdict, version }
}

/// A row with a home directory of its own, and with what its placeholders stand for.
struct Stage<'a> {
    row: &'a Row,
    places: &'a Places,
    world: World,
    values: Vec<(&'static str, String)>,
}

impl<'a> Stage<'a> {
    fn new(row: &'a Row, places: &'a Places) -> Self {
        let world = World::new();
        let tmp = world.path("tmp");
        fs::create_dir(&tmp).expect("a directory in a fresh directory");
        let values = vec![
            ("{clients}", places.clients.display().to_string()),
            ("{here}", places.here.display().to_string()),
            ("{tmp}", tmp.display().to_string()),
        ];
        Self {
            row,
            places,
            world,
            values,
        }
    }

    /// The client's version; `None` where it is not installed.
    fn version(&self) -> Option<String> {
        let ended = process::run(self.outside(&self.row.version), PREPARATION).ok()?;
        ended.succeeded().then(|| version_in(&ended.stdout))
    }

    /// Prepares, runs and checks; the error is the whole report.
    fn perform(&mut self) -> Result<(), String> {
        let server = Server::start(&self.world, self.row.check);
        self.values.extend(server.values());
        for command in &self.row.prepare {
            let ended = process::run(self.outside(command), PREPARATION);
            let ended = ended.map_err(|error| format!("{command:?}: {error}"))?;
            if !ended.succeeded() {
                return Err(format!("{command:?}: {ended}"));
            }
        }
        let (ended, proxy) = self.run(&server).map_err(|error| error.to_string())?;
        let seen = server.gitlab.seen();
        let evidence = Evidence::new(self.row, ended, seen, self.audit(), &server, &proxy);
        evidence
            .check()
            .map_err(|problem| evidence.report(&problem))
    }

    /// `authsome run`; with the outcome comes the URL of the session's proxy.
    fn run(&self, server: &Server) -> io::Result<(Ended, String)> {
        let mut arguments = vec!["run".to_owned()];
        for resolve in server.resolves() {
            arguments.extend(["--resolve".to_owned(), resolve]);
        }
        let script = match self.row.place {
            Place::Outside | Place::Isolated(Needs::Variables) => NOTE_AND_BECOME,
            Place::Isolated(Needs::Nothing) => NOTE_AND_BECOME_BARE,
            Place::Isolated(_) => NOTE_AND_BECOME_DIRECT,
        };
        if self.row.place != Place::Outside {
            arguments.push("--isolate".to_owned());
        }
        arguments.extend(["--", "sh", "-c", script].map(str::to_owned));
        let note = self.world.path("proxy");
        let mut command = self.world.authsome(arguments);
        command.arg(&note);
        if self.row.place == Place::Isolated(Needs::Nothing) {
            let own = self.row.env.iter();
            command.args(own.map(|(name, value)| format!("{name}={}", self.expand_one(value))));
            command.args(["sh", "-c", BECOME, "sh"]);
        }
        command.args(self.expand(&self.row.command));
        let ended = process::run(self.dress(command), self.row.timeout())?;
        // Where authsome did not start the command there is no note; how it ended says so.
        Ok((ended, fs::read_to_string(note).unwrap_or_default()))
    }

    /// The lines of the audit log. A run without an event has none.
    fn audit(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.world.home().join("audit.log")).unwrap_or_default();
        log.lines()
            .map(|line| serde_json::from_str(line).expect("the audit log is JSON lines"))
            .collect()
    }

    /// A command beside authsome, in the same environment.
    fn outside(&self, words: &[String]) -> Command {
        let mut words = self.expand(words).into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).env_clear();
        for name in ["PATH", "LANG", "TERM"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("HOME", self.user_home());
        self.dress(command)
    }

    fn dress(&self, mut command: Command) -> Command {
        let values = self.row.env.iter();
        let values = values.map(|(name, value)| (name, self.expand_one(value)));
        command.envs(values).current_dir(&self.places.here);
        command
    }

    /// What stands in the environment of everything that this row starts, and of nothing else.
    fn mark(&self) -> String {
        format!("HOME={}", self.user_home().display())
    }

    /// Where the user of this world lives, and everything that the row leaves behind.
    fn user_home(&self) -> PathBuf {
        let home = self.world.home();
        home.parent()
            .expect("authsome's home is in the user's")
            .to_owned()
    }

    fn expand(&self, words: &[String]) -> Vec<String> {
        words.iter().map(|word| self.expand_one(word)).collect()
    }

    fn expand_one(&self, word: &str) -> String {
        let values = self.values.iter();
        values.fold(word.to_owned(), |word, (name, value)| {
            word.replace(name, value)
        })
    }
}

/// The first word of the first line that has the shape of a version, else the line.
fn version_in(output: &str) -> String {
    let line = output.lines().next().unwrap_or_default().trim();
    let versions = line.split_ascii_whitespace().filter_map(|word| {
        let version = word.trim_start_matches(|letter: char| !letter.is_ascii_digit());
        let version = version.trim_end_matches([',', ';', ')', '"']);
        version.contains('.').then_some(version)
    });
    versions
        .map(str::to_owned)
        .next()
        .unwrap_or_else(|| line.to_owned())
}

/// The shell in front of the command notes the session's proxy, so that the outputs can be searched
/// for its password, and becomes the command.
const NOTE_AND_BECOME: &str = r#"printf %s "$HTTPS_PROXY" >"$0"; unset PWD; exec "$@""#;

/// The same without any variable but those that a program needs for its own sake, which follow, and
/// the placeholder.
const NOTE_AND_BECOME_BARE: &str = r#"printf %s "$HTTPS_PROXY" >"$0"
for name in GITLAB_ACCESS_TOKEN GITLAB_API_ENDPOINT GITLAB_API_PRIVATE_TOKEN GITLAB_BASE_URL GITLAB_HOST GITLAB_TOKEN GITLAB_URI GL_HOST OAUTH_TOKEN; do
    if value=$(printenv "$name"); then set -- "$name=$value" "$@"; fi
done
exec env -i PATH="$PATH" HOME="$HOME" "$@""#;

/// A shell would set `PWD`, and has to be there for `env -i` to be empty.
const BECOME: &str = r#"unset PWD OLDPWD SHLVL _; exec "$@""#;

/// The same without the variables that name the proxy.
const NOTE_AND_BECOME_DIRECT: &str = r#"printf %s "$HTTPS_PROXY" >"$0"
unset PWD http_proxy https_proxy all_proxy ws_proxy wss_proxy ftp_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY WS_PROXY WSS_PROXY FTP_PROXY
exec "$@""#;

/// The longest that a version or a compilation may take.
const PREPARATION: Duration = Duration::from_mins(5);
