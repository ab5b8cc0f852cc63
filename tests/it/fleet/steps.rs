//! A machine is killed at each step of the lease: a real run, with SIGKILL, where a relay before
//! the database or the provider itself holds it. What is left of it, and what the others see, is
//! known for each step.

use std::collections::VecDeque;
use std::fs;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use authsome_test_support::{Endpoint, FakeGitLab, Fault, Postgres};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::gate::Side::{After, Before};
use super::gate::{Gate, Side, Stop};
use super::kit::Fleet;
use super::order::{call_as, curl_as, never_back};
use crate::kit::session::{Session, spawn};
use crate::kit::{Outcome, World, until};

/// How often a machine is killed at each of the [`POINTS`]: 100 times in all.
const KILLS: usize = 4;

/// How many points are tried at one time: nearly all of the time, they wait for leases to end.
const AT_ONCE: usize = 10;

/// The rest of a lease of 5 s, and what two cores need meanwhile. A session that tried nothing by
/// itself would write its pair after 30 s.
const SOON: Duration = Duration::from_secs(20);

/// Far longer than the test.
const NEVER: Duration = Duration::from_hours(1);

/// What holds the machine.
#[derive(Clone, Copy, Debug)]
enum Hold {
    /// The relay, at that statement.
    Statement(Stop),
    /// The provider has the request, and does nothing.
    Request,
    /// The provider has rotated, and the response is not sent.
    Response,
    /// The response is in the machine's socket, and the machine is stopped (SIGSTOP).
    Unread,
}

/// What a kill leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Nothing was spent: the others renew, once the lease is free.
    Nothing,
    /// The new pair, in the dead machine's file: it writes it at its next start.
    File,
    /// The new pair, in the database.
    Vault,
    /// The spent refresh token alone. Nobody can prevent that, on one machine or on many.
    Lost,
}

struct Point(&'static str, Hold, Left);

const fn at(first: &'static str, at: &'static str, side: Side) -> Hold {
    Hold::Statement(Stop { first, at, side })
}

const LOOK: &str = "SELECT machine FROM authsome.lease";
const CLAIM: &str = "INSERT INTO authsome.lease";
const LOAD: &str = "SELECT generation, sealed FROM authsome.record";
const BEGIN: &str = "START TRANSACTION";
const NEXT: &str = "UPDATE authsome.vault SET generation = greatest";
const HOLDS: &str = "FOR UPDATE";
const NOTE: &str = "INSERT INTO authsome.refresh";
const SWAP: &str = "UPDATE authsome.record SET generation";
const NOTIFY: &str = "SELECT pg_notify";
const COMMIT: &str = "COMMIT";
const RELEASE: &str = "SET until = clock_timestamp() WHERE";

/// Every statement of a renewal, and what is between them. Those that take longest come first.
const POINTS: [Point; 25] = [
    Point("request, answered", Hold::Response, Left::Lost),
    Point("keep, before the file", Hold::Unread, Left::Lost),
    Point("claim, look", at("", LOOK, Before), Left::Nothing),
    Point("claim, looked", at("", LOOK, After), Left::Nothing),
    Point("claim", at("", CLAIM, Before), Left::Nothing),
    Point("claimed", at("", CLAIM, After), Left::Nothing),
    Point("load", at(CLAIM, LOAD, Before), Left::Nothing),
    Point("loaded", at(CLAIM, LOAD, After), Left::Nothing),
    Point("request, sent", Hold::Request, Left::Nothing),
    Point("keep, in the file", at(CLAIM, BEGIN, Before), Left::File),
    Point("commit, begun", at(CLAIM, BEGIN, After), Left::File),
    Point("commit, generation", at(CLAIM, NEXT, Before), Left::File),
    Point("commit, numbered", at(CLAIM, NEXT, After), Left::File),
    Point("commit, lease", at(CLAIM, HOLDS, Before), Left::File),
    Point("commit, lease held", at(CLAIM, HOLDS, After), Left::File),
    Point("commit, note", at(CLAIM, NOTE, Before), Left::File),
    Point("commit, noted", at(CLAIM, NOTE, After), Left::File),
    Point("commit, swap", at(CLAIM, SWAP, Before), Left::File),
    Point("commit, swapped", at(CLAIM, SWAP, After), Left::File),
    Point("tell", at(CLAIM, NOTIFY, Before), Left::File),
    Point("tell, queued", at(CLAIM, NOTIFY, After), Left::File),
    Point("commit, last", at(CLAIM, COMMIT, Before), Left::File),
    Point("committed, told", at(CLAIM, COMMIT, After), Left::Vault),
    Point("release", at(CLAIM, RELEASE, Before), Left::Vault),
    Point("released", at(CLAIM, RELEASE, After), Left::Vault),
];

#[test]
fn a_machine_that_is_killed_at_each_step_of_the_lease_leaves_what_is_known() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let wanted = std::env::var("FLEET_STEP").unwrap_or_default();
    let points = POINTS.iter().filter(|point| point.0.contains(&wanted));
    let queue = Mutex::new(points.collect::<VecDeque<_>>());
    let kills = Mutex::new(0);
    let next = || queue.lock().unwrap().pop_front();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(point) = next() {
                    let mut trial = Trial::new(server);
                    let mut survivor = trial.survivor();
                    for _ in 0..KILLS {
                        trial.kill_at(point.1, point.0);
                        trial.judge(point.2, &mut survivor, point.0);
                        *kills.lock().unwrap() += 1;
                    }
                    survivor.end(0);
                    let sent = never_back(&trial.gitlab);
                    println!("{} ({:?}): tokens sent: {sent:?}", point.0, point.2);
                }
            });
        }
    });
    let kills = kills.into_inner().unwrap();
    println!("{kills} kills");
    assert!(kills == 100 || !wanted.is_empty());
}

/// A grant, a machine that is killed, and one that is not.
struct Trial {
    fleet: Fleet,
    by_gate: Fleet,
    gate: Gate,
    gitlab: FakeGitLab,
    dies: World,
    lives: World,
    rotations: u64,
    requests: u64,
}

impl Trial {
    fn new(server: &Postgres) -> Self {
        let fleet = Fleet::on(server).leased(5);
        let gate = Gate::to(server);
        let gitlab = FakeGitLab::start();
        fleet.connect(&gitlab, 7200);
        Self {
            by_gate: fleet.by_port(gate.port),
            fleet,
            gate,
            gitlab,
            dies: World::new(),
            lives: World::new(),
            rotations: 0,
            requests: 0,
        }
    }

    fn survivor(&self) -> Session {
        let mut session = Session::start_with(&self.lives, |command| self.fleet.join(command));
        assert_eq!(call_as("survivor", &mut session, &self.gitlab), "200");
        session
    }

    /// Starts a run over an expired token, and kills it there.
    fn kill_at(&mut self, hold: Hold, name: &str) {
        let gitlab = &self.gitlab;
        self.rotations = gitlab.refreshes();
        self.requests = gitlab.token_requests();
        self.fleet.age(0);
        gitlab.expire_access_tokens();
        match hold {
            Hold::Statement(stop) => self.gate.arm(stop),
            Hold::Request => gitlab.fault(Endpoint::Token, Fault::Stall(NEVER), 1),
            Hold::Response => gitlab.fault(Endpoint::Token, Fault::StallAfter(NEVER), 1),
            Hold::Unread => {
                let soon = Fault::StallAfter(Duration::from_millis(500));
                gitlab.fault(Endpoint::Token, soon, 1);
            }
        }
        let shell = curl_as("dead", gitlab);
        let mut command = self.dies.authsome(["run", "--", "bash", "-c", &shell]);
        self.by_gate.join(&mut command);
        let mut process = spawn(&mut command);
        match hold {
            Hold::Statement(_) => self.gate.wait(),
            Hold::Request => until(name, || gitlab.token_requests() > self.requests),
            Hold::Response => until(name, || gitlab.refreshes() > self.rotations),
            Hold::Unread => {
                until(name, || gitlab.refreshes() > self.rotations);
                let pid = Pid::from_raw(process.id().cast_signed());
                kill(pid, Signal::SIGSTOP).unwrap();
                until("the response is there", || has_unread(gitlab.port()));
            }
        }
        process.kill().unwrap();
        let outcome = Outcome::of(process.wait_with_output().unwrap());
        assert_eq!(outcome.code, None, "{name}: {outcome:?}");
        gitlab.clear_faults();
    }

    /// What the others see, and the machine itself when it starts again.
    fn judge(&self, left: Left, survivor: &mut Session, name: &str) {
        let gitlab = &self.gitlab;
        let spent = gitlab.refreshes() - self.rotations;
        assert_eq!(spent, u64::from(left != Left::Nothing), "{name}");
        match left {
            Left::Nothing | Left::Vault => {
                assert_eq!(call_as("survivor", survivor, gitlab), "200", "{name}");
                self.start_again(name).end(0);
            }
            Left::File => {
                let (again, begun) = (self.start_again(name), Instant::now());
                // The lease of the dead one has to end first; then it is written at once.
                until("the pair is in the vault", || self.is_whole());
                assert!(begun.elapsed() < SOON, "{name}: {:?}", begun.elapsed());
                assert_eq!(call_as("survivor", survivor, gitlab), "200", "{name}");
                again.end(0);
            }
            // As docs/fleet.md has it: the grant needs a login, as it would on one machine.
            Left::Lost => {
                assert_eq!(call_as("survivor", survivor, gitlab), "401", "{name}");
                self.fleet.connect(gitlab, 7200);
                assert_eq!(call_as("survivor", survivor, gitlab), "200", "{name}");
                self.start_again(name).end(0);
            }
        }
        assert_eq!(gitlab.refreshes(), self.rotations + 1, "{name}");
        assert!(self.is_whole(), "{name}");
        if matches!(left, Left::File | Left::Vault) {
            // Nobody has tried the spent refresh token.
            assert_eq!(gitlab.token_requests(), self.requests + 1, "{name}");
        }
    }

    /// The machine that was killed runs something again.
    fn start_again(&self, name: &str) -> Session {
        let mut session = Session::start_with(&self.dies, |command| self.by_gate.join(command));
        let status = call_as("dead", &mut session, &self.gitlab);
        assert_eq!(status, "200", "{name}");
        session
    }

    /// Whether the vault has the pair that the provider accepts.
    fn is_whole(&self) -> bool {
        self.fleet.pair() == self.gitlab.live_pairs().pop().unwrap()
    }
}

/// Whether a connection to that port has something that its process has not read (proc(5),
/// `/proc/net/tcp`).
fn has_unread(port: u16) -> bool {
    let of_port = format!("0100007F:{port:04X}");
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().skip(1).any(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let unread = fields[4].split_once(':').unwrap().1;
        fields[2] == of_port && unread.bytes().any(|digit| digit != b'0')
    })
}
