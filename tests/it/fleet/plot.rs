//! The picture of docs/fleet.md: how long a request waits for a credential, and how often a grant
//! is renewed, against the number of machines.

use std::fmt::{self, Display, Write};
use std::time::Duration;

/// What was measured with so many machines.
pub(super) struct Row {
    pub(super) machines: usize,
    /// The waits where all asked at the moment at which the token had ended, sorted.
    pub(super) at_once: Vec<Duration>,
    /// The waits of all later requests, sorted.
    pub(super) steady: Vec<Duration>,
    pub(super) renewals: u64,
    pub(super) periods: f64,
    /// Token requests that were no renewal.
    pub(super) in_vain: u64,
}

impl Row {
    /// A token is renewed when a tenth of its life is left, so there is one more at most.
    pub(super) fn is_once_a_period(&self) -> bool {
        let (least, most) = (self.periods.floor(), (self.periods / 0.85).ceil());
        let renewals = f64::from(u32::try_from(self.renewals).unwrap());
        (least..=most).contains(&renewals) && self.in_vain == 0
    }

    fn per_period(&self) -> f64 {
        f64::from(u32::try_from(self.renewals).unwrap()) / self.periods
    }
}

impl Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |waits, part| milliseconds(waits, part);
        write!(
            out,
            "{} machines: {} requests waited p50 {:.1} ms, p99 {:.1} ms; all at once p50 {:.0} ms, p99 {:.0} ms; {} renewals in {:.1} periods, {} in vain",
            self.machines,
            self.steady.len(),
            ms(&self.steady, 50),
            ms(&self.steady, 99),
            ms(&self.at_once, 50),
            ms(&self.at_once, 99),
            self.renewals,
            self.periods,
            self.in_vain
        )
    }
}

fn milliseconds(sorted: &[Duration], part: usize) -> f64 {
    sorted[(sorted.len() - 1) * part / 100].as_secs_f64() * 1000.0
}

const LEFT: f64 = 60.0;
const WIDTH: f64 = 300.0;
const TOP: f64 = 30.0;
const HEIGHT: f64 = 200.0;

/// One diagram: both axes are logarithmic, the lower one from 1 to 200 machines.
struct Axes {
    left: f64,
    least: f64,
    most: f64,
}

impl Axes {
    fn x(&self, machines: usize) -> f64 {
        let machines = f64::from(u32::try_from(machines).unwrap());
        self.left + WIDTH * machines.log10() / 200_f64.log10()
    }

    fn y(&self, value: f64) -> f64 {
        let part = (value.max(self.least) / self.least).log10();
        TOP + HEIGHT - HEIGHT * part / (self.most / self.least).log10()
    }

    fn frame(&self, svg: &mut String, title: &str, rows: &[Row], marks: &[(f64, &str)]) {
        let (left, right, bottom) = (self.left, self.left + WIDTH, TOP + HEIGHT);
        let middle = left + WIDTH / 2.0;
        add(
            svg,
            format_args!("<text x='{middle}' y='18' class='title'>{title}</text>"),
        );
        for (value, label) in marks {
            let y = self.y(*value);
            add(
                svg,
                format_args!("<path d='M{left} {y:.1}H{right}' class='grid'/>"),
            );
            let (x, y) = (left - 6.0, y + 4.0);
            add(
                svg,
                format_args!("<text x='{x}' y='{y:.1}' class='mark'>{label}</text>"),
            );
        }
        for row in rows {
            let (x, y) = (self.x(row.machines), bottom + 16.0);
            let machines = row.machines;
            add(
                svg,
                format_args!("<text x='{x:.1}' y='{y}'>{machines}</text>"),
            );
        }
        let y = bottom + 34.0;
        add(
            svg,
            format_args!("<text x='{middle}' y='{y}'>machines</text>"),
        );
    }

    /// A line through a value of each row, and its name at the end.
    fn line(
        &self,
        svg: &mut String,
        rows: &[Row],
        (name, color, down): (&str, &str, f64),
        of: &dyn Fn(&Row) -> f64,
    ) {
        let points = rows
            .iter()
            .map(|row| (self.x(row.machines), self.y(of(row))));
        let points: Vec<_> = points.collect();
        let path: Vec<_> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let path = path.join(" ");
        add(
            svg,
            format_args!("<polyline points='{path}' stroke='{color}'/>"),
        );
        for (x, y) in &points {
            add(
                svg,
                format_args!("<circle cx='{x:.1}' cy='{y:.1}' r='3' fill='{color}'/>"),
            );
        }
        if let Some((x, y)) = points.last() {
            let (x, y) = (x + 8.0, y + 4.0 + down);
            add(
                svg,
                format_args!(
                    "<text x='{x:.1}' y='{y:.1}' class='name' fill='{color}'>{name}</text>"
                ),
            );
        }
    }
}

fn add(svg: &mut String, line: fmt::Arguments<'_>) {
    writeln!(svg, "{line}").unwrap();
}

/// The picture, as SVG.
pub(super) fn plot(rows: &[Row]) -> String {
    let mut svg = String::from(
        "<svg xmlns='http://www.w3.org/2000/svg' width='920' height='280' font-family='sans-serif' font-size='12' text-anchor='middle'>\n\
         <style>.title{font-weight:bold}.grid{stroke:#ddd}.mark{text-anchor:end}.name{text-anchor:start}polyline{fill:none;stroke-width:2}</style>\n\
         <rect width='920' height='280' fill='white'/>\n",
    );
    let waits = Axes {
        left: LEFT,
        least: 0.1,
        most: 10_000.0,
    };
    let marks = [
        (0.1, "0.1 ms"),
        (1.0, "1 ms"),
        (10.0, "10 ms"),
        (100.0, "0.1 s"),
        (1000.0, "1 s"),
        (10_000.0, "10 s"),
    ];
    waits.frame(&mut svg, "wait for a credential", rows, &marks);
    let line = |svg: &mut String, style, of: &dyn Fn(&Row) -> f64| waits.line(svg, rows, style, of);
    line(&mut svg, ("p50", "#1f77b4", 0.0), &|row| {
        milliseconds(&row.steady, 50)
    });
    line(&mut svg, ("p99", "#17becf", 0.0), &|row| {
        milliseconds(&row.steady, 99)
    });
    line(&mut svg, ("all at once, p50", "#d62728", 6.0), &|row| {
        milliseconds(&row.at_once, 50)
    });
    line(&mut svg, ("all at once, p99", "#ff7f0e", -6.0), &|row| {
        milliseconds(&row.at_once, 99)
    });
    let renewals = Axes {
        left: LEFT + WIDTH + 190.0,
        least: 0.1,
        most: 200.0,
    };
    let marks = [(0.1, "0.1"), (1.0, "1"), (10.0, "10"), (200.0, "200")];
    renewals.frame(&mut svg, "renewals in each life of a token", rows, &marks);
    renewals.line(&mut svg, rows, ("", "#2ca02c", 0.0), &Row::per_period);
    svg.push_str("</svg>\n");
    svg
}
