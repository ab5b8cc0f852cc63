//! What `authsome run` adds to a command, and how soon `authsome proxy` serves.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::bench::Bench;
use crate::failure::Failure;
use crate::process::terminate;
use crate::report::Figure;
use crate::system::{Circumstances, Kind, attended, authsome};

/// Starts of each system in one round.
const STARTS: usize = 10;

/// What is started, and how.
struct Starter<'a> {
    name: String,
    command: Box<dyn Fn() -> Command + 'a>,
    until: Until,
}

/// Until when the time is taken.
#[derive(Clone, Copy)]
enum Until {
    /// The process has ended.
    End,
    /// It has written a line; then it is told to end.
    Line,
}

pub(super) fn start_up(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let case = "start to end of a command that does nothing, or until a proxy serves";
    let one = bench.circumstances.clone();
    let home = bench.bed.home_of_providers("ten", 9)?;
    let ten = Circumstances {
        home,
        ..Circumstances::default()
    };
    for round in 0..bench.options.rounds() {
        let starters = starters(bench, &one, &ten);
        let mut measured = Vec::new();
        for _ in 0..STARTS {
            // In turns, as everything here.
            let times: Vec<_> = starters
                .iter()
                .map(|starter| time(&mut (starter.command)(), starter.until))
                .collect::<Result<_, _>>()?;
            measured.push(times);
        }
        let names: Vec<_> = starters
            .iter()
            .map(|starter| starter.name.clone())
            .collect();
        drop(starters);
        for (index, name) in names.iter().enumerate() {
            for times in &measured {
                let figures = vec![
                    Figure::new("ms", times[index]),
                    Figure::new("ms more than true", times[index] - times[0]),
                ];
                bench.report.add(case, name, round, figures)?;
            }
        }
    }
    bench.report.show(case);
    let case = "size";
    let bytes = crate::report::float(fs::metadata(&bench.binary)?.len());
    bench.report.add(
        case,
        "authsome",
        0,
        vec![Figure::new("binary MiB", bytes / 1024.0 / 1024.0)],
    )?;
    bench.report.show(case);
    Ok(())
}

fn starters<'a>(
    bench: &'a Bench<'_>,
    one: &'a Circumstances,
    ten: &'a Circumstances,
) -> Vec<Starter<'a>> {
    let mut starters = vec![Starter {
        name: "true".to_owned(),
        command: Box::new(|| Command::new("true")),
        until: Until::End,
    }];
    for entrant in bench.entrants.iter().filter(|entrant| entrant.injects()) {
        let Kind::Authsome { binary, way } = &entrant.kind else {
            continue;
        };
        let way = *way;
        for (count, circumstances) in [("one connection", one), ("ten connections", ten)] {
            starters.push(Starter {
                name: format!("{}, {count}", entrant.name),
                command: Box::new(move || {
                    let mut command = authsome(binary, &bench.bed, circumstances);
                    command.args(way.is_captured().then_some("--isolate"));
                    command.args(["--", "true"]);
                    command
                }),
                until: Until::End,
            });
            if way.is_captured() {
                continue; // there is no isolated `authsome proxy`
            }
            starters.push(Starter {
                name: format!("{} proxy, {count}", entrant.name),
                command: Box::new(move || attended(binary, &bench.bed, circumstances)),
                until: Until::Line,
            });
        }
    }
    starters
}

/// Milliseconds from the start, on all processors, as a user's commands are: a start is put
/// together on one while what becomes the command starts on another.
fn time(command: &mut Command, until: Until) -> Result<f64, Failure> {
    command.stdin(Stdio::null());
    if matches!(until, Until::Line) {
        command.stdout(Stdio::piped());
    }
    let started = Instant::now();
    let mut child = command.spawn()?;
    if let Until::Line = until {
        let stdout = child.stdout.take().ok_or("there is no pipe")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let elapsed = started.elapsed().as_secs_f64() * 1e3;
        terminate(&mut child)?;
        return if line.ends_with("}\n") {
            Ok(elapsed)
        } else {
            Err(format!("{command:?} does not serve").into())
        };
    }
    let status = child.wait()?;
    let elapsed = started.elapsed().as_secs_f64() * 1e3;
    if status.success() {
        Ok(elapsed)
    } else {
        Err(format!("{command:?} ended with {status}").into())
    }
}
