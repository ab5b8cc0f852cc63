//! The flags of the commands that show something.

use clap::{Args, ValueEnum};

use super::named::Named;

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
    /// Number of lines to print, the newest ones
    #[arg(short = 'n', value_name = "N", default_value_t = 20)]
    pub(in crate::cli) lines: usize,
    /// Keep printing new lines
    #[arg(long, short)]
    pub(in crate::cli) follow: bool,
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
