//! Tables to read and JSON lines to keep.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::failure::Failure;
use crate::system::Entrant;

/// One value that was measured, or made of what was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// With its unit.
    pub(crate) name: &'static str,
    pub(crate) value: f64,
}

impl Figure {
    pub(crate) fn new(name: &'static str, value: f64) -> Self {
        Self { name, value }
    }
}

/// The figures of one system in one round of one case.
struct Row {
    case: String,
    system: String,
    figures: Vec<Figure>,
}

/// The same, as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    case: &'a str,
    system: &'a str,
    round: usize,
    figures: BTreeMap<&'a str, f64>,
}

/// All that was measured so far.
pub(crate) struct Report {
    rows: Vec<Row>,
    json: Option<File>,
}

impl Report {
    pub(crate) fn new(json: Option<&Path>) -> Result<Self, Failure> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        Ok(Self {
            rows: Vec::new(),
            json: json.map(open).transpose()?,
        })
    }

    /// Takes a measurement.
    pub(crate) fn add(
        &mut self,
        case: &str,
        system: &str,
        round: usize,
        figures: Vec<Figure>,
    ) -> Result<(), Failure> {
        if let Some(file) = &mut self.json {
            let figures = figures
                .iter()
                .map(|figure| (figure.name, figure.value))
                .collect();
            let mut line = serde_json::to_vec(&Line {
                case,
                system,
                round,
                figures,
            })?;
            line.push(b'\n');
            file.write_all(&line)?;
        }
        self.rows.push(Row {
            case: case.to_owned(),
            system: system.to_owned(),
            figures,
        });
        Ok(())
    }

    /// The median of a figure, if there is one.
    pub(crate) fn median(&self, case: &str, system: &str, name: &str) -> Option<f64> {
        median(&self.values(case, system, name))
    }

    /// Prints a case: a line a system, with the medians and the least of the rounds, and in
    /// parentheses the median of authsome's value to this system's, pair by pair.
    pub(crate) fn show(&self, case: &str) {
        let rows: Vec<_> = self.rows.iter().filter(|row| row.case == case).collect();
        let Some(first) = rows.first() else { return };
        let mut systems: Vec<&str> = Vec::new();
        for row in &rows {
            if !systems.contains(&row.system.as_str()) {
                systems.push(&row.system);
            }
        }
        let rounds = rows.iter().filter(|row| row.system == first.system).count();
        match rounds {
            1 => println!("\n{case} (authsome / this)"),
            _ => println!("\n{case} (median of {rounds}, least; authsome / this)"),
        }
        let width = systems
            .iter()
            .map(|system| system.len())
            .max()
            .unwrap_or_default();
        let columns: Vec<_> = first.figures.iter().map(|figure| figure.name).collect();
        let heads: Vec<_> = columns.iter().map(|name| format!("{name:>26}")).collect();
        println!("{:width$}{}", "", heads.concat());
        for system in systems {
            let cells: Vec<_> = columns
                .iter()
                .map(|name| format!("{:>26}", self.cell(case, system, name)))
                .collect();
            println!("{system:width$}{}", cells.concat());
        }
    }

    fn cell(&self, case: &str, system: &str, name: &str) -> String {
        let values = self.values(case, system, name);
        let Some(middle) = median(&values) else {
            return String::new();
        };
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let text = match values.len() {
            1 => number(middle),
            _ => format!("{} {}", number(middle), number(least)),
        };
        let subject = self.values(case, Entrant::SUBJECT, name);
        if system == Entrant::SUBJECT || subject.len() != values.len() {
            return text;
        }
        let pairs = subject
            .iter()
            .zip(&values)
            .filter(|(_, other)| **other != 0.0);
        let ratios: Vec<_> = pairs.map(|(ours, theirs)| ours / theirs).collect();
        median(&ratios).map_or(text.clone(), |ratio| format!("{text} ({ratio:.2})"))
    }

    fn values(&self, case: &str, system: &str, name: &str) -> Vec<f64> {
        let rows = self
            .rows
            .iter()
            .filter(|row| row.case == case && row.system == system);
        let figures = rows
            .flat_map(|row| &row.figures)
            .filter(|figure| figure.name == name);
        figures.map(|figure| figure.value).collect()
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// Three digits that tell something.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A count, for arithmetic.
#[expect(
    clippy::cast_precision_loss,
    reason = "nothing that is counted here comes near 2^53"
)]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}
