//! The arguments of `authsome policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::policy::PolicyFlags;
use super::run::ChoiceFlags;

pub(super) const EXAMPLES: &str = "\
Examples:
  authsome policy check policy.toml DELETE https://gitlab.com/api/v4/projects/42
  authsome policy check --read-only POST https://gitlab.com/api/v4/projects/42/issues
  authsome policy suggest --out policy.toml    from the newest run
  authsome run --policy-file policy.toml -- COMMAND";

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Policy {
    /// Say what a run would do with a request, and why
    #[command(
        override_usage = "authsome policy check [OPTIONS] [FILE] METHOD URL",
        after_help = CHECK_CODES
    )]
    Check(Box<PolicyCheck>),
    /// Write the smallest policy that permits what a run did
    Suggest(PolicySuggest),
}

const CHECK_CODES: &str = "\
Exit codes:
  0  the request would be served
  2  what was given is no policy or no request
  4  the request would be refused";

#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyCheck {
    /// A file of rules, or - for standard input; without one, the method
    #[arg(value_name = "FILE|METHOD")]
    first: String,
    /// The method; without a file, the URL
    #[arg(value_name = "METHOD|URL")]
    second: String,
    /// The URL, as a client sends it
    #[arg(value_name = "URL")]
    third: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) choice: ChoiceFlags,
    #[command(flatten)]
    pub(in crate::cli) permits: PolicyFlags,
}

impl PolicyCheck {
    /// The file, if there is one, the method and the URL.
    pub(in crate::cli) fn words(&self) -> (Option<&str>, &str, &str) {
        match &self.third {
            Some(url) => (Some(&self.first), &self.second, url),
            None => (None, &self.first, &self.second),
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PolicySuggest {
    /// The run, or the beginning of its name; without it, the newest one
    #[arg(value_name = "RUN")]
    pub(in crate::cli) run: Option<String>,
    /// The newest run
    #[arg(long, conflicts_with = "run")]
    pub(in crate::cli) last: bool,
    /// Write it to this file, which must not exist yet
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: Option<PathBuf>,
}
