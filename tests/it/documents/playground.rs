//! Where the documents' commands run: a home as the reader has it at that point, two servers in
//! place of gitlab.com and gitlab.acme.com, and stand-ins for programs that may not be installed.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use authsome_test_support::kit::port_7998;
use authsome_test_support::{App, FakeGitLab, Visibility};

use super::data;
use super::page::{Block, Language};
use super::transcript;
use crate::kit::browser::script;
use crate::kit::certificates::self_signed;
use crate::kit::{Outcome, World, binary};

/// Programs that the documents name. In a run they ask the server who they are; outside, they start
/// the command of authsome that is among their arguments, as a launcher does.
const STAND_INS: [&str; 14] = [
    "agent",
    "claude",
    "codex",
    "docker",
    "glab",
    "nightly",
    "npx",
    "podman",
    "python",
    "sbx",
    "systemctl",
    "terraform",
    "tmux",
    "./job.sh",
];

const STAND_IN: &str = r#"#!/bin/bash
if [ -n "$AUTHSOME_SESSION" ]; then
  curl -sS --fail -o /dev/null "$COM/api/v4/user" || exit
  echo "$0" >> "$EFFECTS"
  exit
fi
case $0 in */glab | */terraform) [ -n "$GITLAB_TOKEN" ] || exit ;; esac
for word; do
  case $word in
    authsome) exec "$@" ;;
    'authsome '*) exec bash -c "$word" ;;
  esac
  shift
done
"#;

/// gitlab.com is elsewhere here, which a login has to be told.
const AUTHSOME: &str = r#"#!/bin/bash
if [ "$1" = proxy ]; then # which serves until it is ended
  ready=$(mktemp -u)
  mkfifo "$ready"
  "$BINARY" "$@" --ready-fd 9 9<> "$ready" &
  read -r line < "$ready" && kill "$!"
  rm "$ready"
  wait "$!"
  exit
fi
if [ "$1" = login ]; then
  case " $* " in
    *" --base-url "*|*" login https://"*) ca=$ACME_CA ;;
    *" --force "*) ca= ;;
    *) set -- "$@" --base-url "$COM"; ca=$COM_CA ;;
  esac
  case " $* " in *" --ca-file "*) ca= ;; esac
  [ -z "$ca" ] || set -- "$@" --ca-file "$ca"
fi
exec "$BINARY" "$@"
"#;

/// The user's browser: it fills in the form where there is one, and consents.
const BROWSER: &str = r#"#!/bin/bash
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
page=$(curl -sS -L --cacert "$BOTH_CAS" --max-time 30 "$1")
csrf=$(sed -n 's/.*name="csrf" value="\([^"]*\)".*/\1/p' <<< "$page")
[ -n "$csrf" ] || exit 0
id=$COM_APP
case $page in *"$ACME/"*) id=$ACME_APP ;; esac
exec curl -sS -L --cacert "$BOTH_CAS" --max-time 30 -o /dev/null --data-urlencode "csrf=$csrf" \
  --data-urlencode "client_id=$id" --data-urlencode client_secret= http://127.0.0.1:7998/client
"#;

pub(super) struct Playground {
    /// Where the programs are.
    tools: World,
    com: FakeGitLab,
    com_app: App,
    acme: FakeGitLab,
    acme_app: App,
}

impl Playground {
    pub(super) fn new() -> Self {
        let tools = World::new();
        let (com, acme) = (FakeGitLab::start(), FakeGitLab::start());
        for server in [&com, &acme] {
            server.add_repo(
                "group/private",
                Visibility::Private,
                &[("README.md", "hello")],
            );
        }
        fs::create_dir(tools.path("bin")).unwrap();
        for name in STAND_INS.iter().filter(|name| !name.contains('/')) {
            script(&tools, &format!("bin/{name}"), STAND_IN);
        }
        script(&tools, "bin/authsome", AUTHSOME);
        script(&tools, "browser", BROWSER);
        tools.file("both.pem", &format!("{}\n{}", com.ca_pem(), acme.ca_pem()));
        self_signed(&tools, &[]);
        Self {
            com_app: com.register_app(false),
            acme_app: acme.register_app(false),
            tools,
            com,
            acme,
        }
    }

    /// What is wrong with a block.
    pub(super) fn faults(&self, block: &Block) -> Vec<String> {
        match block.language {
            Language::Console => self.console(&block.text),
            Language::Sh => self.shell(&block.text),
            Language::Text | Language::Unknown => Vec::new(),
            _ => match data::scripts(block) {
                Ok(scripts) => scripts.iter().flat_map(|text| self.shell(text)).collect(),
                Err(error) => vec![format!("{error} in:\n{}", block.text)],
            },
        }
    }

    /// All of a block has to work.
    fn shell(&self, text: &str) -> Vec<String> {
        let home = self.home(text);
        let outcome = self.bash(&home, &format!("set -eo pipefail\n{text}"), text);
        let mut faults = Vec::new();
        if outcome.code != Some(0) {
            faults.push(format!("{text}\nended with {outcome:#?}"));
        }
        let effects = fs::read_to_string(home.path("effects")).unwrap_or_default();
        let expected = started_in_runs(text);
        if effects.lines().count() < expected {
            faults.push(format!(
                "{text}\nof {expected} programs, these used the token: {effects}"
            ));
        }
        faults
    }

    /// Each command of a transcript prints what is shown.
    fn console(&self, text: &str) -> Vec<String> {
        let steps = transcript::steps(text);
        let mut script = String::new();
        for step in &steps {
            let _ = write!(
                script,
                "{{ {}\n}} 2>&1\nprintf '\\n@@%s\\n' $?\n",
                step.command
            );
        }
        let outcome = self.bash(&self.home(text), &script, text);
        let output = self.as_written(&outcome.stdout);
        let mut rest = output.as_str();
        let mut faults = Vec::new();
        for step in &steps {
            let Some((came, after)) = rest.split_once("\n@@") else {
                return vec![format!("`{}` was not reached:\n{output}", step.command)];
            };
            let (exit, after) = after.split_once('\n').unwrap();
            faults.extend(step.fault(exit.parse().unwrap(), came));
            rest = after;
        }
        faults
    }

    /// A home in which nothing is connected, where the block begins with a login; else one with a
    /// connection at each of the two servers.
    fn home(&self, text: &str) -> World {
        let world = World::new();
        let is_login = |line: &str| line.contains("authsome login") && !line.contains("--force");
        if !text.lines().any(is_login) {
            world.connect_as("default", &self.com, &self.com.base_url(), 7200);
            world.connect_as("work", &self.acme, &self.acme.base_url(), 7200);
        }
        let user = world.path("user");
        fs::create_dir(&user).unwrap();
        std::os::unix::fs::symlink(world.home(), user.join(".authsome")).unwrap();
        for (from, to) in [
            (self.acme.ca_file().to_path_buf(), "acme-ca.pem"),
            (self.tools.path("made.pem"), "me.pem"),
            (self.tools.path("made.key"), "me.key"),
            (self.tools.path("bin/agent"), "job.sh"),
        ] {
            // By a child: no other test's child may hold a program open for writing.
            let status = Command::new("cp").arg(from).arg(user.join(to)).status();
            assert!(status.unwrap().success(), "{to}");
        }
        if text.contains("MASTER_KEY_FILE") {
            fs::rename(world.home().join("master.key"), world.path("key")).unwrap();
        }
        world
    }

    fn bash(&self, home: &World, script: &str, text: &str) -> Outcome {
        // Before anything else is started: the port is one for all tests.
        let _port = text.contains("authsome login").then(port_7998);
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.tools.path("bin").display());
        let mut command = Command::new("timeout");
        command.args(["60", "bash", "-c", &self.as_run(script)]);
        command.env_clear().stdin(Stdio::null());
        command.current_dir(home.path("user")).env("PATH", path);
        for (name, value) in self.variables(home) {
            command.env(name, value);
        }
        Outcome::of(command.output().unwrap())
    }

    fn variables(&self, home: &World) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("HOME", home.path("user")),
            ("AUTHSOME_HOME", home.home()),
            ("BINARY", binary().to_owned()),
            ("BROWSER", self.tools.path("browser")),
            ("BOTH_CAS", self.tools.path("both.pem")),
            ("COM", self.com.base_url().into()),
            ("COM_CA", self.com.ca_file().to_owned()),
            ("COM_APP", self.com_app.client_id.clone().into()),
            ("ACME", self.acme.base_url().into()),
            ("ACME_CA", self.acme.ca_file().to_owned()),
            ("ACME_APP", self.acme_app.client_id.clone().into()),
            ("EFFECTS", home.path("effects")),
            ("KEY_FILE", home.path("key")),
            ("RUNNER_TEMP", home.directory.path().to_owned()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_SSL_CAINFO", self.tools.path("both.pem")),
            ("LANG", "C.UTF-8".into()),
            ("TERM", "dumb".into()),
        ]
    }

    /// The commands with the addresses of this machine.
    fn as_run(&self, text: &str) -> String {
        let acme = format!("localhost:{}:127.0.0.1", self.acme.port());
        text.replace("https://gitlab.com", &self.com.base_url())
            .replace("https://gitlab.acme.com", &self.acme.base_url())
            .replace(
                "login gitlab.acme.com",
                &format!("login {}", self.acme.base_url()),
            )
            .replace("gitlab.acme.com:443:10.0.0.7", &acme)
            .replace("APPLICATION_ID", &self.acme_app.client_id)
    }

    /// What was printed, with the addresses of the documents.
    fn as_written(&self, text: &str) -> String {
        text.replace(&self.com.base_url(), "https://gitlab.com")
            .replace(&self.acme.base_url(), "https://gitlab.acme.com")
    }
}

/// How many stand-ins a text starts by `authsome run … -- PROGRAM`.
fn started_in_runs(text: &str) -> usize {
    let starts = text.split("authsome run").skip(1);
    let programs = starts.filter_map(|rest| rest.lines().next()?.split_once("-- "));
    programs
        .filter(|(_, program)| {
            let end = |letter: char| letter.is_whitespace() || matches!(letter, '\'' | '"');
            program
                .split(end)
                .next()
                .is_some_and(|name| STAND_INS.contains(&name))
        })
        .count()
}
