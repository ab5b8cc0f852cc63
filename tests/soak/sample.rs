//! What the session's process holds, and whether it grows.

use std::fmt;
use std::fs;

/// One look.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) seconds: u64,
    pub(crate) done: u64,
    pub(crate) errors: u64,
    pub(crate) rss_kib: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
    pub(crate) refreshes: u64,
}

impl Sample {
    pub(crate) const TITLES: &str = "seconds,done,errors,rss_kib,descriptors,threads,refreshes";

    /// What the kernel says of a process.
    pub(crate) fn of_process(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
            number.unwrap_or_default()
        };
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        Self {
            rss_kib: field("VmRSS:"),
            threads: field("Threads:"),
            descriptors: descriptors as u64,
            ..Self::default()
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seconds,
            done,
            errors,
            rss_kib,
            descriptors,
            threads,
            refreshes,
        } = self;
        write!(
            formatter,
            "{seconds},{done},{errors},{rss_kib},{descriptors},{threads},{refreshes}"
        )
    }
}

/// All of them, in their order.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Sample>);

impl Samples {
    pub(crate) fn push(&mut self, sample: Sample) {
        self.0.push(sample);
    }

    /// The last one in words.
    pub(crate) fn last(&self) -> String {
        let last = self.0.last().copied().unwrap_or_default();
        let most = self
            .0
            .iter()
            .map(|sample| sample.rss_kib)
            .max()
            .unwrap_or_default();
        format!(
            "{} done, {} errors, {} refreshes in {} s; {} KiB resident ({most} at most), {} descriptors, {} threads",
            last.done,
            last.errors,
            last.refreshes,
            last.seconds,
            last.rss_kib,
            last.descriptors,
            last.threads
        )
    }

    /// What is more in the last quarter than in the second one: what is filled once is filled by
    /// then.
    pub(crate) fn growth(&self) -> Vec<String> {
        let quarter = self.0.len() / 4;
        if quarter == 0 {
            return vec!["too short to tell whether anything grows".to_owned()];
        }
        let early = self.0.get(quarter..2 * quarter).unwrap_or_default();
        let late = self.0.get(3 * quarter..).unwrap_or_default();
        let most = |samples: &[Sample], of: fn(&Sample) -> u64| {
            samples.iter().map(of).max().unwrap_or_default()
        };
        let mut grown = Vec::new();
        let is_unread = |sample: &&Sample| sample.rss_kib == 0 || sample.descriptors == 0;
        let unread = self.0.iter().filter(is_unread).count();
        if unread > 0 {
            // authsome is not dumpable: its own user does not see what it has open, root does.
            grown.push(format!(
                "the kernel does not say what the process holds in {unread} samples"
            ));
        }
        for (name, of, slack) in FIELDS {
            let (before, after) = (most(early, *of), most(late, *of));
            if after > before + before / 10 + slack {
                grown.push(format!("{name} grow from {before} to {after}"));
            }
        }
        // A session whose tokens live ten seconds refreshes every few of them, or it is not what
        // was meant.
        let last = self.0.last().copied().unwrap_or_default();
        if last.refreshes < last.seconds / SECONDS_A_REFRESH {
            grown.push(format!("only {} refreshes", last.refreshes));
        }
        grown
    }
}

/// Its name, where it is, and its slack.
type Field = (&'static str, fn(&Sample) -> u64, u64);

/// What must not grow, and by how much it may differ beside a tenth: traffic is not the same at
/// every moment.
const FIELDS: &[Field] = &[
    ("resident KiB", |sample| sample.rss_kib, 1024),
    ("descriptors", |sample| sample.descriptors, 20),
    // Names are looked up on threads that come when many clients dial at one moment, and go when
    // they have had nothing to do.
    ("threads", |sample| sample.threads, 20),
];

/// At least one refresh in so many seconds.
const SECONDS_A_REFRESH: u64 = 20;

/// Whether growth is noticed: were it not, every soak would be flat.
pub(crate) fn check() -> Result<(), String> {
    let series = |step: u64, change: fn(&mut Sample)| {
        let sample = |number: u64| {
            let mut sample = sample(step, number);
            change(&mut sample);
            sample
        };
        Samples((0..40).map(sample).collect()).growth().len()
    };
    let is_read = [
        series(0, |sample| sample.rss_kib = 0),
        series(0, |sample| sample.descriptors = 0),
    ] == [1, 1];
    if series(0, |_| ()) == 0 && series(1, |_| ()) == FIELDS.len() && is_read {
        return Ok(());
    }
    Err("growth is not told from what is flat, or from what is not seen".to_owned())
}

fn sample(step: u64, number: u64) -> Sample {
    Sample {
        seconds: number,
        rss_kib: 20_000 + 500 * step * number,
        descriptors: 30 + 2 * step * number,
        threads: 12 + 2 * step * number,
        refreshes: number,
        ..Sample::default()
    }
}
