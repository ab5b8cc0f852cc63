//! What was found, cell by cell.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use crate::cell::{Cell, ClientKind};
use crate::outcome::{Outcome, Reason};

/// A cell, and what came of it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) cell: Cell,
    direct: Vec<Outcome>,
    proxied: Outcome,
    /// What came of it behind the proxy the first time, where it was run again.
    first: Option<Outcome>,
}

impl Found {
    pub(crate) fn new(cell: Cell, direct: Outcome, proxied: Outcome) -> Self {
        Self {
            cell,
            direct: vec![direct],
            proxied,
            first: None,
        }
    }

    /// Another outcome of the client directly.
    pub(crate) fn also_directly(&mut self, direct: Outcome) {
        self.direct.push(direct);
    }

    /// Another outcome of the client behind the proxy, which counts in place of the last.
    pub(crate) fn again(&mut self, proxied: Outcome) {
        let last = std::mem::replace(&mut self.proxied, proxied);
        self.first.get_or_insert(last);
    }

    /// In what the client behind the proxy is worse than each time directly; nothing where it is no
    /// worse than once.
    pub(crate) fn reasons(&self) -> Vec<Reason> {
        self.reasons_of(&self.proxied)
    }

    /// The same of the first outcome, where the last is no worse.
    fn reasons_once(&self) -> Vec<Reason> {
        let first = self.first.iter().filter(|_| self.reasons().is_empty());
        first.flat_map(|first| self.reasons_of(first)).collect()
    }

    fn reasons_of(&self, proxied: &Outcome) -> Vec<Reason> {
        let reasons = self
            .direct
            .iter()
            .map(|direct| proxied.is_worse_than(direct));
        reasons.min_by_key(Vec::len).unwrap_or_default()
    }

    /// The statuses that the client got directly.
    fn statuses(&self) -> impl Iterator<Item = u16> {
        let requests = self.direct.iter().flat_map(|direct| &direct.requests);
        requests.filter_map(|(got, _)| got.status)
    }

    /// One word for the table: the status, and `!` where it is worse.
    fn word(&self) -> String {
        let status = self.statuses().max();
        let status = status.map_or("-".to_owned(), |status| status.to_string());
        if self.reasons().is_empty() {
            status
        } else {
            format!("{status}!")
        }
    }
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Report {
    found: Vec<Found>,
    took: Duration,
}

impl Report {
    pub(crate) fn new(mut found: Vec<Found>, took: Duration) -> Self {
        found.sort_by_key(|found| found.cell);
        Self { found, took }
    }

    /// Whether all is as it shall be.
    pub(crate) fn is_green(&self) -> bool {
        self.worse() == 0 && self.worse_once() <= MAX_WORSE_ONCE && self.unserved().is_empty()
    }

    /// Cells that were worse the first time alone.
    fn worse_once(&self) -> usize {
        self.found
            .iter()
            .filter(|found| !found.reasons_once().is_empty())
            .count()
    }

    /// Clients that got directly, in none of the cells that are plain, the response that the server
    /// gives: beside one that does not work at all, nothing is worse.
    fn unserved(&self) -> BTreeSet<&'static str> {
        let plain = self.found.iter().filter(|found| found.cell.is_plain());
        let served: BTreeSet<_> = plain
            .clone()
            .filter(|found| found.statuses().any(|status| status == found.cell.status()))
            .map(|found| found.cell.client)
            .collect();
        let clients = plain.map(|found| found.cell.client);
        let unserved = clients.filter(|client| !served.contains(client));
        unserved.map(ClientKind::name).collect()
    }

    /// Cells whose client stays, and got no response directly.
    fn unanswered(&self) -> usize {
        self.found
            .iter()
            .filter(|found| !found.cell.is_left() && found.statuses().next().is_none())
            .count()
    }

    /// Cells that are worse behind the proxy.
    fn worse(&self) -> usize {
        self.found
            .iter()
            .filter(|found| !found.reasons().is_empty())
            .count()
    }

    /// The table, what is worse in full, and a line at the end.
    pub(crate) fn print(&self, verbose: bool) {
        print!("{}", self.table());
        for found in &self.found {
            let reasons = found.reasons();
            let once = found.reasons_once();
            if reasons.is_empty() && once.is_empty() && !verbose {
                continue;
            }
            let verdict = match (reasons.is_empty(), once.is_empty()) {
                (false, _) => format!("WORSE: {}", words(&reasons)),
                (true, false) => format!("worse once: {}", words(&once)),
                (true, true) => "no worse".to_owned(),
            };
            println!("\n{}: {verdict}", found.cell);
            for direct in &found.direct {
                println!("  directly: {direct}");
            }
            if let Some(first) = &found.first {
                println!("  authsome, the first time: {first}");
            }
            println!("  authsome: {}", found.proxied);
        }
        self.print_totals();
    }

    fn print_totals(&self) {
        let mut totals: BTreeMap<Reason, usize> = BTreeMap::new();
        for reason in self.found.iter().flat_map(Found::reasons) {
            *totals.entry(reason).or_default() += 1;
        }
        println!();
        for (reason, count) in totals {
            println!("{count:5} cells: {reason}");
        }
        println!("{:5} cells: no response directly", self.unanswered());
        for client in self.unserved() {
            println!("error: {client} does not work directly");
        }
        let (worse, once) = (self.worse(), self.worse_once());
        let word = if self.is_green() { "ok" } else { "FAILED" };
        println!(
            "\ntest result: {word}. {} no worse than directly; {worse} worse; {once} worse once, of {MAX_WORSE_ONCE}; finished in {:.1}s\n",
            self.found.len() - worse,
            self.took.as_secs_f64()
        );
    }

    /// A line for each combination, with a column for what the server does then, or how the client
    /// leaves.
    fn table(&self) -> String {
        let mut rows: Vec<(String, Vec<String>)> = Vec::new();
        for found in &self.found {
            let row = found.cell.row();
            let cell = format!("{}={}", found.cell.column(), found.word());
            match rows.last_mut().filter(|(last, _)| *last == row) {
                Some((_, cells)) => cells.push(cell),
                None => rows.push((row, vec![cell])),
            }
        }
        let mut table = String::new();
        for (row, cells) in rows {
            let line = cells
                .iter()
                .fold(String::new(), |line, cell| format!("{line} {cell:16}"));
            // Writing to a string does not fail.
            let _ = writeln!(table, "{row:40}{}", line.trim_end());
        }
        table
    }
}

fn words(reasons: &[Reason]) -> String {
    let words: Vec<_> = reasons.iter().map(Reason::to_string).collect();
    words.join(", ")
}

/// Cells that may be worse the first time, on a machine that is busy.
const MAX_WORSE_ONCE: usize = 10;
