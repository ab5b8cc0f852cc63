//! A fleet: many machines, each in a network namespace of its own, with latency and loss on its link.
//!
//! `FLEET_NAMESPACES=20 FLEET_WORKERS=200 FLEET_REQUESTS=10000 cargo test --test it fleet::scale -- --ignored --nocapture`, as root.

use std::net::IpAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use authsome_test_support::{FakeGitLab, Postgres};

use super::kit::{Fleet, KEY};
use crate::kit::refresh::user;
use crate::kit::session::spawn;
use crate::kit::{Outcome, World, until};

/// The life of a token.
const LIFETIME: u64 = 20;

fn count(name: &str, default: usize) -> usize {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().unwrap())
}

fn ip(words: &str) {
    let status = Command::new("ip").args(words.split(' ')).status();
    assert!(status.unwrap().success(), "ip {words}");
}

/// A bridge, and namespaces behind it, and whether their links have latency and loss; gone with this.
struct Network(usize, bool);

impl Network {
    fn new(namespaces: usize) -> Self {
        ip("link add fleet0 type bridge");
        ip("addr add 10.231.0.1/16 dev fleet0");
        ip("link set fleet0 up");
        let mut network = Self(namespaces, true);
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
            // Both ways: the bench goes on without it where the kernel has no netem.
            let netem = [
                "qdisc", "add", "dev", "eth0", "root", "netem", "delay", "5ms", "2ms", "loss",
                "0.5%",
            ];
            let shaped = Command::new("ip")
                .args(["netns", "exec", &format!("fleet{index}"), "tc"])
                .args(netem)
                .status();
            network.1 &= shaped.is_ok_and(|status| status.success());
        }
        network
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

#[test]
#[ignore = "it takes minutes, and root"]
fn two_hundred_workers_in_twenty_namespaces_refresh_once_a_period() {
    let namespaces = count("FLEET_NAMESPACES", 20);
    let workers = count("FLEET_WORKERS", 200);
    let requests = count("FLEET_REQUESTS", 10_000);
    let Some(server) = Postgres::start() else {
        return;
    };
    let network = Network::new(namespaces);
    let ca = server.listen_with_tls("10.231.0.1", "hunter2");
    server.kill();
    server.start_again();
    let address: IpAddr = "10.231.0.1".parse().unwrap();
    let gitlab = FakeGitLab::builder()
        .bind(address)
        .expires_in(Some(LIFETIME))
        .start();
    let fleet = Fleet::on(&server);
    fleet.connect(&gitlab, 0);
    let homes = World::new();
    let ca = homes.file("ca.pem", &std::fs::read_to_string(ca).unwrap());
    let password = homes.file("password", "hunter2");
    let url = format!(
        "postgres://ci@10.231.0.1:{}/{}?lease=10&sslrootcert={}&passwordfile={}",
        server.port(),
        fleet.database(),
        ca.display(),
        password.display()
    );
    let machines: Vec<_> = (0..workers).map(|_| World::new()).collect();
    let each = requests.div_ceil(workers);
    // One request a second and worker, so that several periods pass.
    let script = format!(
        "for i in $(seq {each}); do curl -sS --max-time 60 -o /dev/null -w '%{{http_code}} %{{time_total}}\\n' '{}'; sleep 1; done",
        user(&gitlab)
    );
    // The certificate is for that name, which is another machine in each namespace.
    let resolve = format!("localhost:{}:10.231.0.1", gitlab.port());
    let begun = Instant::now();
    let start = |(index, machine): (usize, &World)| {
        let inner = machine.authsome(["run", "--resolve", &resolve, "--", "bash", "-c", &script]);
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
    let crowd: Vec<_> = machines.iter().enumerate().map(start).collect();
    let (mut answered, mut other, mut times) = (0, Vec::new(), Vec::new());
    for process in crowd {
        let outcome = Outcome::of(process.wait_with_output().unwrap());
        for line in outcome.stdout.lines() {
            match line.split_once(' ') {
                Some(("200", time)) => {
                    answered += 1;
                    times.push(time.parse::<f64>().unwrap());
                }
                _ => other.push(line.to_owned()),
            }
        }
        if !outcome.stderr.is_empty() {
            other.push(outcome.stderr);
        }
    }
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
    if !network.1 {
        println!("without latency and loss: this kernel has no netem");
    }
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
}
