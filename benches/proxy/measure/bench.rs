//! What every measurement works with.

use std::path::PathBuf;

use crate::bed::Bed;
use crate::failure::Failure;
use crate::options::Options;
use crate::report::{Figure, Report};
use crate::system::{Circumstances, Entrant, System};
use crate::wire::{Sample, Window, Work};

/// What every part works with.
pub(super) struct Bench<'a> {
    pub(super) options: &'a Options,
    pub(super) bed: Bed,
    /// The authsome that is measured.
    pub(super) binary: PathBuf,
    pub(super) entrants: Vec<Entrant>,
    pub(super) circumstances: Circumstances,
    pub(super) report: Report,
}

impl Bench<'_> {
    /// Starts those of the entrants that `take_part`.
    pub(super) fn start(
        &self,
        take_part: impl Fn(&Entrant) -> bool,
    ) -> Result<Vec<System>, Failure> {
        let entrants = self.entrants.iter().filter(|entrant| take_part(entrant));
        entrants
            .map(|entrant| System::start(entrant, &self.bed, &self.circumstances))
            .collect()
    }

    /// Has each of the systems do the same, in turns, round by round, and reports what `figures`
    /// makes of it.
    pub(super) fn take_turns(
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

    pub(super) fn window(&self) -> Window {
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
