//! The flags of the commands that show something.

use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::named::{Named, Target};
use crate::clock::Timestamp;

#[derive(Debug, Args)]
pub(in crate::cli) struct Get {
    #[command(flatten)]
    pub(in crate::cli) named: Named,
    /// Print only this field
    #[arg(long, value_enum)]
    pub(in crate::cli) field: Option<Field>,
    /// Print secrets instead of ***
    #[arg(long)]
    pub(in crate::cli) show_secret: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    pub(in crate::cli) named: Named,
    /// Output format
    #[arg(long, value_enum, default_value_t = ExportFormat::Env)]
    pub(in crate::cli) format: ExportFormat,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Log {
    /// Number of events to print, the newest ones; 20, or all that are selected
    #[arg(short = 'n', long, value_name = "N")]
    pub(in crate::cli) lines: Option<usize>,
    /// Keep printing new events
    #[arg(long, short)]
    pub(in crate::cli) follow: bool,
    /// Only the events of this run; the beginning of its ID is enough
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) run: Option<String>,
    /// Only the events since then: 10m, 2h, 1d, a date, or a time
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) since: Option<Since>,
    /// Only the requests that were denied
    #[arg(long)]
    pub(in crate::cli) denied: bool,
    /// Only the events of this connection, or of all connections of a provider
    #[arg(long, value_name = "PROVIDER[/NAME]")]
    pub(in crate::cli) connection: Option<Target>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Runs {
    /// Number of runs to print
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(in crate::cli) lines: usize,
}

/// A moment in the past.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Since(pub(in crate::cli) Timestamp);

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let since = Timestamp::parse_since(text, Timestamp::now()).map(Self);
        since.ok_or(
            "expected an age (10m, 2h, 1d), a date (2026-11-27) or a time (2026-11-27T10:00)",
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ExportFormat {
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
pub(in crate::cli) enum Field {
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
