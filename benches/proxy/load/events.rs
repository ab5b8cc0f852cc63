//! Server-sent events: how late each of them comes.

use super::dial::{Dialer, Resumption};
use super::http1::Http1;
use super::tally::percentile;
use crate::clock::monotonic_nanoseconds;
use crate::failure::Failure;
use crate::wire::{Protocol, Sample};

/// What stands before the time in an event.
const MARK: &[u8] = b"data: ";

pub(super) async fn delays(
    dialer: &Dialer,
    count: usize,
    interval_ms: u64,
) -> Result<Sample, Failure> {
    let mut client = Http1::new(dialer.tls(Protocol::Http1, Resumption::Off).await?);
    let line = format!("GET /api/v4/events?count={count}&interval_ms={interval_ms}");
    client.send(&dialer.request(&line, "")).await?;
    let mut delays = Vec::with_capacity(count);
    let mut malformed = false;
    client
        .stream_to(|bytes| {
            let now = monotonic_nanoseconds();
            for mark in memchr::memmem::find_iter(bytes, MARK) {
                match time_at(&bytes[mark + MARK.len()..]) {
                    Some(sent) => delays.push(microseconds(now.saturating_sub(sent))),
                    None => malformed = true,
                }
            }
            delays.len() < count && !malformed
        })
        .await?;
    if malformed {
        return Err("an event came in pieces".into());
    }
    delays.sort_unstable_by(f64::total_cmp);
    let [p50, p99, p999] = [500, 990, 999].map(|permille| percentile(&delays, permille));
    Ok(Sample {
        requests: count as u64,
        p50,
        p99,
        p999,
        ..Sample::default()
    })
}

fn time_at(bytes: &[u8]) -> Option<u64> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    std::str::from_utf8(&bytes[..end]).ok()?.parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "a delay is far below 2^53 ns")]
fn microseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e3
}
