//! The flags of `authsome ask`.

use clap::{Args, Subcommand};

pub(super) const EXAMPLES: &str = "\
Examples:
  authsome ask                           what waits for your yes
  authsome ask allow 3-9f86d081          that request, once
  authsome ask allow 3-9f86d081 --always
  authsome ask deny 3-9f86d081 'not on a Friday'";

#[derive(Debug, Args)]
pub(in crate::cli) struct Ask {
    #[command(subcommand)]
    pub(in crate::cli) what: Option<AskWhat>,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AskWhat {
    /// List the requests that wait
    List,
    /// Show one of them, with the part of its body that was read
    Show {
        /// Its ID, as the list shows it
        id: String,
    },
    /// Let it go on
    Allow {
        /// Its ID, as the list shows it
        id: String,
        /// And in its run each further one of this connection, method and path
        #[arg(long, conflicts_with = "always")]
        run: bool,
        /// And in all runs, by an exception in config.toml
        #[arg(long)]
        always: bool,
    },
    /// Refuse it
    Deny {
        /// Its ID, as the list shows it
        id: String,
        /// Why, which the command is told
        reason: Vec<String>,
    },
}
