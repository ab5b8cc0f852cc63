//! The flags of `authsome run`.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use authsome_providers::ProviderId;
use clap::{Args, ValueEnum};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};

use super::named::Target;
use super::policy::{JoinArgument, PolicyFlags};
use crate::age_file::Recipient;
use crate::authority::{Authority, parse_port};
use crate::cli::complete;
use crate::credential::ConnectionName;
use crate::hand_back;
use crate::net::resolve::Resolve;

pub(super) const EXAMPLES: &str = "\
Examples:
  authsome run -- python my_agent.py
  authsome run --connection gitlab=work -- npx semantic-release
  authsome run --read-only --policy deny -- ./untrusted.sh

Exit codes:
  125    authsome failed before the command started, or --on-rotate failed
  126    the command is not executable
  127    the command was not found
  128+N  signal N ended the command
  Any other is the command's own.";

#[derive(Debug, Default, Args)]
pub(in crate::cli) struct Run {
    #[command(flatten)]
    pub(in crate::cli) session: SessionFlags,
    #[command(flatten)]
    pub(in crate::cli) isolation: IsolationFlags,
    /// The command and its arguments
    #[arg(
        trailing_var_arg = true,
        required = true,
        value_name = "COMMAND",
        add = ArgValueCompleter::new(complete::command_words)
    )]
    pub(in crate::cli) command: Vec<OsString>,
}

// Where the command is.
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct IsolationFlags {
    /// Start the command where no way leads past the proxy, and where nothing of the vault is
    /// (Linux)
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "required"
    )]
    pub(in crate::cli) isolate: Option<IsolateArgument>,
    /// Let the isolated command write only to the directories of --writable, and to temporary ones
    /// of its own
    #[arg(long, requires = "isolate")]
    pub(in crate::cli) read_only_root: bool,
    /// A directory that the isolated command may write to
    #[arg(long, value_name = "DIR", requires = "read_only_root")]
    pub(in crate::cli) writable: Vec<PathBuf>,
    /// A port of this machine's loopback that the isolated command reaches at the same port of its
    /// own
    #[arg(long, value_name = "PORT", requires = "isolate", value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::cli) host_port: Vec<u16>,
    /// A port of the isolated command's loopback that this machine reaches at the same port of its
    /// own
    #[arg(long, value_name = "PORT", requires = "isolate", value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::cli) publish: Vec<u16>,
    /// Whom root becomes for the isolated command
    #[arg(long, value_name = "NAME", requires = "isolate")]
    pub(in crate::cli) user: Option<String>,
    /// Leave ssh-agent and gpg-agent to the isolated command
    #[arg(long, requires = "isolate")]
    pub(in crate::cli) keep_agent: bool,
    /// Keep git's hooks and configuration, and the files that agents take orders from, as they are
    #[arg(long, requires = "isolate")]
    pub(in crate::cli) protect_repo: bool,
}

/// Whether the command is started where it cannot be isolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum IsolateArgument {
    /// Refuse where that cannot be had
    Required,
    /// Start it there all the same, and say what is not covered
    BestEffort,
}

// Which connections take part in a session.
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct ChoiceFlags {
    /// Connection to use for a provider where more than one fits
    #[arg(long, value_name = "PROVIDER=NAME", add = ArgValueCandidates::new(complete::choices))]
    pub(in crate::cli) connection: Vec<Choice>,
    /// Use only the connections of these providers
    #[arg(
        long,
        value_name = "PROVIDER,...",
        value_delimiter = ',',
        add = ArgValueCandidates::new(complete::providers)
    )]
    pub(in crate::cli) only: Vec<ProviderId>,
    /// Which connections take part
    #[arg(long, value_enum, default_value_t = JoinArgument::Default)]
    pub(in crate::cli) join: JoinArgument,
}

// What a session is, however its children are started.
#[derive(Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(in crate::cli) struct SessionFlags {
    #[command(flatten)]
    pub(in crate::cli) choice: ChoiceFlags,
    /// Fail unless these are connected and need no new login
    #[arg(long, value_name = "PROVIDER[/NAME],...", value_delimiter = ',')]
    pub(in crate::cli) require: Vec<Target>,
    #[command(flatten)]
    pub(in crate::cli) permits: PolicyFlags,
    /// Allow commands that print or change secrets inside the run, such as `authsome export`
    #[arg(long)]
    pub(in crate::cli) allow_export: bool,
    /// If a shared vault's server is away, start from this machine's copy, and renew nothing
    #[arg(long)]
    pub(in crate::cli) offline_ok: bool,
    /// Where new token pairs go, sealed, for the next job: `cmd:COMMAND`, `file:PATH` or
    /// `gitlab-variable:PROJECT/NAME`
    #[arg(long, value_name = "TARGET")]
    pub(in crate::cli) on_rotate: Option<hand_back::Target>,
    /// Who else can open what goes there, an age1... word; may be repeated
    #[arg(long, value_name = "RECIPIENT", requires = "on_rotate")]
    pub(in crate::cli) on_rotate_recipient: Vec<Recipient>,
    /// Refuse requests at once whose connection needs a new login, and let none wait for it
    #[arg(long)]
    pub(in crate::cli) no_park: bool,
    /// Do not answer the command's questions at <https://authsome.internal>
    #[arg(long)]
    pub(in crate::cli) no_agent_api: bool,
    /// Connect to this address for a host and port, as curl's --resolve does
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    pub(in crate::cli) resolve: Vec<ResolveArgument>,
    /// Leave an environment variable unchanged, for example `NODE_OPTIONS`
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) no_env: Vec<OsString>,
    /// Do not use HTTPS for git's SSH remotes at the connections' hosts
    #[arg(long)]
    pub(in crate::cli) no_ssh_rewrite: bool,
}

/// `PROVIDER=NAME`, or `PROVIDER/NAME` as connections are shown.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Choice {
    pub(in crate::cli) provider: ProviderId,
    pub(in crate::cli) name: ConnectionName,
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (provider, name) = text
            .split_once(['=', '/'])
            .ok_or("expected PROVIDER=NAME, e.g. gitlab=work")?;
        let provider = provider.parse().map_err(|error| format!("{error}"))?;
        Ok(Self {
            provider,
            name: name.parse().map_err(|error| format!("{error}"))?,
        })
    }
}

/// `HOST:PORT:ADDR`, with or without brackets around the address.
#[derive(Clone, Debug)]
pub(in crate::cli) struct ResolveArgument(pub(in crate::cli) Resolve);

impl FromStr for ResolveArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected HOST:PORT:ADDR, e.g. gitlab.test:443:127.0.0.1";
        let mut parts = text.splitn(3, ':');
        let (Some(host), Some(port), Some(address)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(expected.to_owned());
        };
        let bare = address
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let address = bare.unwrap_or(address).parse::<IpAddr>();
        let address = address.map_err(|_| expected.to_owned())?;
        let place = parse_port(port).and_then(|port| Authority::new(host, port));
        let place = place.ok_or(expected)?;
        Ok(Self(Resolve {
            host: place.host().to_owned(),
            port: place.port(),
            address,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolve_takes_both_families() {
        let entry = "GitLab.test:443:127.0.0.1"
            .parse::<ResolveArgument>()
            .unwrap()
            .0;
        assert_eq!((entry.host.as_str(), entry.port), ("gitlab.test", 443));
        assert!("h:1:[::1]".parse::<ResolveArgument>().is_ok());
        assert!("h:1:::1".parse::<ResolveArgument>().is_ok());
        for bad in ["", "h", "h:1", "h:x:127.0.0.1", "h:1:name"] {
            assert!(bad.parse::<ResolveArgument>().is_err(), "{bad}");
        }
    }
}
