//! The flags, as a user types them. clap shows the comments on them as help texts.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use authsome_providers::{BaseUrl, ProviderId};

use crate::authority::{Authority, parse_port};
use crate::credential::ConnectionName;
use crate::net::resolve::Resolve;

const EXAMPLES: &str = "\
Examples:
  authsome login gitlab                 log in at gitlab.com, in the browser
  authsome run -- python my_agent.py    run an agent that never sees the token
  authsome run -- git clone https://gitlab.com/group/private.git
  authsome log --follow                 watch what it does

Files are in ~/.authsome, or in the directory that AUTHSOME_HOME names.";

const LOGIN_EXAMPLES: &str = "\
Examples:
  authsome login gitlab
  authsome login gitlab --connection work --base-url https://gitlab.acme.com
  authsome login gitlab --base-url https://gitlab.acme.com --client-cert me.pem
  authsome login gitlab --client-id ID --client-secret-file - < secret.txt
  authsome login gitlab --no-browser    open the URL on another machine";

const RUN_EXAMPLES: &str = "\
Examples:
  authsome run -- python my_agent.py
  authsome run --connection gitlab=work -- npx semantic-release
  authsome run --policy deny -- ./untrusted.sh

Exit codes:
  125    authsome failed before the command started
  126    the command is not executable
  127    the command was not found
  128+N  signal N ended the command
  Any other is the command's own.";

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
    #[command(after_help = LOGIN_EXAMPLES)]
    Login(Box<Login>),
    /// Run a command that uses the connections but never sees a token
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
    /// Set a provider's default connection
    SetDefault(SetDefault),
    /// Show the connected accounts, and where authsome keeps them
    Whoami,
    /// Show what was injected, denied and refreshed
    Log(Log),
    /// Print a shell completion script
    Completions(Completions),
}

#[derive(Debug, Args)]
pub(super) struct Login {
    /// The provider, for example gitlab
    pub(super) provider: ProviderId,
    /// Name for the new connection
    #[arg(long, value_name = "NAME")]
    pub(super) connection: Option<ConnectionName>,
    /// Scopes to request, separated by commas or spaces
    #[arg(long, value_name = "A,B")]
    pub(super) scopes: Option<String>,
    /// URL of a self-hosted instance
    #[arg(long, value_name = "URL")]
    pub(super) base_url: Option<BaseUrl>,
    /// File with a private CA to trust for this connection
    #[arg(long, value_name = "PEM")]
    pub(super) ca_file: Option<PathBuf>,
    /// File with a client certificate (mutual TLS) and its chain, with its key unless --client-key
    /// names that
    #[arg(long, value_name = "PEM")]
    pub(super) client_cert: Option<PathBuf>,
    /// File with the key of --client-cert
    #[arg(long, value_name = "PEM", requires = "client_cert")]
    pub(super) client_key: Option<PathBuf>,
    /// ID of the OAuth application, instead of the form
    #[arg(long, value_name = "ID")]
    pub(super) client_id: Option<String>,
    /// File with the application's secret, or - for standard input
    #[arg(long, value_name = "PATH", requires = "client_id")]
    pub(super) client_secret_file: Option<PathBuf>,
    /// Do not open a browser; paste the final URL instead
    #[arg(long)]
    pub(super) no_browser: bool,
    /// Replace an existing connection
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// Connection to use for a provider where more than one fits
    #[arg(long, value_name = "PROVIDER=NAME")]
    pub(super) connection: Vec<Choice>,
    /// Use only the connections of these providers
    #[arg(long, value_name = "PROVIDER,...", value_delimiter = ',')]
    pub(super) only: Vec<ProviderId>,
    /// What to do with requests to hosts of no connection
    #[arg(long, value_enum, default_value_t = PolicyArgument::Allow)]
    pub(super) policy: PolicyArgument,
    /// Allow commands that print or change secrets inside the run, such as `authsome export`
    #[arg(long)]
    pub(super) allow_export: bool,
    /// Connect to this address for a host and port, as curl's --resolve does
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    pub(super) resolve: Vec<ResolveArgument>,
    /// Leave an environment variable unchanged, for example `NODE_OPTIONS`
    #[arg(long, value_name = "NAME")]
    pub(super) no_env: Vec<OsString>,
    /// Do not use HTTPS for git's SSH remotes at the connections' hosts
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
    /// Print only this field
    #[arg(long, value_enum)]
    pub(super) field: Option<Field>,
    /// Print secrets instead of ***
    #[arg(long)]
    pub(super) show_secret: bool,
}

#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    pub(super) named: Named,
    /// Output format
    #[arg(long, value_enum, default_value_t = ExportFormat::Env)]
    pub(super) format: ExportFormat,
}

#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The provider
    pub(super) provider: ProviderId,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// The provider
    pub(super) provider: ProviderId,
    /// Name of the connection; the provider's default if omitted
    #[arg(long, value_name = "NAME")]
    pub(super) connection: Option<ConnectionName>,
}

#[derive(Debug, Args)]
pub(super) struct SetDefault {
    /// The provider
    pub(super) provider: ProviderId,
    /// Name of the connection
    pub(super) name: ConnectionName,
}

#[derive(Debug, Args)]
pub(super) struct Log {
    /// Number of lines to print, the newest ones
    #[arg(short = 'n', value_name = "N", default_value_t = 20)]
    pub(super) lines: usize,
    /// Keep printing new lines
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

/// `HOST:PORT:ADDR`, with or without brackets around the address.
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
    /// Tunnel them unread
    Allow,
    /// Refuse them
    Deny,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    /// KEY='value'
    Env,
    /// export KEY='value'
    Shell,
    /// A JSON object
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
