//! What a run says at its end, at a terminal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::audit::Tally;
use crate::cli::log_words;
use crate::cli::printer::Printer;
use crate::os::process_tree::{ProcessTree, SearchLimits};

/// The maximum number of names in a line.
const MAX_NAMES: usize = 10;

/// The limits of the search for processes that are left.
const SEARCH_TIME: Duration = Duration::from_millis(200);
const SEARCH_STEPS: usize = 100_000;

/// Says what was denied or failed, and what is left behind. If there is nothing of that, it says
/// nothing.
pub(super) fn tell(run: &str, tally: &Tally, tree: Option<ProcessTree>, printer: &Printer) {
    if tally.denied + tally.failed > 0 {
        printer.say(&summary(run, tally));
    }
    if !tally.hosts.is_empty() {
        let hosts = names(&tally.hosts);
        printer.say(&format!("authsome: refused by --policy deny: {hosts}"));
    }
    let limits = SearchLimits {
        deadline: Instant::now() + SEARCH_TIME,
        steps: SEARCH_STEPS,
    };
    let left = tree.map(|tree| tree.left(limits)).unwrap_or_default();
    if !left.is_empty() {
        let more = left.len().saturating_sub(MAX_NAMES);
        let left = left.iter().take(MAX_NAMES);
        let left = left.map(|(pid, name)| format!("{pid} ({name})"));
        let mut list = left.collect::<Vec<_>>().join(", ");
        if more > 0 {
            list = format!("{list} and {more} more");
        }
        printer.say(&format!(
            "authsome: still running, but without the proxy, which has ended: {list}"
        ));
    }
}

fn summary(run: &str, tally: &Tally) -> String {
    let rules = if tally.rules.is_empty() {
        String::new()
    } else {
        format!(" by {}", names(&tally.rules))
    };
    let counts = log_words::counts(tally.injected, tally.denied, 0);
    let failed = match tally.failed {
        0 => String::new(),
        count => format!(", {count} failed"),
    };
    format!("authsome: {counts}{rules}{failed}; see: authsome log --run {run}")
}

/// The names that were counted most, with their counts.
fn names(counted: &BTreeMap<String, u64>) -> String {
    let mut names: Vec<_> = counted.iter().collect();
    names.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let shown = names
        .iter()
        .take(MAX_NAMES)
        .map(|(name, count)| match count {
            1 => (*name).clone(),
            count => format!("{name} ({count} times)"),
        });
    let list = shown.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_NAMES) {
        0 => list,
        more => format!("{list} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts_and_names() {
        let mut tally = Tally {
            injected: 12,
            denied: 3,
            failed: 1,
            ..Tally::default()
        };
        let end = "; see: authsome log --run Ab";
        assert_eq!(
            summary("Ab", &tally),
            format!("authsome: 12 requests injected, 3 denied, 1 failed{end}")
        );
        tally.failed = 0;
        tally.rules.insert("gitlab/deploy-key".to_owned(), 1);
        tally
            .rules
            .insert("gitlab/project-access-token".to_owned(), 2);
        assert_eq!(
            summary("Ab", &tally),
            format!(
                "authsome: 12 requests injected, 3 denied by gitlab/project-access-token (2 times), gitlab/deploy-key{end}"
            )
        );
        let hosts = (0..12).map(|number| (format!("h{number:02}:443"), 1));
        let shown = names(&hosts.collect());
        assert!(
            shown.starts_with("h00:443, ") && shown.ends_with("h09:443 and 2 more"),
            "{shown}"
        );
    }
}
