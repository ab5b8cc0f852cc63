//! The flags of the commands that hand a credential to another program.

use clap::{Args, Subcommand, ValueEnum};

use super::named::Named;

pub(super) const TOKEN_EXAMPLES: &str = "\
Examples:
  curl -H \"Authorization: Bearer $(authsome token gitlab)\" URL
  authsome token gitlab --format exec        for kubectl
  authsome token aws --format aws-process    for the AWS SDKs";

pub(super) const CREDENTIAL_EXAMPLES: &str = "\
Example, once for each host:
  git config --global credential.https://gitlab.com.helper \\
    '!authsome credential git'";

#[derive(Debug, Args)]
pub(in crate::cli) struct Token {
    #[command(flatten)]
    pub(in crate::cli) named: Named,
    /// Output format
    #[arg(long, value_enum, default_value_t = TokenFormat::Text)]
    pub(in crate::cli) format: TokenFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum TokenFormat {
    /// The token alone
    Text,
    /// A JSON object: token, `expires_at`, provider, connection
    Json,
    /// kubectl's `ExecCredential`
    Exec,
    /// The JSON that `credential_process` of the AWS SDKs reads
    AwsProcess,
}

#[derive(Clone, Debug, Subcommand)]
pub(in crate::cli) enum Credential {
    /// Answer git outside of a run
    #[command(after_help = CREDENTIAL_EXAMPLES)]
    Git(GitCredential),
}

#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct GitCredential {
    /// What git wants: get, store or erase; git adds it itself
    #[arg(value_name = "ACTION")]
    pub(in crate::cli) action: String,
}

impl Credential {
    /// Whether it prints a secret or changes one. What git stores, authsome has already.
    pub(in crate::cli) fn concerns_secret(&self) -> bool {
        let Self::Git(git) = self;
        matches!(git.action.as_str(), "get" | "erase")
    }
}
