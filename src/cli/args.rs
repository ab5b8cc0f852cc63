//! The flags, as a user types them. clap shows the comments on them as help texts.

mod ask;
mod login;
mod login_target;
mod named;
mod plain_run;
mod policy;
mod policy_command;
mod proxy;
mod run;
mod show;
mod skill;
mod token;
mod vault;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use clap_complete::engine::ArgValueCandidates;

use authsome_providers::ProviderId;

use super::complete;
use crate::credential::ConnectionName;

pub(super) use self::ask::{Ask, AskWhat};
pub(super) use self::login::{Login, Pair};
pub(super) use self::login_target::{LoginTarget, address};
pub(super) use self::named::{Named, Revoke, Target};
pub(super) use self::plain_run::plain_run;
pub(super) use self::policy::{JoinArgument, PolicyArgument, PolicyFlags, ScrubArgument};
pub(super) use self::policy_command::{Policy, PolicyCheck, PolicySuggest};
pub(super) use self::proxy::{ContainerEngine, EnvFormat, Proxy};
pub(super) use self::run::{ChoiceFlags, IsolateArgument, IsolationFlags, Run, SessionFlags};
pub(super) use self::show::{Export, ExportFormat, Field, Get, Log, Runs};
pub(super) use self::skill::{Agent, Skill};
pub(super) use self::token::{Credential, Token, TokenFormat};
pub(super) use self::vault::{KeyPlaceArgument, Rekey, Vault, VaultExport, VaultImport, VaultMove};

/// Give your agent GitLab, not your GitLab token.
#[derive(Debug, Parser)]
#[command(name = "authsome", version, disable_help_subcommand = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Flags of every command.
#[derive(Clone, Copy, Debug, Default, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one flag of the command line"
)]
pub(super) struct Global {
    /// Print data and errors as JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Print only warnings and errors
    #[arg(long, short, global = true)]
    pub(super) quiet: bool,
    /// Print without colors, as with `NO_COLOR`
    #[arg(long, global = true)]
    pub(super) no_color: bool,
    /// Print more about what is being done
    #[arg(long, global = true)]
    pub(super) verbose: bool,
}

// `defer`: of all commands only the one that is typed is put together. Its help is then what is
// written last, which would be a doc comment at the flags rather than the one here.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum Command {
    /// Connect an account, by browser or key
    #[command(after_help = login::EXAMPLES)]
    Login(Box<Login>),
    /// Run a command that uses the connections but never sees a token
    #[command(after_help = run::EXAMPLES)]
    Run(Box<Run>),
    /// Serve programs that something else starts: containers, sandboxes, services
    #[command(after_help = proxy::EXAMPLES)]
    Proxy(Box<Proxy>),
    /// Show who is connected, whether it works, and which runs are alive
    Status(Status),
    /// Show a connection, or one field of it
    Get(Get),
    /// Print a connection's token for a program that cannot run under `authsome run`
    Export(Export),
    /// Print a token, renewed if it is due, for a script or another tool
    #[command(after_help = token::TOKEN_EXAMPLES)]
    Token(Token),
    /// Answer programs that ask a helper for a credential
    #[command(subcommand, after_help = token::CREDENTIAL_EXAMPLES)]
    Credential(Credential),
    /// List providers and connections
    List,
    /// Print a provider's definition, ready to edit
    Inspect(Inspect),
    /// Take a definition of your own
    #[command(after_help = REGISTER_EXAMPLES)]
    Register(Register),
    /// Remove a definition of your own
    Remove(Remove),
    /// Forget a connection on this machine
    Logout(Named),
    /// Revoke a connection's grant at the provider, and forget it
    Revoke(Revoke),
    /// Set a provider's default connection
    SetDefault(SetDefault),
    /// Show the connected accounts, and where authsome keeps them
    Whoami,
    /// Show what was injected, denied and refreshed
    Log(Log),
    /// List the runs, the newest first
    Runs(Runs),
    /// List the runs that are alive, and what each has done
    Ps,
    /// End a run: its command is asked to end, then killed
    Stop(Stop),
    /// Show what waits for your yes, and say yes or no
    #[command(after_help = ask::EXAMPLES)]
    Ask(Ask),
    /// Show in the browser what the runs do, and decide there
    #[command(after_help = UI_EXAMPLES)]
    Ui(Ui),
    /// Try a policy on a request, or get the smallest one from what a run did
    #[command(subcommand, after_help = policy_command::EXAMPLES)]
    Policy(Policy),
    /// Print how an agent should use authsome, or put it where that agent looks
    #[command(after_help = skill::EXAMPLES)]
    Skill(Skill),
    /// Print a shell completion script
    Completions(Completions),
    /// Look for what does not work, and say what mends it
    Doctor(Doctor),
    /// List the guard rules, or lift one from the next run on
    Allow(Rule),
    /// List the guard rules, or put one in force again
    Deny(Rule),
    /// Print the manual page, or write all pages to a directory
    Man(Man),
    /// Show where the vault's key is, change it, or take connections to another machine
    #[command(subcommand)]
    Vault(Vault),
    /// Show what authsome keeps on this machine, or remove it
    Uninstall(Uninstall),
    /// Explain authsome, or one of its commands
    Help(Help),
    /// Print the version
    Version,
}

const UI_EXAMPLES: &str = "\
Examples:
  authsome ui                           open the page
  authsome ui --read-only --no-browser  print its address, and change nothing by it
  authsome ui --json                    stream the events of all runs as JSON lines";

const REGISTER_EXAMPLES: &str = "\
Examples:
  authsome inspect openai > acme.json   start from another one, then change its name
  authsome register acme.json
  authsome register - --yes < acme.json";

#[derive(Debug, Args)]
pub(super) struct Register {
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,
    /// Replace a definition of the same name
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The provider
    #[arg(add = ArgValueCandidates::new(complete::providers))]
    pub(super) provider: ProviderId,
}

#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The provider
    #[arg(add = ArgValueCandidates::new(complete::providers))]
    pub(super) provider: ProviderId,
    /// Edit a definition of your own, which wins over the bundled one
    #[arg(long)]
    pub(super) edit: bool,
}

#[derive(Debug, Args)]
pub(super) struct Stop {
    /// The run, or the beginning of its ID
    #[arg(value_name = "RUN", allow_hyphen_values = true, add = ArgValueCandidates::new(complete::runs))]
    pub(super) run: String, // an ID may begin with a dash
    /// Seconds that its command has to end by itself
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=600))]
    pub(super) grace: u16,
}

#[derive(Debug, Args)]
pub(super) struct Ui {
    /// Port of 127.0.0.1; any that is free if omitted
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub(super) port: u16,
    /// Show everything and change nothing
    #[arg(long)]
    pub(super) read_only: bool,
    /// Print the address instead of opening it
    #[arg(long)]
    pub(super) no_browser: bool,
}

#[derive(Debug, Args)]
pub(super) struct Rule {
    /// The rule, as a refusal names it, for example gitlab/project-access-token
    #[arg(value_name = "RULE")]
    pub(super) rule: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Man {
    /// Write a page for each command to this directory
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Status {
    /// Do not ask the servers
    #[arg(long)]
    pub(super) offline: bool,
}

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Also try each HTTP client that is found on this machine
    #[arg(long)]
    pub(super) clients: bool,
}

#[derive(Debug, Args)]
pub(super) struct Uninstall {
    /// Remove what is shown without this flag
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct SetDefault {
    /// The provider, or the connection, for example gitlab/work
    #[arg(value_name = "PROVIDER[/NAME]", add = ArgValueCandidates::new(complete::targets))]
    pub(super) target: Target,
    /// Name of the connection, unless it is part of the first word
    pub(super) name: Option<ConnectionName>,
}

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    pub(super) shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct Help {
    /// The command to explain
    #[arg(value_name = "COMMAND")]
    pub(super) command: Vec<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_commands_own_flags_are_its_own() {
        let parsed =
            Arguments::try_parse_from(["authsome", "run", "curl", "--json", "-q", "--", "x"])
                .unwrap();
        let Some(Command::Run(run)) = parsed.command else {
            panic!("not run")
        };
        assert_eq!(run.command, ["curl", "--json", "-q", "--", "x"]);
        assert!(!parsed.global.json);
    }
}
