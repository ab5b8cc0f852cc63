//! What an open page costs: CPU of the page's program and of the browser, while runs send requests.
//!
//! ```text
//! AUTHSOME=target/release/authsome cargo test --test it ui::cost -- --ignored --nocapture
//! ```
//!
//! `UI_RUNS` (10), `UI_RATE` (20, requests a second of each run), `UI_SECONDS` (30) and
//! `UI_WARM_UP` (5 seconds before each measurement) change what is measured.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::unistd::{SysconfVar, sysconf};
use serde_json::Value;

use super::Ui;
use crate::kit::run::{Running, like, run};
use crate::kit::{Setup, World};

/// A program that keeps one connection, and sends so many requests a second until its standard
/// input ends.
const REQUESTS: &str = include_str!("requests.py");

#[test]
#[ignore = "it takes a minute, and figures are made by a release binary"]
fn two_hundred_requests_a_second_of_ten_runs_are_shown() {
    let (runs, rate) = (setting("UI_RUNS", 10), setting("UI_RATE", 20));
    let length = Duration::from_secs(setting("UI_SECONDS", 30));
    let warm_up = Duration::from_secs(setting("UI_WARM_UP", 5));
    let Setup { world, gitlab, .. } = Setup::connected();
    let ui = Ui::of(chosen(&world.authsome(["ui", "--no-browser"])));
    let node = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/watched.mjs");
    let mut node = like(&world.authsome::<&str>([]), [Path::new("node"), &node]);
    let mut browser = Running::start({
        node.arg(&ui.url);
        node
    });
    let pid = browser.line().unwrap().parse().unwrap();
    let mut measured = |what: &str, length: Duration| {
        std::thread::sleep(warm_up);
        let began = Moment::of(ui.running.child.id(), pid);
        let arrived = gitlab.seen().len();
        tell(&mut browser, "begin");
        std::thread::sleep(length); // time is what is measured
        tell(&mut browser, "end");
        let ended = Moment::of(ui.running.child.id(), pid);
        let arrived = gitlab.seen().len() - arrived;
        let frames: Value = serde_json::from_str(&browser.line().unwrap()).unwrap();
        let took = ended.at - began.at;
        let share = |used: Duration| 100.0 * used.as_secs_f64() / took.as_secs_f64();
        println!(
            "{what}: {:.0} requests/s; CPU of authsome ui {:.1} %, of the browser {:.1} %; {frames}",
            f64::from(u32::try_from(arrived).unwrap()) / took.as_secs_f64(),
            share(ended.program.saturating_sub(began.program)),
            share(ended.browser.saturating_sub(began.browser)),
        );
        frames
    };
    measured("no run", length / 3);
    let mut running: Vec<_> = (0..runs)
        .map(|_| requesting(&world, &gitlab.base_url(), rate))
        .collect();
    let frames = measured("requests", length);
    let shown = frames["shown"].as_f64().unwrap();
    let sent = f64::from(u32::try_from(runs * rate).unwrap());
    assert!(shown > 0.9 * sent, "{shown} of {sent} a second are shown");
    running.iter_mut().for_each(Running::release);
    for mut one in running {
        assert!(one.end().success());
    }
    println!("{}", resident(ui.running.child.id()));
    browser.release();
    assert!(browser.end().success());
    assert_eq!(ui.end(), Some(0));
}

fn setting(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().unwrap())
}

/// The command by the binary that `AUTHSOME` names.
fn chosen(command: &Command) -> Command {
    let binary = std::env::var_os("AUTHSOME");
    let program = binary.unwrap_or_else(|| command.get_program().to_owned());
    let words = command.get_args().map(ToOwned::to_owned);
    like(command, std::iter::once(program).chain(words))
}

fn requesting(world: &World, base: &str, rate: u64) -> Running {
    let script = world.file("requests.py", REQUESTS);
    let rate = rate.to_string();
    let words = ["python3", script.to_str().unwrap(), base, &rate];
    let running = Running::start(chosen(&run(world, &["--quiet"], &words)));
    assert_eq!(running.line().as_deref(), Some("here"));
    running
}

fn tell(running: &mut Running, word: &str) {
    let stdin = running.stdin.as_mut().unwrap();
    stdin.write_all(format!("{word}\n").as_bytes()).unwrap();
}

/// The CPU time that was used until a moment.
struct Moment {
    at: Instant,
    program: Duration,
    browser: Duration,
}

impl Moment {
    fn of(program: u32, browser: u32) -> Self {
        let processes = processes();
        let is_below = |pid: u32| {
            let up = |pid: &u32| processes.get(pid).map(|(parent, _)| *parent);
            std::iter::successors(Some(pid), up).any(|above| above == browser)
        };
        let below = processes.iter().filter(|(pid, _)| is_below(**pid));
        Self {
            at: Instant::now(),
            program: processes[&program].1,
            browser: below.map(|(_, (_, used))| *used).sum(),
        }
    }
}

/// The parent of each process, and its CPU time.
fn processes() -> HashMap<u32, (u32, Duration)> {
    let ticks = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap();
    let tick = Duration::from_secs(1) / u32::try_from(ticks).unwrap();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parsed = pids.filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u32>().ok();
        Some((pid, (number(1)?, tick * (number(11)? + number(12)?))))
    });
    parsed.collect()
}

fn resident(pid: u32) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    format!("peak of authsome ui's memory: {}", line.unwrap())
}
