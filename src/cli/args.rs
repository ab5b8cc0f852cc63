//! Flags, as a user types them.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use authsome_providers::{BaseUrl, ProviderId};

use crate::authority::{Authority, parse_port};
use crate::credential::ConnectionName;
use crate::resolve::Resolve;

const EXAMPLES: &str = "\
Examples:
  authsome login gitlab                        log in at gitlab.com, in the browser
  authsome run -- python my_agent.py           run an agent that never sees the token
  authsome run -- git clone https://gitlab.com/group/private.git
  authsome log --follow                        watch what it does

Files are in ~/.authsome, or where AUTHSOME_HOME says.";

const LOGIN_EXAMPLES: &str = "\
Examples:
  authsome login gitlab
  authsome login gitlab --connection work --base-url https://gitlab.acme.com --ca-file acme.pem
  authsome login gitlab --base-url https://gitlab.acme.com --client-cert me.pem --client-key me.key
  authsome login gitlab --client-id ID --client-secret-file - < secret.txt
  authsome login gitlab --no-browser           open the URL elsewhere, paste back where it ends";

const RUN_EXAMPLES: &str = "\
Examples:
  authsome run -- python my_agent.py
  authsome run --connection gitlab=work -- npx semantic-release
  authsome run --policy deny -- ./untrusted.sh  no host but those of the connections

Exit codes: the command's own; 128+N if signal N ended it; 127 not found; 126 not executable;
125 if authsome failed before it started.";

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
    /// Say nothing but errors
    #[arg(long, short, global = true)]
    pub(super) quiet: bool,
    /// Print without colour (as with `NO_COLOR`)
    #[arg(long, global = true)]
    pub(super) no_color: bool,
    /// Say more about what is done
    #[arg(long, global = true)]
    pub(super) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Connect an account: once, in the browser
    #[command(after_help = LOGIN_EXAMPLES)]
    Login(Box<Login>),
    /// Run a command that uses the connections and never sees a token
    #[command(after_help = RUN_EXAMPLES)]
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
    /// Choose the connection that a provider's name alone means
    SetDefault(SetDefault),
    /// Show who is connected where
    Whoami,
    /// Show what was injected, denied, refreshed
    Log(Log),
    /// Print a completion script for a shell
    Completions(Completions),
}

#[derive(Debug, Args)]
pub(super) struct Login {
    /// The service, e.g. gitlab
    pub(super) provider: ProviderId,
    /// A name for this account
    #[arg(long, value_name = "NAME")]
    pub(super) connection: Option<ConnectionName>,
    /// What to ask for, comma- or blank-separated
    #[arg(long, value_name = "A,B")]
    pub(super) scopes: Option<String>,
    /// Where a self-hosted service is
    #[arg(long, value_name = "URL")]
    pub(super) base_url: Option<BaseUrl>,
    /// A private CA to trust for this connection
    #[arg(long, value_name = "PEM")]
    pub(super) ca_file: Option<PathBuf>,
    /// The certificate for servers that ask for one (mutual TLS), with its chain, and its key unless --client-key names that
    #[arg(long, value_name = "PEM")]
    pub(super) client_cert: Option<PathBuf>,
    /// The key of --client-cert, where it has a file of its own
    #[arg(long, value_name = "PEM", requires = "client_cert")]
    pub(super) client_key: Option<PathBuf>,
    /// The OAuth application, instead of the form
    #[arg(long, value_name = "ID")]
    pub(super) client_id: Option<String>,
    /// A file with the application's secret, or - for stdin
    #[arg(long, value_name = "PATH", requires = "client_id")]
    pub(super) client_secret_file: Option<PathBuf>,
    /// Open no browser; paste the final URL instead
    #[arg(long)]
    pub(super) no_browser: bool,
    /// Replace an existing connection
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// Which connection of a provider to use where more than one fits
    #[arg(long, value_name = "PROVIDER=NAME")]
    pub(super) connection: Vec<Choice>,
    /// Only these providers' connections
    #[arg(long, value_name = "PROVIDER,...", value_delimiter = ',')]
    pub(super) only: Vec<ProviderId>,
    /// What happens to hosts of no connection
    #[arg(long, value_enum, default_value_t = PolicyArgument::Allow)]
    pub(super) policy: PolicyArgument,
    /// Let the command print and change secrets by authsome itself: `export`, `get --show-secret`, `login`, …
    #[arg(long)]
    pub(super) allow_export: bool,
    /// Connect to that address for a host and port, as curl does
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    pub(super) resolve: Vec<ResolveArgument>,
    /// Leave a variable as it is, e.g. `NODE_OPTIONS`
    #[arg(long, value_name = "NAME")]
    pub(super) no_env: Vec<OsString>,
    /// Leave git remotes over SSH as they are, instead of taking those at the connections' hosts over HTTPS
    #[arg(long)]
    pub(super) no_ssh_rewrite: bool,
    /// The command and its arguments
    #[arg(trailing_var_arg = true, required = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(super) struct Get {
    #[command(flatten)]
    pub(super) named: Named,
    /// Print this field alone
    #[arg(long, value_enum)]
    pub(super) field: Option<Field>,
    /// Print secrets as they are
    #[arg(long)]
    pub(super) show_secret: bool,
}

#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    pub(super) named: Named,
    /// How to print it
    #[arg(long, value_enum, default_value_t = ExportFormat::Env)]
    pub(super) format: ExportFormat,
}

#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The service
    pub(super) provider: ProviderId,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// The service
    pub(super) provider: ProviderId,
    /// The account; the provider's default without it
    #[arg(long, value_name = "NAME")]
    pub(super) connection: Option<ConnectionName>,
}

#[derive(Debug, Args)]
pub(super) struct SetDefault {
    /// The service
    pub(super) provider: ProviderId,
    /// The account
    pub(super) name: ConnectionName,
}

#[derive(Debug, Args)]
pub(super) struct Log {
    /// How many of the newest lines
    #[arg(short = 'n', value_name = "N", default_value_t = 20)]
    pub(super) lines: usize,
    /// Go on with what comes
    #[arg(long, short)]
    pub(super) follow: bool,
}

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    pub(super) shell: Shell,
}

/// `PROVIDER=NAME`.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) provider: ProviderId,
    pub(super) name: ConnectionName,
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (provider, name) = text
            .split_once('=')
            .ok_or("expected PROVIDER=NAME, e.g. gitlab=work")?;
        let provider = provider.parse().map_err(|error| format!("{error}"))?;
        Ok(Self {
            provider,
            name: name.parse().map_err(|error| format!("{error}"))?,
        })
    }
}

/// `HOST:PORT:ADDR`, the address in brackets or not.
#[derive(Clone, Debug)]
pub(super) struct ResolveArgument(pub(super) Resolve);

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

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum PolicyArgument {
    /// A blind tunnel
    Allow,
    /// Refused
    Deny,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    /// KEY='value'
    Env,
    /// export KEY='value'
    Shell,
    /// An object
    Json,
}

/// The fields of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Field {
    AccessToken,
    Account,
    AuthType,
    BaseUrl,
    ClientId,
    ClientSecret,
    Connection,
    ExpiresAt,
    Flow,
    IsDefault,
    ObtainedAt,
    Provider,
    ProxyHosts,
    RefreshToken,
    Scopes,
    Status,
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
