//! The measurements. In each of them the systems take turns, so that a slow minute of the machine strikes all of them.

mod bulk;
mod events;
mod first;
mod memory;
mod robust;
mod scale;
mod start;
mod steady;

use std::path::PathBuf;

use clap::ValueEnum;

use crate::Failure;
use crate::bed::Bed;
use crate::options::{Options, Part};
use crate::report::{Figure, Report};
use crate::system::{Circumstances, Entrant, System, release_binary};
use crate::wire::{Sample, Window, Work};

/// What every part works with.
struct Bench<'a> {
    options: &'a Options,
    bed: Bed,
    /// The authsome that is measured.
    binary: PathBuf,
    entrants: Vec<Entrant>,
    circumstances: Circumstances,
    report: Report,
}

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
        bench.measure(*part)?;
    }
    Ok(())
}

impl Bench<'_> {
    fn measure(&mut self, part: Part) -> Result<(), Failure> {
        match part {
            Part::Bulk => bulk::both_ways(self),
            Part::Events => events::delays(self),
            Part::First => first::first_requests(self),
            Part::Http2 => steady::http2(self),
            Part::KeepAlive => steady::keep_alive(self),
            Part::Memory => memory::resident(self),
            Part::New => steady::new_connections(self),
            Part::Robust => robust::beside_abusers(self),
            Part::Scale => scale::curves(self),
            Part::Start => start::start_up(self),
        }
    }

    /// Starts those of the entrants that `take_part`.
    fn start(&self, take_part: impl Fn(&Entrant) -> bool) -> Result<Vec<System>, Failure> {
        let entrants = self.entrants.iter().filter(|entrant| take_part(entrant));
        entrants
            .map(|entrant| System::start(entrant, &self.bed, &self.circumstances))
            .collect()
    }

    /// Has each of the systems do the same, in turns, round by round, and reports what `figures` makes of it.
    fn take_turns(
        &mut self,
        systems: &mut [System],
        case: &str,
        work: &Work,
        figures: impl Fn(&Sample) -> Vec<Figure>,
    ) -> Result<(), Failure> {
        for round in 0..self.options.rounds() {
            for system in &mut *systems {
                let sample = system.perform(work.clone())?;
                self.report
                    .add(case, &system.name, round, figures(&sample))?;
            }
        }
        self.report.show(case);
        Ok(())
    }

    fn window(&self) -> Window {
        if self.options.quick {
            Window {
                warm_up_ms: 50,
                length_ms: 250,
            }
        } else {
            Window {
                warm_up_ms: 200,
                length_ms: 1000,
            }
        }
    }
}

/// A count, for arithmetic.
#[expect(
    clippy::cast_precision_loss,
    reason = "nothing that is counted here comes near 2^53"
)]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}
