//! One long response, and one long request.

use super::bench::Bench;
use crate::failure::Failure;
use crate::process::peak_kib;
use crate::report::Figure;
use crate::report::float;
use crate::wire::Work;

const GIB: u64 = 1 << 30;

pub(super) fn both_ways(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let bytes = if bench.options.quick { GIB / 16 } else { GIB };
    let share = float(bytes) / float(GIB);
    for (case, work) in [
        ("1 GiB down", Work::Download { bytes }),
        ("1 GiB up", Work::Upload { bytes }),
    ] {
        for round in 0..bench.options.rounds() {
            for entrant in bench.entrants.clone() {
                // Each in a process of its own: its peak is that of this one transfer.
                let mut systems = bench.start(|other| other.name == entrant.name)?;
                for system in &mut systems {
                    let sample = system.perform(work.clone())?;
                    let peak = system.proxy.map_or(Ok(0.0), peak_kib)?;
                    let figures = vec![
                        Figure::new("cpu s/GiB", sample.cpu_seconds / share),
                        Figure::new("GB/s", float(bytes) / 1e9 / sample.seconds),
                        Figure::new("peak MiB", peak / 1024.0),
                    ];
                    bench.report.add(case, &system.name, round, figures)?;
                }
            }
        }
        bench.report.show(case);
    }
    Ok(())
}
