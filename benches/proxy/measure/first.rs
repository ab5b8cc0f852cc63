//! The first request to a host: after the start of a session, and to a host that the session has
//! not seen yet.

use super::bench::Bench;
use crate::bed::other_hosts;
use crate::failure::Failure;
use crate::report::Figure;
use crate::system::{Circumstances, Entrant, Kind, System};
use crate::wire::{MANAGED, Sample, Work};

/// Hosts that are seen for the first time in one session.
const HOSTS: usize = 20;

pub(super) fn first_requests(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let hosts: Vec<_> = other_hosts(HOSTS + 1).collect();
    let home = bench.bed.home("first", HOSTS + 1)?;
    let circumstances = Circumstances {
        home,
        hosts: hosts.clone(),
        ..Circumstances::default()
    };
    let (fresh, unseen) = (
        "the first request of a session",
        "the first request to a host",
    );
    for round in 0..bench.options.rounds() {
        let mut systems = Vec::new();
        for entrant in bench.entrants.iter().filter(|entrant| takes_part(entrant)) {
            let mut system = System::start(entrant, &bench.bed, &circumstances)?;
            let sample = system.perform(Work::First {
                host: MANAGED.to_owned(),
            })?;
            bench
                .report
                .add(fresh, &system.name, round, times(&sample))?;
            systems.push(system);
        }
        for host in &hosts {
            for system in &mut systems {
                let sample = system.perform(Work::First { host: host.clone() })?;
                bench
                    .report
                    .add(unseen, &system.name, round, times(&sample))?;
            }
        }
    }
    bench.report.show(fresh);
    bench.report.show(unseen);
    Ok(())
}

/// Peers would need these hosts in their configurations.
fn takes_part(entrant: &Entrant) -> bool {
    match &entrant.kind {
        Kind::Direct => true,
        Kind::Authsome { way, .. } => way.is_injected(),
        Kind::Peer(_) => false,
    }
}

fn times(sample: &Sample) -> Vec<Figure> {
    vec![
        Figure::new("first ms", sample.p99 / 1e3),
        Figure::new("again ms", sample.p50 / 1e3),
    ]
}
