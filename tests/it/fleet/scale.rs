//! A fleet: many machines, each in a network namespace of its own, with latency and loss on its link.
//!
//! `FLEET_NAMESPACES=20 FLEET_WORKERS=200 FLEET_REQUESTS=10000 cargo test --test it fleet::scale -- --ignored --nocapture`, as root.

use std::io::{BufRead, BufReader, Read};
use std::net::IpAddr;
use std::ops::Range;
use std::process::{Child, ChildStdout, Command};
use std::time::{Duration, Instant};

use authsome_test_support::{FakeGitLab, Postgres};

use super::kit::{Fleet, KEY};
use super::link::{Breaks, Link};
use crate::kit::refresh::user;
use crate::kit::session::spawn;
use crate::kit::{Outcome, World, until};

/// The life of a token.
const LIFETIME: u64 = 20;

/// How long after a renewal the next one begins. A token is due when a tenth of its life is left;
/// times are stored in whole seconds. The rest is for a request that notices it, a slow database
/// and two cores.
const PERIOD: Range<Duration> = Duration::from_secs(LIFETIME * 9 / 10 - 1)..Duration::from_secs(25);

/// Where the servers are, and where the links to them begin.
const SERVERS: &str = "10.231.0.1";
const LINKS: &str = "10.231.0.2";

fn count(name: &str, default: usize) -> usize {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().unwrap())
}

fn ip(words: &str) {
    let status = Command::new("ip").args(words.split(' ')).status();
    assert!(status.unwrap().success(), "ip {words}");
}

/// A bridge, and namespaces behind it; gone with this.
struct Network(usize);

impl Network {
    fn new(namespaces: usize) -> Self {
        ip("link add fleet0 type bridge");
        for address in [SERVERS, LINKS] {
            ip(&format!("addr add {address}/16 dev fleet0"));
        }
        ip("link set fleet0 up");
        for index in 0..namespaces {
            ip(&format!("netns add fleet{index}"));
            ip(&format!(
                "link add fl{index} type veth peer name eth0 netns fleet{index}"
            ));
            ip(&format!("link set fl{index} master fleet0 up"));
            ip(&format!(
                "-n fleet{index} addr add 10.231.1.{}/16 dev eth0",
                index + 1
            ));
            ip(&format!("-n fleet{index} link set eth0 up"));
            ip(&format!("-n fleet{index} link set lo up"));
        }
        Self(namespaces)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for index in 0..self.0 {
            ip(&format!("netns del fleet{index}"));
        }
        ip("link del fleet0");
    }
}

/// Fails the test unless each token was renewed once, at its time: no earlier, and not much later.
#[track_caller]
fn once_a_period(gitlab: &FakeGitLab) {
    let seen = gitlab.seen();
    let renewals: Vec<_> = seen
        .iter()
        .filter(|seen| seen.path == "/oauth/token")
        .collect();
    for (earlier, later) in renewals.iter().zip(&renewals[1..]) {
        let period = later.at.duration_since(earlier.at);
        assert!(PERIOD.contains(&period), "{period:?} between two renewals");
    }
}

/// A worker, what it prints, and its first line.
type Worker = (Child, BufReader<ChildStdout>, String);

/// Workers that are there. A few start at one time: two cores would take minutes for all.
fn started(few: Vec<Child>) -> Vec<Worker> {
    let is_there = |mut process: Child| {
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        (process, stdout, first)
    };
    few.into_iter().map(is_there).collect()
}

/// What all workers got.
#[derive(Default)]
struct Responses {
    answered: usize,
    times: Vec<f64>,
    /// Whatever was no response with 200.
    other: Vec<String>,
}

impl Responses {
    fn of(crowd: Vec<Worker>) -> Self {
        let mut found = Self::default();
        for (process, mut stdout, first) in crowd {
            let mut printed = String::new();
            stdout.read_to_string(&mut printed).unwrap();
            let outcome = Outcome::of(process.wait_with_output().unwrap());
            if first.trim() != "ready" {
                found.other.push(first);
            }
            for response in printed.lines() {
                match response.split_once(' ') {
                    Some(("200", time)) => {
                        found.answered += 1;
                        found.times.push(time.parse::<f64>().unwrap());
                    }
                    _ => found.other.push(response.to_owned()),
                }
            }
            if !outcome.stderr.is_empty() {
                found.other.push(outcome.stderr);
            }
        }
        found
    }
}

#[test]
#[ignore = "it takes minutes, and root"]
fn two_hundred_workers_in_twenty_namespaces_refresh_once_a_period() {
    let namespaces = count("FLEET_NAMESPACES", 20);
    let workers = count("FLEET_WORKERS", 200);
    let requests = count("FLEET_REQUESTS", 10_000);
    let Some(server) = Postgres::start() else {
        return;
    };
    let _network = Network::new(namespaces);
    let ca = server.listen_with_tls(SERVERS, "hunter2");
    server.kill();
    server.start_again();
    let address: IpAddr = SERVERS.parse().unwrap();
    let gitlab = FakeGitLab::builder()
        .bind(address)
        .expires_in(Some(LIFETIME))
        .start();
    let fleet = Fleet::on(&server);
    fleet.connect(&gitlab, 0);
    let homes = World::new();
    let ca = homes.file("ca.pem", &std::fs::read_to_string(ca).unwrap());
    let password = homes.file("password", "hunter2");
    let to_database = (address, server.port()).into();
    let to_database = Link::between((address, 0).into(), to_database, Breaks::AnyTime);
    // The same port as the server's, which is in the address that clients use.
    let link: IpAddr = LINKS.parse().unwrap();
    let link = (link, gitlab.port()).into();
    let to_gitlab = Link::between(link, gitlab.addr(), Breaks::BetweenRequests);
    let url = format!(
        "postgres://ci@{SERVERS}:{}/{}?lease=10&sslrootcert={}&passwordfile={}",
        to_database.address.port(),
        fleet.database(),
        ca.display(),
        password.display()
    );
    let machines: Vec<_> = (0..workers).map(|_| World::new()).collect();
    let each = requests.div_ceil(workers);
    let script = homes.file("worker.py", include_str!("../kit/children/fleet_worker.py"));
    let script = script.display().to_string();
    // The certificate is for that name, which is another machine in each namespace.
    let resolve = format!("localhost:{}:{LINKS}", gitlab.port());
    let begun = Instant::now();
    let start = |(index, machine): (usize, &World)| {
        let mut inner = machine.authsome(["run", "--resolve", &resolve, "--"]);
        inner.args(["python3", &script, &user(&gitlab), &each.to_string()]);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &format!("fleet{}", index % namespaces)]);
        command
            .arg(inner.get_program())
            .args(inner.get_args())
            .env_clear();
        for (name, value) in inner.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command
            .env("AUTHSOME_VAULT", &url)
            .env("AUTHSOME_MASTER_KEY", KEY);
        spawn(&mut command)
    };
    let machines: Vec<_> = machines.iter().enumerate().collect();
    let crowd = machines
        .chunks(namespaces)
        .flat_map(|few| started(few.iter().copied().map(start).collect()));
    let crowd: Vec<_> = crowd.collect();
    let Responses {
        answered,
        mut other,
        mut times,
    } = Responses::of(crowd);
    let took = begun.elapsed();
    times.sort_by(f64::total_cmp);
    let percentile = |part: usize| times[(times.len() - 1) * part / 100] * 1000.0;
    let periods = took.as_secs_f64() / Duration::from_secs(LIFETIME).as_secs_f64();
    println!(
        "{workers} workers in {namespaces} namespaces: {answered} requests in {took:.1?}, {} refreshes in {periods:.1} periods of {LIFETIME} s; a request took p50 {:.0} ms, p99 {:.0} ms",
        gitlab.refreshes(),
        percentile(50),
        percentile(99),
    );
    let waits = "SELECT coalesce(sum(waits), 0), coalesce(sum(waited_ms), 0) FROM authsome.machine";
    println!("links to the database: {}", to_database.told());
    println!("links to the provider: {}", to_gitlab.told());
    println!(
        "waits and their milliseconds: {}",
        server.sql(fleet.database(), waits)
    );
    other.truncate(5);
    assert!(other.is_empty(), "{other:#?}");
    assert_eq!(answered, each * workers);
    until("the last pair is in the vault", || {
        fleet.pair() == gitlab.live_pairs().pop().unwrap()
    });
    assert_eq!(gitlab.live_pairs().len(), 1);
    assert_eq!(
        gitlab.token_requests(),
        gitlab.refreshes(),
        "no try was in vain"
    );
    once_a_period(&gitlab);
    for link in [to_database, to_gitlab] {
        assert!(link.broken() > 0 || requests < 1000, "{}", link.told());
    }
}
