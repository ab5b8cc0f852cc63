//! What stays in memory.

use super::bench::Bench;
use crate::failure::Failure;
use crate::process::{peak_kib, resident_kib};
use crate::report::Figure;
use crate::report::float;
use crate::system::Entrant;
use crate::wire::Work;

/// Tunnels that stand idle at one time.
const TUNNELS: usize = 1000;

pub(super) fn resident(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let case = "resident memory";
    let tunnels = if bench.options.quick {
        TUNNELS / 10
    } else {
        TUNNELS
    };
    for round in 0..bench.options.rounds() {
        for mut system in bench.start(Entrant::has_proxy)? {
            let Some(proxy) = system.proxy else { continue };
            let idle = resident_kib(proxy)?;
            system.perform(Work::Hold { connections: 1 })?;
            let used = resident_kib(proxy)?;
            system.perform(Work::Hold {
                connections: tunnels,
            })?;
            let full = resident_kib(proxy)?;
            let figures = vec![
                Figure::new("idle MiB", idle / 1024.0),
                Figure::new("after a request MiB", used / 1024.0),
                Figure::new("KiB/idle tunnel", (full - used) / float(tunnels as u64)),
                Figure::new("peak MiB", peak_kib(proxy)? / 1024.0),
            ];
            bench.report.add(case, &system.name, round, figures)?;
        }
    }
    bench.report.show(case);
    Ok(())
}
