//! The flags that say what a run permits.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::net::host_rule::HostRule;
use crate::proxy::{Limit, PathRule, RefPattern};

// What a run permits.
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct PolicyFlags {
    /// What to do with requests to hosts of no connection
    #[arg(long, value_enum, help_heading = "Policy")]
    pub(in crate::cli) policy: Option<PolicyArgument>,
    /// Take further rules from a file, with the keys of policy in config.toml
    #[arg(long, value_name = "FILE", help_heading = "Policy")]
    pub(in crate::cli) policy_file: Option<PathBuf>,
    /// A host that may be reached: HOST, *.DOMAIN, an address or a network, each with :PORT
    #[arg(long, value_name = "PATTERN", help_heading = "Policy")]
    pub(in crate::cli) allow_host: Vec<HostRule>,
    /// A host that may not, even if it is a connection's
    #[arg(long, value_name = "PATTERN", help_heading = "Policy")]
    pub(in crate::cli) deny_host: Vec<HostRule>,
    /// Permit only these requests of a provider, for example 'gitlab=GET /api/v4/projects/42/**'
    #[arg(long, value_name = "REQUESTS", help_heading = "Policy")]
    pub(in crate::cli) allow_path: Vec<PathRule>,
    /// Refuse these requests of a provider
    #[arg(long, value_name = "REQUESTS", help_heading = "Policy")]
    pub(in crate::cli) deny_path: Vec<PathRule>,
    /// Let these requests of a provider wait until you say yes: authsome ask
    #[arg(long, value_name = "REQUESTS", help_heading = "Policy")]
    pub(in crate::cli) ask_path: Vec<PathRule>,
    /// Permit git to push to these refs only, and never to take commits away: 'agent/*', +main
    #[arg(long, value_name = "REF", help_heading = "Policy")]
    pub(in crate::cli) git_push: Vec<RefPattern>,
    /// Permit only what reads: GET, HEAD, OPTIONS, git fetch, GraphQL queries
    #[arg(long, help_heading = "Policy")]
    pub(in crate::cli) read_only: bool,
    /// Permit so much: gitlab=100/min, requests=5000, bytes-up=1GiB
    #[arg(long, value_name = "BUDGET", help_heading = "Policy")]
    pub(in crate::cli) limit: Vec<Limit>,
    /// Where responses are searched for your secrets, which are replaced by the placeholder
    #[arg(
        long,
        value_enum,
        value_name = "WHERE",
        default_value_t,
        help_heading = "Policy"
    )]
    pub(in crate::cli) scrub: ScrubArgument,
    /// Lift a guard rule for this run, as a refusal names it
    #[arg(long, value_name = "RULE", help_heading = "Policy")]
    pub(in crate::cli) allow: Vec<String>,
    /// Let what a guard rule denies wait until you say yes, as a refusal names the rule
    #[arg(long, value_name = "RULE", help_heading = "Policy")]
    pub(in crate::cli) ask: Vec<String>,
}

/// What happens to hosts that belong to no connection.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(in crate::cli) enum PolicyArgument {
    /// Tunnel them unread
    #[default]
    Allow,
    /// Refuse them
    Deny,
}

/// What responses are searched in for the session's secrets.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(in crate::cli) enum ScrubArgument {
    /// In header fields, trailers, and bodies that can hold text
    #[default]
    On,
    /// In header fields and trailers
    Headers,
    /// Nowhere
    Off,
}

/// Which connections take part.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(in crate::cli) enum JoinArgument {
    /// All, or what config.toml says
    #[default]
    Default,
    /// Those that --connection or --only names
    Named,
    /// As by default, and those that you make while it runs
    New,
}
