//! The flags, as a user types them. clap shows the comments on them as help texts.

mod login;
mod named;
mod run;
mod show;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use authsome_providers::ProviderId;

use crate::credential::ConnectionName;

pub(super) use self::login::Login;
pub(super) use self::named::{Named, Target};
pub(super) use self::run::{PolicyArgument, Run};
pub(super) use self::show::{Export, ExportFormat, Field, Get, Log, Runs};

const EXAMPLES: &str = "\
Examples:
  authsome login gitlab                 log in at gitlab.com, in the browser
  authsome run -- python my_agent.py    run an agent that never sees the token
  authsome run -- git clone https://gitlab.com/group/private.git
  authsome log --follow                 watch what it does

Files are in ~/.authsome, or in the directory that AUTHSOME_HOME names.";

/// Log in once; run programs that never see the token.
#[derive(Debug, Parser)]
#[command(name = "authsome", version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Flags of every command.
#[derive(Clone, Copy, Debug, Args)]
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

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Connect an account, in the browser
    #[command(after_help = login::EXAMPLES)]
    Login(Box<Login>),
    /// Run a command that uses the connections but never sees a token
    #[command(after_help = run::EXAMPLES)]
    Run(Run),
    /// Show a connection, or one field of it
    Get(Get),
    /// Print a connection's token for a program that cannot run under `authsome run`
    Export(Export),
    /// List providers and connections
    List,
    /// Print a provider's definition, ready to edit
    Inspect(Inspect),
    /// Forget a connection on this machine
    Logout(Named),
    /// Revoke a connection's grant at the provider, and forget it
    Revoke(Named),
    /// Set a provider's default connection
    SetDefault(SetDefault),
    /// Show the connected accounts, and where authsome keeps them
    Whoami,
    /// Show what was injected, denied and refreshed
    Log(Log),
    /// List the runs, the newest first
    Runs(Runs),
    /// Print a shell completion script
    Completions(Completions),
}

#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The provider
    pub(super) provider: ProviderId,
}

#[derive(Debug, Args)]
pub(super) struct SetDefault {
    /// The provider, or the connection, for example gitlab/work
    #[arg(value_name = "PROVIDER[/NAME]")]
    pub(super) target: Target,
    /// Name of the connection, unless it is part of the first word
    pub(super) name: Option<ConnectionName>,
}

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    pub(super) shell: Shell,
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
        let Command::Run(run) = parsed.command else {
            panic!("not run")
        };
        assert_eq!(run.command, ["curl", "--json", "-q", "--", "x"]);
        assert!(!parsed.global.json);
    }
}
