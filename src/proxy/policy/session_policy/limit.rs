//! Budgets of a run: how many requests, and how many bytes, in which time.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use authsome_providers::ProviderId;

use crate::defence::Defence;

/// A budget: `gitlab=100/min`, `requests=5000`, `bytes-up=1GiB`. Without a period it is for the
/// whole run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    text: String,
    pub(super) subject: Subject,
    pub(super) most: u64,
    pub(super) period: Option<Duration>,
}

/// What a limit counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// Bytes of requests' bodies.
    BytesUp,
    /// Requests of one provider's connections.
    Provider(ProviderId),
    /// Requests to hosts of connections.
    Requests,
}

/// A text that is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// There is no `=`, or nothing in front of it.
    #[error(
        "write WHAT=NUMBER[/PERIOD], for example gitlab=100/min, requests=5000 or bytes-up=1GiB"
    )]
    Form,
    /// The number is none, or none that makes sense.
    #[error("{0:?} is no number from 1, with KiB, MiB or GiB behind it for bytes")]
    Number(String),
    /// The period is none.
    #[error("{0:?} is no period: write s, min, h or day")]
    Period(String),
}

impl Limit {
    /// The provider that it is about, if it is about one.
    pub fn provider(&self) -> Option<&ProviderId> {
        match &self.subject {
            Subject::Provider(provider) => Some(provider),
            Subject::BytesUp | Subject::Requests => None,
        }
    }

    /// Whether both count the same in the same period, so that one of them would have no effect.
    pub(super) fn contradicts(&self, other: &Self) -> bool {
        self.subject == other.subject && self.period == other.period
    }
}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (what, rest) = text.split_once('=').ok_or(LimitError::Form)?;
        let subject = match what {
            "bytes-up" => Subject::BytesUp,
            "requests" => Subject::Requests,
            provider => Subject::Provider(provider.parse().map_err(|_| LimitError::Form)?),
        };
        let (number, period) = match rest.split_once('/') {
            Some((number, period)) => (number, Some(parse_period(period)?)),
            None => (rest, None),
        };
        let unfit = || LimitError::Number(number.to_owned());
        let most = parse_number(number, subject == Subject::BytesUp).ok_or_else(unfit)?;
        Ok(Self {
            text: text.to_owned(),
            subject,
            most,
            period,
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn parse_number(text: &str, is_bytes: bool) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match (unit, is_bytes) {
        ("", _) => 1,
        ("KiB", true) => 1 << 10,
        ("MiB", true) => 1 << 20,
        ("GiB", true) => 1 << 30,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    number.checked_mul(factor).filter(|most| *most > 0)
}

fn parse_period(text: &str) -> Result<Duration, LimitError> {
    let seconds = match text {
        "s" | "sec" | "second" => 1,
        "min" | "minute" => 60,
        "h" | "hour" => 3600,
        "d" | "day" => 86_400,
        _ => return Err(LimitError::Period(text.to_owned())),
    };
    Ok(Duration::from_secs(seconds))
}

/// What is left of a limit, shared by all requests of a run. It takes no lock.
///
/// A period is a window of fixed length that begins with the run. The word holds which window was
/// counted last (upper 24 bits) and how much of it is used (lower 40 bits): both change in one
/// step, so two requests at a window's border never share a budget.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) limit: Limit,
    start: Instant,
    used: AtomicU64,
}

/// Bits of the word that count.
const COUNT_BITS: u32 = 40;

/// The highest count.
const MAX_COUNT: u64 = (1 << COUNT_BITS) - 1;

/// No budget is left, and when there will be: `None` if never in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) again: Option<Duration>,
}

impl Budget {
    pub(super) fn new(limit: Limit, start: Instant) -> Self {
        Self {
            limit,
            start,
            used: AtomicU64::new(0),
        }
    }

    /// Takes `amount`. If less is left, nothing is taken.
    pub(super) fn take(&self, amount: u64, now: Instant) -> Result<(), Spent> {
        let elapsed = now.saturating_duration_since(self.start);
        let (window, again) = match self.limit.period {
            None => (0, None),
            Some(period) => {
                let seconds = period.as_secs();
                let window = elapsed.as_secs() / seconds;
                let end = Duration::from_secs((window + 1) * seconds);
                (window, Some(end.saturating_sub(elapsed)))
            }
        };
        let window = window & (u64::MAX >> COUNT_BITS);
        let most = self.limit.most.min(MAX_COUNT);
        let taken = |word: u64| {
            let used = if word >> COUNT_BITS == window {
                word & MAX_COUNT
            } else {
                0
            };
            let used = used.checked_add(amount).filter(|used| *used <= most)?;
            Some(window << COUNT_BITS | used)
        };
        let order = Ordering::Relaxed;
        match self.used.fetch_update(order, order, taken) {
            Ok(_) => Ok(()),
            Err(_) if !Defence::Budgets.stands() => Ok(()),
            Err(_) => Err(Spent { again }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_used_up_and_comes_back_with_the_next_window() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let budget = Budget::new("gitlab=3/min".parse().unwrap(), start);
        for _ in 0..3 {
            assert_eq!(budget.take(1, at(59)), Ok(()));
        }
        let again = Some(Duration::from_secs(1));
        assert_eq!(budget.take(1, at(59)), Err(Spent { again }));
        for _ in 0..3 {
            assert_eq!(budget.take(1, at(60)), Ok(()));
        }
        assert!(budget.take(1, at(61)).is_err());
        assert_eq!(budget.take(3, at(100_000_000)), Ok(()));
    }

    #[test]
    fn a_budget_without_a_period_never_comes_back() {
        let start = Instant::now();
        let budget = Budget::new("bytes-up=1KiB".parse().unwrap(), start);
        assert_eq!(budget.take(1000, start), Ok(()));
        assert_eq!(budget.take(25, start), Err(Spent { again: None }));
        assert_eq!(budget.take(24, start), Ok(()));
        let later = start + Duration::from_secs(1 << 40);
        assert_eq!(budget.take(1, later), Err(Spent { again: None }));
    }

    #[test]
    fn requests_at_one_time_never_take_more_than_there_is() {
        let start = Instant::now();
        let budget = Budget::new("requests=1000".parse().unwrap(), start);
        let taken: usize = std::thread::scope(|scope| {
            let takes = || (0..500).filter(|_| budget.take(1, start).is_ok()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(takes)).collect();
            threads.into_iter().map(|each| each.join().unwrap()).sum()
        });
        assert_eq!(taken, 1000);
    }

    #[test]
    fn what_is_no_limit_says_why() {
        for (text, expected) in [
            ("100/min", "write WHAT="),
            ("=100", "write WHAT="),
            ("gitlab=", "no number"),
            ("gitlab=0", "no number"),
            ("gitlab=-1", "no number"),
            ("gitlab=1GiB", "no number"),
            ("bytes-up=1GB", "no number"),
            ("bytes-up=99999999999999GiB", "no number"),
            ("gitlab=5/week", "no period"),
        ] {
            let error = text.parse::<Limit>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
