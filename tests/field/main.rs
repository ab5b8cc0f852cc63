//! authsome in front of web servers as they are in the field, which are not ours.
//! `cargo test --test field -- --help`.
#![allow(clippy::print_stdout, reason = "what a test binary has to say")]

mod api;
mod certificate;
mod git;
#[path = "../it/kit"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "the rest is for the other tests, and one that cannot be set up has failed"
)]
mod kit {
    mod setup;
    mod world;

    pub(crate) use world::{Outcome, World};
}
mod servers;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use authsome_test_support::{ClientCa, FakeGitLab, Identity};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Parser;

use crate::kit::{Outcome, World};
use crate::servers::{Front, KINDS, Kind};

/// Try authsome with web servers that are not ours
#[derive(Debug, Parser)]
#[command(name = "field")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one flag of the command line"
)]
struct Options {
    /// Only checks whose name, as in `nginx git push`, contains one of these
    filter: Vec<String>,
    /// Print the checks, and run nothing
    #[arg(long)]
    list: bool,
    /// How often each of nginx's git checks is done
    #[arg(long, value_name = "N", default_value_t = 20)]
    times: usize,
    /// Without authsome: whether the servers and the clients do by themselves what is asked of them
    #[arg(long)]
    directly: bool,
    /// Fail where a server is not installed (as with `FIELD_REQUIRE_ALL`, for `cargo test
    /// --workspace`)
    #[arg(long)]
    require_all: bool,
    /// Without effect, for `cargo test -- --nocapture`
    #[arg(long, hide = true)]
    nocapture: bool,
}

/// A server, a fake GitLab behind it, and a home that is connected to it.
struct Field {
    kind: Kind,
    front: Front,
    /// What its clients trust where authsome is not between.
    ca_file: PathBuf,
    /// Whom it knows clients by, where it asks.
    client_ca: ClientCa,
    directly: bool,
    gitlab: FakeGitLab,
    token: String,
    times: usize,
    world: World,
}

/// Something that must hold at a server.
struct Check {
    name: &'static str,
    is_for: fn(&Kind) -> bool,
    run: fn(&Field) -> Result<(), String>,
}

const CHECKS: &[Check] = &[
    Check {
        name: "api http/1.1",
        is_for: |_| true,
        run: |field| api::works(field, "--http1.1"),
    },
    Check {
        name: "api http/2",
        is_for: |_| true,
        run: |field| api::works(field, "--http2"),
    },
    Check {
        name: CERTIFICATE,
        is_for: is_nginx,
        run: certificate::is_shown,
    },
    Check {
        name: "refused upload http/1.1",
        is_for: Kind::refuses,
        run: |field| api::refuses(field, "--http1.1"),
    },
    Check {
        name: "refused upload http/2",
        is_for: Kind::refuses,
        run: |field| api::refuses(field, "--http2"),
    },
    Check {
        name: "git clone and push",
        is_for: |kind| kind.name != "nginx",
        run: |field| git::works(field, 1),
    },
    Check {
        name: "git clone and push, often",
        is_for: is_nginx,
        run: |field| git::works(field, field.times),
    },
    Check {
        name: "git push refused by size",
        is_for: is_nginx,
        run: |field| git::is_refused(field, "limited", "413"),
    },
    Check {
        name: "git push refused at once",
        is_for: is_nginx,
        run: |field| git::is_refused(field, "denied", "403"),
    },
];

/// Directly there is nothing to try: the login is authsome's own.
const CERTIFICATE: &str = "client certificate";

fn is_nginx(kind: &Kind) -> bool {
    kind.name == "nginx"
}

impl Options {
    fn chooses(&self, kind: &Kind, check: &Check) -> bool {
        let name = format!("{} {}", kind.name, check.name);
        let is_named = self.filter.is_empty() || self.filter.iter().any(|part| name.contains(part));
        is_named && (check.is_for)(kind)
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let is_chosen = |kind| CHECKS.iter().any(|check| options.chooses(kind, check));
    if !options.list && !KINDS.iter().any(is_chosen) {
        println!("error: nothing has such a name");
        return ExitCode::from(2);
    }
    let (mut passed, mut missing, mut problems) = (0, Vec::new(), Vec::new());
    let started = Instant::now();
    for kind in KINDS {
        let checks: Vec<_> = CHECKS
            .iter()
            .filter(|check| options.chooses(kind, check))
            .collect();
        if options.list {
            for check in checks {
                println!("{} {}: test", kind.name, check.name);
            }
            continue;
        }
        if checks.is_empty() {
            continue;
        }
        let Some(field) = Field::open(*kind, &options) else {
            println!("{} ... missing", kind.name);
            missing.push(kind.name);
            continue;
        };
        for check in checks {
            let name = format!("{} {}", kind.name, check.name);
            if options.directly && check.name == CERTIFICATE {
                println!("{name} ... skipped");
                continue;
            }
            match field.as_ref().map_err(Clone::clone).and_then(check.run) {
                Ok(()) => {
                    println!("{name} ... ok");
                    passed += 1;
                }
                Err(problem) => {
                    println!("{name} ... FAILED");
                    problems.push(format!("---- {name} ----\n{problem}"));
                }
            }
        }
    }
    if options.list {
        return ExitCode::SUCCESS;
    }
    for problem in &problems {
        println!("\n{problem}");
    }
    let needs_all = options.require_all || std::env::var_os("FIELD_REQUIRE_ALL").is_some();
    let green = problems.is_empty() && (missing.is_empty() || !needs_all);
    println!(
        "\ntest result: {}. {passed} passed; {} failed; servers that are missing: {}; finished in {:.1}s\n",
        if green { "ok" } else { "FAILED" },
        problems.len(),
        if missing.is_empty() {
            "none".to_owned()
        } else {
            missing.join(", ")
        },
        started.elapsed().as_secs_f64()
    );
    if green {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

impl Field {
    /// Starts the server and connects to it; `None` where it is not installed.
    fn open(kind: Kind, options: &Options) -> Option<Result<Self, String>> {
        let program = kind.program()?;
        let identity = match Identity::generate(false) {
            Ok(identity) => identity,
            Err(error) => return Some(Err(error.to_string())),
        };
        let gitlab = FakeGitLab::start();
        let client_ca = ClientCa::generate();
        let front = Front::start(kind, &program, &identity, &client_ca, gitlab.port());
        Some(front.map(|front| {
            let world = World::new();
            let base = format!("https://localhost:{}", front.port);
            let (_, pair) = world.connect_as("default", &gitlab, &base, LIFETIME);
            let mut connection = world.stored("default");
            connection.ca_pem = Some(identity.ca_pem.clone());
            let stored = world.store().create(&connection, true);
            stored.expect("a connection can be stored again");
            Self {
                kind,
                front,
                ca_file: world.file("front-ca.pem", &identity.ca_pem),
                client_ca,
                directly: options.directly,
                gitlab,
                token: pair.access,
                times: options.times,
                world,
            }
        }))
    }

    /// A client under `authsome run`, in that directory; with `--directly` by itself, with what
    /// authsome would give it.
    fn client(&self, directory: &Path, words: &[&str]) -> Outcome {
        let mut command = if self.directly {
            self.alone(words)
        } else {
            self.world.authsome(["run", "--"].iter().chain(words))
        };
        let output = command.current_dir(directory).stdin(Stdio::null()).output();
        Outcome::of(output.expect("a program that can be started"))
    }

    /// A client with what authsome would give it.
    fn alone(&self, words: &[&str]) -> Command {
        let mut command = Command::new("env");
        let basic = BASE64_STANDARD.encode(format!("oauth2:{}", self.token));
        let variables = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", self.world.path("").display().to_string()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            ("GIT_CONFIG_COUNT", "1".to_owned()),
            ("GIT_CONFIG_KEY_0", "http.extraHeader".to_owned()),
            (
                "GIT_CONFIG_VALUE_0",
                format!("authorization: Basic {basic}"),
            ),
            ("GIT_SSL_CAINFO", self.ca_file.display().to_string()),
            ("CURL_CA_BUNDLE", self.ca_file.display().to_string()),
        ];
        command.env_clear().envs(variables).args(words);
        if words.first() == Some(&"curl") {
            command.args(["-H", &format!("authorization: Bearer {}", self.token)]);
        }
        command
    }

    /// The URL of a path.
    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.front.port)
    }
}

/// Seconds for which the tokens are good: far from a refresh.
const LIFETIME: u64 = 7200;
