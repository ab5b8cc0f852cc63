//! One long text that shows the token, searched and not.

use super::bench::Bench;
use crate::failure::Failure;
use crate::process::peak_kib;
use crate::report::{Figure, float};
use crate::system::{Circumstances, Entrant, System};
use crate::wire::{Coding, Work};

const GIB: u64 = 1 << 30;

pub(super) fn codings(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let bytes = if bench.options.quick { GIB / 16 } else { GIB };
    let share = float(bytes) / float(GIB);
    let entrants = bench.entrants.iter();
    let subject = entrants.filter(|entrant| entrant.name == Entrant::SUBJECT);
    let subject: Vec<Entrant> = subject.cloned().collect();
    for coding in [Coding::Plain, Coding::Gzip, Coding::Zstd, Coding::Brotli] {
        let case = format!("1 GiB of text, {}", coding.name());
        for round in 0..bench.options.rounds() {
            for (name, flags) in [
                ("authsome", ["--scrub", "on"]),
                ("--scrub off", ["--scrub", "off"]),
            ] {
                let circumstances = Circumstances {
                    flags: flags.to_vec(),
                    ..bench.circumstances.clone()
                };
                for entrant in &subject {
                    let mut system = System::start(entrant, &bench.bed, &circumstances)?;
                    // What is coded and not searched does not show the token as it is.
                    let shows_token = name != "authsome" && coding == Coding::Plain;
                    let sample = system.perform(Work::DownloadText {
                        bytes,
                        coding,
                        shows_token,
                    })?;
                    let peak = system.proxy.map_or(Ok(0.0), peak_kib)?;
                    let figures = vec![
                        Figure::new("cpu s/GiB", sample.cpu_seconds / share),
                        Figure::new("GB/s", float(bytes) / 1e9 / sample.seconds),
                        Figure::new("peak MiB", peak / 1024.0),
                    ];
                    bench.report.add(&case, name, round, figures)?;
                }
            }
        }
        bench.report.show(&case);
    }
    Ok(())
}
