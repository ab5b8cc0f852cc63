//! Times as a user reads and types them: in the zone of this machine, or of `TZ`.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::Timestamp;

/// The units of an age, and their lengths in seconds.
const UNITS: [(char, u64); 5] = [
    ('s', 1),
    ('m', 60),
    ('h', 60 * 60),
    ('d', 24 * 60 * 60),
    ('w', 7 * 24 * 60 * 60),
];

/// The date and the time of day of a moment, in local time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// As `2026-11-27`.
    pub date: String,
    /// As `10:00:59`.
    pub time: String,
}

impl LocalTime {
    /// Of a moment in the format of RFC 3339.
    pub fn parse(moment: &str) -> Option<Self> {
        Some(Self::of(moment.parse().ok()?, TimeZone::system()))
    }

    fn of(moment: jiff::Timestamp, zone: TimeZone) -> Self {
        let local = moment.to_zoned(zone);
        Self {
            date: local.strftime("%Y-%m-%d").to_string(),
            time: local.strftime("%H:%M:%S").to_string(),
        }
    }
}

impl Timestamp {
    /// Reads a moment in the past: an age (`90s`, `10m`, `2h`, `1d`, `1w`), a date or a time of the
    /// local zone (`2026-11-27`, `2026-11-27T10:00`), or a time with its offset (RFC 3339).
    pub fn parse_since(text: &str, now: Self) -> Option<Self> {
        Self::parse_in(text, now, TimeZone::system())
    }

    fn parse_in(text: &str, now: Self, zone: TimeZone) -> Option<Self> {
        let text = text.trim();
        if let Some((unit, length)) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit)) {
            let count = text.strip_suffix(*unit)?.parse::<u64>().ok()?;
            return Some(Self(now.0.saturating_sub(count.checked_mul(*length)?)));
        }
        let with_offset = text.parse::<jiff::Timestamp>().ok();
        let local = || text.parse::<DateTime>().ok()?.to_zoned(zone).ok();
        let moment = with_offset.or_else(|| Some(local()?.timestamp()))?;
        u64::try_from(moment.as_second()).ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> TimeZone {
        // Two hours ahead in summer, one in winter.
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    #[test]
    fn each_time_has_the_offset_of_its_own_day() {
        for (moment, date, time) in [
            ("2026-11-27T10:00:59Z", "2026-11-27", "11:00:59"),
            ("2026-06-30T22:30:00Z", "2026-07-01", "00:30:00"),
        ] {
            let local = LocalTime::of(moment.parse().unwrap(), zone());
            assert_eq!((&*local.date, &*local.time), (date, time));
        }
        assert_eq!(LocalTime::parse("yesterday"), None);
    }

    #[test]
    fn a_moment_is_an_age_a_date_or_a_time() {
        let now = Timestamp::from_seconds(1_700_000_000);
        let parse = |text| Timestamp::parse_in(text, now, zone()).map(Timestamp::seconds);
        for (text, seconds) in [
            ("0s", 1_700_000_000),
            ("10m", 1_700_000_000 - 600),
            ("2h", 1_700_000_000 - 7200),
            ("1d", 1_700_000_000 - 86_400),
            ("1w", 1_700_000_000 - 604_800),
            ("2023-11-14", 1_699_916_400),
            ("2023-11-14T01:00", 1_699_920_000),
            ("2023-11-14 01:00:01", 1_699_920_001),
            ("2023-11-14T00:00:00Z", 1_699_920_000),
            ("2023-11-14T01:00:00+01:00", 1_699_920_000),
        ] {
            assert_eq!(parse(text), Some(seconds), "{text}");
        }
        for wrong in [
            "",
            "10",
            "m",
            "-1m",
            "1.5h",
            "99999999999999999999d",
            "noon",
            "10:00",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
