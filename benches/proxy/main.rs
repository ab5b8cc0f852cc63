//! The proxy from end to end: `cargo bench --bench proxy`; `benches/README.md` tells what the
//! figures mean.
//!
//! Three processes, as in life: an origin, the proxy, and a load generator that is the proxy's
//! child. Origin and generator are this program again, under hidden subcommands; the proxy is the
//! release binary.
#![allow(clippy::print_stdout, reason = "a bench is there to be read")]

mod bed;
mod binaries;
mod clock;
mod failure;
mod floor;
mod instructions;
mod load;
mod measure;
mod options;
mod origin;
mod peers;
mod plot;
mod process;
mod report;
mod system;
mod watcher;
mod wire;

use std::process::ExitCode;

use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use failure::Failure;
use options::{Options, Role};

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match options.role {
        Some(Role::Abuse) => load::abuse::run().map(|()| ExitCode::SUCCESS),
        Some(Role::Load) => load::run().map(|()| ExitCode::SUCCESS),
        Some(Role::Origin) => origin::run().map(|()| ExitCode::SUCCESS),
        Some(Role::Tunnel) => floor::run().map(|()| ExitCode::SUCCESS),
        None => bench(&options),
    };
    outcome.unwrap_or_else(|failure| {
        println!("the bench failed: {failure}");
        ExitCode::FAILURE
    })
}

fn bench(options: &Options) -> Result<ExitCode, Failure> {
    // A thousand tunnels are two thousand descriptors; what is started inherits the limit.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    if options.instructions {
        instructions::run(options)
    } else {
        measure::run(options).map(|()| ExitCode::SUCCESS)
    }
}
