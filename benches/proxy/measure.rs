//! The measurements. In each of them the systems take turns, so that a slow minute of the machine
//! strikes all of them.

mod bench;
mod bulk;
mod events;
mod first;
mod memory;
mod robust;
mod scale;
mod searched;
mod start;
mod steady;

use clap::ValueEnum;

use self::bench::Bench;
use crate::bed::Bed;
use crate::binaries::release_binary;
use crate::failure::Failure;
use crate::options::{Options, Part};
use crate::report::Report;
use crate::system::{Circumstances, Entrant};

/// Measures what the options ask for.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let binary = release_binary(options)?;
    let bed = Bed::make()?;
    let circumstances = Circumstances {
        home: bed.home("home", options.connections)?,
        ..Circumstances::default()
    };
    let mut bench = Bench {
        entrants: Entrant::all(options, &binary),
        report: Report::new(options.json.as_deref())?,
        options,
        bed,
        binary,
        circumstances,
    };
    let wanted = Part::value_variants()
        .iter()
        .filter(|part| options.wants(**part));
    for part in wanted {
        measure(&mut bench, *part)?;
    }
    Ok(())
}

fn measure(bench: &mut Bench<'_>, part: Part) -> Result<(), Failure> {
    match part {
        Part::Bulk => bulk::both_ways(bench),
        Part::Events => events::delays(bench),
        Part::First => first::first_requests(bench),
        Part::Http2 => steady::http2(bench),
        Part::KeepAlive => steady::keep_alive(bench),
        Part::Memory => memory::resident(bench),
        Part::New => steady::new_connections(bench),
        Part::Robust => robust::beside_abusers(bench),
        Part::Scale => scale::curves(bench),
        Part::Searched => searched::codings(bench),
        Part::Start => start::start_up(bench),
    }
}
