//! What was found, cell by cell.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::cell::Cell;
use crate::outcome::{Outcome, Reason};

/// A cell, and what came of it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) cell: Cell,
    direct: Vec<Outcome>,
    proxied: Outcome,
}

impl Found {
    pub(crate) fn new(cell: Cell, direct: Outcome, proxied: Outcome) -> Self {
        Self {
            cell,
            direct: vec![direct],
            proxied,
        }
    }

    /// Another outcome of the client directly.
    pub(crate) fn also_directly(&mut self, direct: Outcome) {
        self.direct.push(direct);
    }

    /// Another outcome of the client behind the proxy, in place of the first.
    pub(crate) fn again(&mut self, proxied: Outcome) {
        self.proxied = proxied;
    }

    /// In what the client behind the proxy is worse than each time directly; nothing where it is no
    /// worse than once.
    pub(crate) fn reasons(&self) -> Vec<Reason> {
        let reasons = self
            .direct
            .iter()
            .map(|direct| self.proxied.is_worse_than(direct));
        reasons.min_by_key(Vec::len).unwrap_or_default()
    }

    /// One word for the table: the status, and `!` where it is worse.
    fn word(&self) -> String {
        let statuses = self.direct.iter().flat_map(|direct| &direct.requests);
        let status = statuses.filter_map(|(got, _)| got.status).max();
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

    /// Cells that are worse behind the proxy.
    pub(crate) fn worse(&self) -> usize {
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
            if reasons.is_empty() && !verbose {
                continue;
            }
            let words: Vec<_> = reasons.iter().map(Reason::to_string).collect();
            let verdict = if words.is_empty() {
                "no worse".to_owned()
            } else {
                format!("WORSE: {}", words.join(", "))
            };
            println!("\n{}: {verdict}", found.cell);
            for direct in &found.direct {
                println!("  directly: {direct}");
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
        let worse = self.worse();
        let word = if worse == 0 { "ok" } else { "FAILED" };
        println!(
            "\ntest result: {word}. {} no worse than directly; {worse} worse; finished in {:.1}s\n",
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
