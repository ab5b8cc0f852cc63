//! How late server-sent events come.

use super::bench::Bench;
use crate::failure::Failure;
use crate::report::Figure;
use crate::wire::Work;

pub(super) fn delays(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let mut systems = bench.start(|_| true)?;
    let count = if bench.options.quick { 50 } else { 200 };
    let work = Work::Events {
        count,
        interval_ms: 5,
    };
    bench.take_turns(
        &mut systems,
        "server-sent events, one each 5 ms",
        &work,
        |sample| {
            vec![
                Figure::new("p50 us", sample.p50),
                Figure::new("p99 us", sample.p99),
            ]
        },
    )
}
