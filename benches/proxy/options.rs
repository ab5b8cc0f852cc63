//! What can be asked of the bench.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Measures authsome's proxy from end to end.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench proxy --", disable_help_subcommand = true)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one flag of the command line"
)]
pub(crate) struct Options {
    /// Short windows and few rounds: shows that all works, the figures are rough
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these parts
    #[arg(long, value_name = "PART", value_enum)]
    pub(crate) only: Vec<Part>,
    /// How often each measurement is repeated
    #[arg(long, value_name = "N")]
    pub(crate) rounds: Option<usize>,
    /// Compare with another proxy
    #[arg(long, value_name = "NAME", value_enum)]
    pub(crate) peer: Vec<Peer>,
    /// Compare with another build of authsome
    #[arg(long, value_name = "NAME=PATH")]
    pub(crate) against: Vec<Build>,
    /// Compare with isolated runs (`run --isolate`)
    #[arg(long)]
    pub(crate) isolated: bool,
    /// The binary to measure, in place of a fresh release build
    #[arg(long, value_name = "PATH")]
    pub(crate) authsome: Option<PathBuf>,
    /// Connections in the vault, each to a host of its own
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) connections: usize,
    /// Append every measurement to a file, as JSON lines
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Draw the curves of `scale` there
    #[arg(long, value_name = "DIR")]
    pub(crate) svg: Option<PathBuf>,
    /// Count instructions with valgrind instead, and compare with benches/instructions.json
    #[arg(long)]
    pub(crate) instructions: bool,
    /// With --instructions: what is counted now is what later counts are compared with
    #[arg(long, requires = "instructions")]
    pub(crate) bless: bool,
    /// With --instructions: keep callgrind's files there, for `callgrind_annotate`
    #[arg(long, value_name = "DIR", requires = "instructions")]
    pub(crate) keep: Option<PathBuf>,
    /// With --instructions: so many times the requests, for a profile in which the start does not
    /// show
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        requires = "instructions",
        conflicts_with = "bless"
    )]
    pub(crate) times: u64,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

/// What this program is when it is started by itself.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Role {
    #[command(hide = true)]
    Abuse,
    #[command(hide = true)]
    Load,
    #[command(hide = true)]
    Origin,
    #[command(hide = true)]
    Tunnel,
}

/// A kind of measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// HTTP/1.1 requests on kept connections
    KeepAlive,
    /// HTTP/2 requests on kept connections
    Http2,
    /// A new connection each request
    New,
    /// 1 GiB each way
    Bulk,
    /// 1 GiB of text that shows the token, in each coding
    Searched,
    /// Resident memory
    Memory,
    /// The first request to a host
    First,
    /// Server-sent events
    Events,
    /// Start-up, and the size of the binary
    Start,
    /// Cost by the number of routes, connections and tunnels
    Scale,
    /// What clients notice of an abuser beside them, and what memory it takes
    Robust,
}

/// Another proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// apt-get install haproxy
    Haproxy,
    /// benches/peers
    HttpMitmProxy,
    /// benches/peers
    Hudsucker,
    /// pip install mitmproxy
    Mitmproxy,
    /// apt-get install nginx-light
    Nginx,
    /// A CONNECT tunnel by `copy_bidirectional` alone: the floor of being a proxy
    Tunnel,
}

/// Another build of authsome.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

impl std::str::FromStr for Build {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) = text.split_once('=').ok_or("NAME=PATH is needed")?;
        Ok(Self {
            name: name.to_owned(),
            path: path.into(),
        })
    }
}

impl Options {
    /// Whether a part is to be measured.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 2 } else { 5 }).max(1)
    }
}
