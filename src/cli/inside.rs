//! Commands inside a run: a command that prints or changes a secret, or that looks into other runs,
//! is refused there, unless the run allows it.
//!
//! A run keeps the token from its command. That would be useless if the command could call
//! `authsome export`. A process belongs to a run in either of two cases:
//!
//! - One of its ancestors is `authsome run`. The kernel tells this, and no variable can change it.
//!   Orphans stay below the run (`os/process_tree.rs`).
//! - `AUTHSOME_SESSION` names a run that is alive. This covers processes that something else
//!   started with the run's environment, such as the server of a terminal multiplexer.
//!
//! A run within a run is served, as long as it is no wider: it has no flag that lifts or chooses
//! something, and the outer one has no rules, of which it would not know.
//!
//! This is no sandbox: a process of the same user can still read the vault's files.

use std::ffi::{OsStr, OsString};

use clap::Parser;

use super::args::{Arguments, Command, PolicyArgument, ScrubArgument, SessionFlags, Vault};
use super::cmd;
use super::failure::{Exit, Failure};
use super::printer::Printer;
use crate::audit::{Audit, Event, Kind};
use crate::defence::Defence;
use crate::os::home::Home;
use crate::os::process_tree::{self, Ancestor};
use crate::session::{Facts, allows_export, facts_of, living};

/// The program's name in the list of processes.
const PROGRAM: &str = "authsome";

/// The variable that names the session in its command's environment.
const SESSION: &str = "AUTHSOME_SESSION";

/// A run that the command would be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outer {
    allows_export: bool,
    has_rules: bool,
}

/// What is against a command inside a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Concern {
    /// It prints or changes secrets, or lifts what keeps others from that. In words.
    Secret(&'static str),
    /// It is a run of its own.
    Run,
}

impl Concern {
    fn is_allowed_in(self, outer: Outer) -> bool {
        outer.allows_export || (self == Self::Run && !outer.has_rules)
    }

    fn failure(self) -> Failure {
        let (words, reason) = match self {
            Self::Secret(words) => (words, "whose command must not get at secrets"),
            Self::Run => ("run", "whose rules it would not have"),
        };
        let hint = match self {
            Self::Secret(_) => {
                "use it outside the run, or start the outer run with: authsome run --allow-export -- COMMAND"
            }
            Self::Run => {
                "start the command itself: it has the connections of the outer run, and its rules"
            }
        };
        let message = format!("`authsome {words}` is refused inside `authsome run`, {reason}");
        Failure::new(Exit::NoProvider, "inside_run", message, hint)
    }
}

/// Refuses the command if it must not be used here, and logs the refusal.
pub(super) fn check(command: &Command, printer: &Printer) -> Result<(), Failure> {
    let concern = match secret_words(command) {
        Some(words) => Concern::Secret(words),
        None if matches!(command, Command::Run(_)) => Concern::Run,
        None => return Ok(()),
    };
    let home = Home::open(std::env::var_os("AUTHSOME_HOME"), std::env::var_os("HOME"));
    let named = std::env::var(SESSION).ok();
    let by_name = home.as_ref().ok().zip(named.as_deref());
    let by_name = by_name.and_then(|(home, id)| outer_of(home, id));
    let ancestors = programs_above();
    let by_descent = ancestors
        .iter()
        .filter_map(|program| outer_by(&program.arguments));
    let mut outer = by_descent.chain(by_name);
    if outer.all(|outer| concern.is_allowed_in(outer)) || !Defence::SecretCommands.stands() {
        return Ok(());
    }
    let failure = concern.failure();
    if let Ok(home) = &home {
        let audit = Audit::new(home);
        if let Some(id) = named.filter(|_| by_name.is_some()) {
            audit.name_run(&id);
        }
        let words = match concern {
            Concern::Secret(words) => words,
            Concern::Run => "run",
        };
        audit.record(&Event::new(Kind::Denied).because(format!("{words} inside a run")));
        if let Some(problem) = audit.finish() {
            printer.warn(&problem);
        }
    }
    Err(failure)
}

/// The living run of that ID.
fn outer_of(home: &Home, id: &str) -> Option<Outer> {
    let allows_export = allows_export(home, id)?;
    let has_rules = facts_of(home, id).is_none_or(|facts| facts.has_rules);
    Some(Outer {
        allows_export,
        has_rules,
    })
}

/// The run that this process belongs to: its ID, and what it tells about itself. `None` outside of
/// a run, and where the run tells nothing.
pub(super) fn current_run(home: &Home) -> Option<(String, Facts)> {
    let told = |id: String| facts_of(home, &id).map(|facts| (id, facts));
    if let Some(by_name) = std::env::var(SESSION).ok().and_then(told) {
        return Some(by_name);
    }
    let programs = programs_above().into_iter();
    let runs = programs.filter(|program| outer_by(&program.arguments).is_some());
    let runs: Vec<_> = runs.map(|run| run.pid).collect();
    if runs.is_empty() {
        return None;
    }
    let all: Vec<_> = living(home).into_iter().filter_map(told).collect();
    let nearest = |pid: &u32| all.iter().find(|(_, facts)| facts.pid == *pid);
    runs.iter().find_map(nearest).cloned()
}

/// The command in words, if it prints or changes a secret, or lets another command do so.
fn secret_words(command: &Command) -> Option<&'static str> {
    match command {
        // What later runs may do is the user's to say.
        Command::Allow(rule) => rule.rule.as_ref().map(|_| "allow"),
        Command::Credential(arguments) => arguments.concerns_secret().then_some("credential git"),
        Command::Export(_) => Some("export"),
        Command::Get(arguments) => arguments.show_secret.then_some("get --show-secret"),
        Command::Inspect(arguments) => arguments.edit.then_some("inspect --edit"),
        Command::Login(_) => Some("login"),
        Command::Logout(_) => Some("logout"),
        // What other runs do, and whether they go on, is not for a command of one to say.
        Command::Ask(_) => Some("ask"),
        Command::Ps => Some("ps"),
        Command::Stop(_) => Some("stop"),
        Command::Ui(_) => Some("ui"),
        Command::Register(_) => Some("register"),
        Command::Remove(_) => Some("remove"),
        Command::Revoke(_) => Some("revoke"),
        Command::Run(arguments) => of_session(&arguments.session),
        // Later runs would act as another account.
        Command::SetDefault(_) => Some("set-default"),
        // Its socket and its file of variables would outlive the command.
        Command::Proxy(_) => Some("proxy"),
        Command::Token(_) => Some("token"),
        Command::Vault(Vault::Export(_)) => Some("vault export"),
        Command::Vault(Vault::Import(_)) => Some("vault import"),
        Command::Vault(Vault::Move(_)) => Some("vault move"),
        Command::Vault(Vault::Rekey(_)) => Some("vault rekey"),
        Command::Uninstall(arguments) => arguments.yes.then_some("uninstall --yes"),
        Command::Completions(_)
        | Command::Deny(_)
        | Command::Doctor(_)
        | Command::Help(_)
        | Command::List
        | Command::Log(_)
        | Command::Man(_)
        // It tries rules on a request, or reads the log, which `log` shows here as well. What it
        // writes can only be taken by a run that the user starts, and lifts no rule.
        | Command::Policy(_)
        | Command::Runs(_)
        | Command::Skill(_)
        | Command::Status(_)
        | Command::Vault(Vault::Status)
        | Command::Version
        | Command::Whoami => None,
    }
}

/// What of a session's flags would get at secrets, lift a rule or choose another connection.
fn of_session(flags: &SessionFlags) -> Option<&'static str> {
    let permits = &flags.permits;
    let wide = [
        (flags.allow_export, "run --allow-export"),
        // It hands out a sealed export, and the command could name who can open it.
        (flags.on_rotate.is_some(), "run --on-rotate"),
        (!permits.allow.is_empty(), "run --allow"),
        (!permits.ask.is_empty(), "run --ask"),
        (!permits.allow_host.is_empty(), "run --allow-host"),
        (permits.policy_file.is_some(), "run --policy-file"), // its `allow` lifts rules
        (
            matches!(permits.policy, Some(PolicyArgument::Allow)),
            "run --policy allow",
        ),
        (!matches!(permits.scrub, ScrubArgument::On), "run --scrub"),
        (!flags.choice.connection.is_empty(), "run --connection"),
        (!flags.choice.only.is_empty(), "run --only"),
    ];
    let mut wide = wide.into_iter();
    wide.find_map(|(is_given, words)| is_given.then_some(words))
}

/// The ancestors that are this program, by their names.
fn programs_above() -> Vec<Ancestor> {
    let own_name = process_tree::own_name();
    process_tree::ancestors_named(|name| is_program(name, own_name.as_deref()))
}

fn is_program(name: &OsStr, own_name: Option<&OsStr>) -> bool {
    name == PROGRAM || Some(name) == own_name
}

/// The `authsome run` that an ancestor is, by its arguments, which begin with the program's name;
/// `None` if it is none. A process below the run cannot change the ancestor's arguments.
fn outer_by(arguments: &[OsString]) -> Option<Outer> {
    // An authsome that has restarted itself shows up as its loader, with the program's path as the
    // first argument (`os/private_memory.rs`).
    let by_loader = |word: &OsString| word.as_encoded_bytes().starts_with(b"/");
    let arguments = match arguments {
        [_, program, ..] if by_loader(program) => &arguments[1..],
        whole => whole,
    };
    let Ok(parsed) = Arguments::try_parse_from(arguments) else {
        // The arguments are those of another version, with flags that this version does not know.
        let mut words = arguments.iter().skip(1);
        return words.any(|word| word == "run").then_some(Outer {
            allows_export: false,
            has_rules: true,
        });
    };
    match parsed.command {
        Some(Command::Run(run)) => {
            let options = cmd::run::options(run.session);
            Some(Outer {
                allows_export: options.allows_export,
                has_rules: options.has_rules(),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_run_is_told_by_its_arguments() {
        for (text, expected) in [
            ("authsome run -- agent", Some(false)),
            (
                "/usr/bin/authsome --quiet run --only gitlab agent",
                Some(false),
            ),
            ("authsome run --allow-export -- agent", Some(true)),
            ("authsome run -- agent --allow-export", Some(false)),
            ("authsome /usr/bin/authsome run -- agent", Some(false)),
            (
                "authsome /usr/bin/authsome run --allow-export agent",
                Some(true),
            ),
            ("authsome run agent --allow-export", Some(false)),
            ("authsome run --flag-of-later -- agent", Some(false)),
            ("authsome log --follow", None),
            ("authsome login gitlab", None),
        ] {
            let outer = outer_by(&words(text));
            assert_eq!(outer.map(|outer| outer.allows_export), expected, "{text}");
        }
    }

    #[test]
    fn a_run_with_rules_is_told_by_its_arguments() {
        for (text, expected) in [
            ("run -- agent", false),
            ("run --allow gitlab/hook --quiet -- agent", false),
            ("run --no-env NODE_OPTIONS -- agent --read-only", false),
            ("run --read-only -- agent", true),
            ("run --policy deny -- agent", true),
            ("run --policy-file p.toml -- agent", true),
            ("run --git-push agent/* -- agent", true),
            ("run --only gitlab -- agent", true),
            ("run --connection gitlab=work -- agent", true),
            ("run --join named -- agent", true),
            ("run --flag-of-later -- agent", true),
        ] {
            let outer = outer_by(&words(&format!("authsome {text}")));
            assert_eq!(outer.map(|outer| outer.has_rules), Some(expected), "{text}");
        }
    }

    #[test]
    fn another_program_is_no_run() {
        let is_program = |name: &str, own: Option<&str>| {
            super::is_program(OsStr::new(name), own.map(OsStr::new))
        };
        assert!(!is_program("node", Some("authsome")));
        assert!(is_program("authsome", None));
        assert!(is_program("as", Some("as")));
        let run = Some(Outer {
            allows_export: false,
            has_rules: false,
        });
        assert_eq!(outer_by(&words("npm run build")), run);
    }
}
