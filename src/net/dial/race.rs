//! Tries several ways to one host and takes the first that works (RFC 8305, "Happy Eyeballs").

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use super::ConnectError;

/// How long an attempt runs alone before the next one starts in parallel (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Tries the ways in their order. The next attempt starts as soon as one has failed, or after
/// [`ATTEMPT_DELAY`]. The first success cancels all other attempts; if none succeeds, the last
/// failure is returned. The caller limits the total time.
pub(super) async fn first<W, T, F>(
    ways: Vec<W>,
    attempt: impl Fn(W) -> F,
) -> Result<T, ConnectError>
where
    F: Future<Output = Result<T, ConnectError>>,
{
    let mut ways = ways.into_iter();
    let mut under_way: Vec<Pin<Box<F>>> = Vec::new();
    let mut failure = ConnectError::Unreachable("the name has no address".to_owned());
    loop {
        match ways.next() {
            Some(way) => under_way.push(Box::pin(attempt(way))),
            None if under_way.is_empty() => return Err(failure),
            None => {}
        }
        let mut delay = pin!(tokio::time::sleep(ATTEMPT_DELAY));
        let has_more = ways.len() > 0;
        let ended = poll_fn(|context| {
            if let Poll::Ready(outcome) = poll_any(&mut under_way, context) {
                return Poll::Ready(Some(outcome));
            }
            if has_more && delay.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            Poll::Pending
        });
        match ended.await {
            Some(Ok(found)) => return Ok(found),
            Some(Err(error)) => failure = error,
            None => {}
        }
    }
}

/// The outcome of an attempt that has ended.
fn poll_any<F: Future>(
    under_way: &mut Vec<Pin<Box<F>>>,
    context: &mut Context<'_>,
) -> Poll<F::Output> {
    for at in 0..under_way.len() {
        if let Some(attempt) = under_way.get_mut(at)
            && let Poll::Ready(outcome) = attempt.as_mut().poll(context)
        {
            under_way.swap_remove(at);
            return Poll::Ready(outcome);
        }
    }
    Poll::Pending
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::{Instant, sleep};

    use super::*;

    const SILENT: Duration = Duration::from_hours(1);

    /// The result of attempts that end after the given times, with success where the flag is set;
    /// how long all took; and when each attempt began.
    async fn run(ways: &[(Duration, bool)]) -> (Result<usize, String>, u128, Vec<u128>) {
        let (start, begun) = (Instant::now(), RefCell::new(Vec::new()));
        let ways: Vec<_> = ways.iter().copied().enumerate().collect();
        let outcome = first(ways, async |(number, (wait, succeeds))| {
            begun.borrow_mut().push(start.elapsed().as_millis());
            sleep(wait).await;
            let failed = || ConnectError::Unreachable(number.to_string());
            succeeds.then_some(number).ok_or_else(failed)
        });
        let outcome = outcome.await.map_err(|error| error.to_string());
        (outcome, start.elapsed().as_millis(), begun.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_that_works_is_taken() {
        let ms = Duration::from_millis;
        let (good, bad) = (true, false);
        let table = [
            (vec![(ms(10), good), (ms(1), good)], Ok(0), 10, vec![0]),
            (
                vec![(SILENT, good), (ms(10), good)],
                Ok(1),
                260,
                vec![0, 250],
            ),
            // A slow attempt may still be the first to succeed.
            (
                vec![(ms(300), good), (ms(100), good)],
                Ok(0),
                300,
                vec![0, 250],
            ),
            // After a failure the next attempt starts at once.
            (vec![(ms(10), bad), (ms(10), good)], Ok(1), 20, vec![0, 10]),
            (
                vec![(SILENT, bad), (SILENT, bad), (SILENT, bad), (ms(1), good)],
                Ok(3),
                751,
                vec![0, 250, 500, 750],
            ),
            (
                vec![(ms(400), bad), (ms(10), bad), (ms(10), bad)],
                Err("0".to_owned()),
                400,
                vec![0, 250, 260],
            ),
            (
                vec![(ms(10), bad), (ms(5), bad)],
                Err("1".to_owned()),
                15,
                vec![0, 10],
            ),
            (vec![], Err("the name has no address".to_owned()), 0, vec![]),
        ];
        for (ways, outcome, after, begun) in table {
            assert_eq!(run(&ways).await, (outcome, after, begun), "{ways:?}");
        }
    }
}
