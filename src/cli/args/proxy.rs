//! The flags of `authsome proxy`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::run::SessionFlags;

pub(super) const EXAMPLES: &str = "\
Examples:
  authsome proxy --env-file agent.env   then: . ./agent.env; python my_agent.py
  authsome proxy --socket proxy.sock    for a sandbox that takes a socket
  authsome proxy --env-file - --format json --until-pid 4711
  authsome proxy --container podman     for: podman run FLAGS IMAGE

It ends with SIGTERM or Ctrl-C.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Proxy {
    /// Write the environment of the children there, or to standard output with -
    #[arg(long, value_name = "FILE|-")]
    pub(in crate::cli) env_file: Option<PathBuf>,
    /// The form of the environment
    #[arg(
        long,
        value_enum,
        default_value_t = EnvFormat::Shell,
        requires = "env_file",
        conflicts_with = "container"
    )]
    pub(in crate::cli) format: EnvFormat,
    /// Serve containers, and print the flags that each is started with
    #[arg(long, value_enum, value_name = "ENGINE")]
    pub(in crate::cli) container: Option<ContainerEngine>,
    /// Listen there, and not at a free port of 127.0.0.1
    #[arg(long, value_name = "ADDR:PORT")]
    pub(in crate::cli) listen: Option<SocketAddr>,
    /// Listen on a Unix socket as well, which only you can open
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) socket: Option<PathBuf>,
    /// Make this directory for the certificates and helper files
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) dir: Option<PathBuf>,
    /// Write a line of JSON to this descriptor as soon as it listens
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1023))]
    pub(in crate::cli) ready_fd: Option<u16>,
    /// End when this process has ended
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    pub(in crate::cli) until_pid: Option<i32>,
    #[command(flatten)]
    pub(in crate::cli) session: SessionFlags,
}

/// A form of variables and their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum EnvFormat {
    /// `export NAME='value'`, and `unset NAME`
    Shell,
    /// NAME="value", for systemd, Compose and dotenv
    Dotenv,
    /// NAME=value as it is, for docker and podman run --env-file
    Docker,
    /// An object; null stands for a variable that is to be unset
    Json,
}

/// What makes the containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ContainerEngine {
    /// For docker run
    Docker,
    /// For podman run
    Podman,
    /// Properties for devcontainer.json
    Devcontainer,
}
