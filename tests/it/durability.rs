//! A pair that was issued is kept, whatever becomes of the disk, the vault's lock, the threads, the clock or the process meanwhile.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use authsome::clock::Timestamp;
use authsome::home::Home;
use authsome_test_support::kit::{browser_script, port_7998};
use authsome_test_support::{Endpoint, FakeGitLab, Fault, Seen};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::kit::{Outcome, World, until};
use crate::refresh::{
    Dice, Door, Doors, Session, age, call, expired, expired_at_the_server, pair, spawn, status,
    user, wait_for_refresh,
};

/// Runs that meet the same dead token.
const RUNS: usize = 200;

/// Beyond the time that an exchange with the authorization server may take.
const STOPPED: Duration = Duration::from_secs(32);

/// How soon a provider that is back must be asked again.
const NOTICED: Duration = Duration::from_millis(3500);

/// How many writes fail at a random moment.
const FAILURES: u64 = 60;

/// What the system says of a disk that cannot be written.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const EDQUOT: i32 = 122;

/// Long enough that a fault can be ordered between a rotation and its answer.
const SLOW: Fault = Fault::StallAfter(Duration::from_secs(1));

#[test]
fn two_hundred_runs_over_a_token_that_the_server_has_expired_refresh_once() {
    let (world, gitlab) = expired_at_the_server();
    let url = user(&gitlab);
    let run = |_| {
        let words = ["run", "--", "curl", "-sS", "--max-time", "100"];
        // A handshake that the crowd holds up for too long is cut off: that is not what is counted.
        let patient = ["--retry", "9", "--retry-all-errors", &url];
        let report = ["-o", "/dev/null", "-w", "%{http_code}"];
        spawn(&mut humble(
            world.authsome(words).args(patient).args(report),
        ))
    };
    let crowd: Vec<_> = (0..RUNS).map(run).collect();
    for process in crowd {
        let outcome = Outcome::of(process.wait_with_output().unwrap());
        assert_eq!(outcome.stdout, "200", "{}", outcome.stderr);
    }
    assert_eq!(gitlab.refreshes(), 1);
}

/// The same command, after all others of the machine: a crowd shall not starve the tests beside it.
fn humble(command: &Command) -> Command {
    let mut humble = Command::new("nice");
    humble.args(["-n", "19"]).arg(command.get_program());
    humble.args(command.get_args()).env_clear();
    let variables = command.get_envs();
    humble.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    humble
}

#[test]
fn who_was_refused_with_an_older_pair_goes_on_with_the_newer_one_and_waits_for_nobody() {
    let (world, gitlab) = expired_at_the_server();
    let home = Home::open(Some(world.home().into()), None).unwrap();
    // As a process has it that is stopped, or whose turn it is for another reason.
    let _held = home.lock("refresh-gitlab@default", Duration::ZERO).unwrap();
    let mut session = Session::start(&world);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| session.call(&gitlab));
        let refused = |seen: &[Seen]| seen.iter().any(|seen| seen.path.starts_with("/api/"));
        assert!(gitlab.wait_for(Duration::from_mins(1), refused));
        world.connect(&gitlab);
        assert_eq!(call.join().unwrap(), "200");
    });
    session.end(0);
    assert_eq!(gitlab.token_requests(), 0);
}

// ---------------------------------------------------------------------------------------------
// The vault cannot be written at the moment of the commit
// ---------------------------------------------------------------------------------------------

#[test]
fn a_refresh_while_another_process_writes_the_vault_keeps_its_pair() {
    let (world, gitlab) = expired();
    gitlab.fault(Endpoint::Token, SLOW, 1);
    let mut session = Session::start(&world);
    wait_for_refresh(&gitlab);
    let held = rusqlite::Connection::open(world.home().join("vault.db")).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(session.call(&gitlab), "200");
    // Another process has the new pair although the vault has not, and spends nothing.
    let export = world.call(["export", "gitlab"]).expect(0);
    let newest = gitlab.live_pairs().pop().unwrap();
    assert!(export.stdout.contains(&newest.access));
    session.end(0);
    assert_eq!(pair(&world), newest, "kept beyond the session's end");
    drop(held);
    expect_kept(&world, &gitlab, "a lock");
}

#[test]
fn a_refresh_on_a_disk_that_is_full_keeps_its_pair_beyond_the_session() {
    for errno in [ENOSPC, EDQUOT] {
        let (world, gitlab) = expired();
        let (faults, mut session) = Faults::in_session(&world, &gitlab);
        faults.order("grow", errno.into());
        assert_eq!(session.call(&gitlab), "200", "{errno}");
        session.end(0);
        expect_kept(&world, &gitlab, &format!("errno {errno}"));
    }
}

#[test]
fn a_pair_that_can_be_written_nowhere_serves_the_session_and_is_written_later() {
    for (what, errno) in [
        ("write", EIO),
        ("write", ENOSPC),
        ("write", EROFS),
        ("write", EDQUOT),
        ("fsync", EIO),
        ("fsync", ENOSPC),
    ] {
        let (world, gitlab) = expired();
        let (faults, mut session) = Faults::in_session(&world, &gitlab);
        faults.order(what, errno.into());
        assert_eq!(session.call(&gitlab), "200", "{what} {errno}");
        // Nobody else spends the old token meanwhile.
        let other = spawn(&mut world.authsome(["export", "gitlab"]));
        assert_eq!(session.call(&gitlab), "200", "{what} {errno}");
        faults.end();
        Outcome::of(other.wait_with_output().unwrap()).expect(0);
        session.end(0);
        expect_kept(&world, &gitlab, &format!("{what} {errno}"));
    }
}

#[test]
fn nothing_is_spent_where_there_is_no_room_for_what_would_come() {
    let (world, gitlab) = expired_at_the_server();
    let faults = Faults::new(&world);
    let mut session = Session::start_with(&world, |command| faults.prepare(command));
    session.tell("unset LD_PRELOAD");
    faults.order("grow", ENOSPC.into());
    let words = session.tell(&format!("curl -sS '{}'", user(&gitlab)));
    assert!(words.contains("No space left on device"), "{words}");
    assert_eq!(gitlab.token_requests(), 0);
    faults.end();
    until("room", || session.call(&gitlab) == "200");
    session.end(0);
    expect_kept(&world, &gitlab, "no room at first");
}

/// The vault has the server's pair, and it works in the next session.
fn expect_kept(world: &World, gitlab: &FakeGitLab, words: &str) {
    expect_durable(world, gitlab, words);
    assert_eq!(call(world, gitlab), "200", "{words}");
    assert_eq!(gitlab.refreshes(), 1, "{words}");
}

/// The vault has the server's pair, which was issued once.
fn expect_durable(world: &World, gitlab: &FakeGitLab, words: &str) {
    assert_eq!(status(world), "connected", "{words}");
    assert_eq!(gitlab.live_pairs(), [pair(world)], "{words}");
    assert_eq!(gitlab.refreshes(), 1, "{words}");
    let left = fs::read_dir(world.home().join("pending"));
    let left: Vec<_> = left.into_iter().flatten().collect();
    assert!(left.is_empty(), "{words}: {left:?}");
}

#[test]
fn a_login_that_cannot_be_stored_leaves_no_grant_behind() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (app, before) = world.connect(&gitlab);
    let browser = browser_script(&world.path(""), gitlab.ca_file());
    let doors = Doors {
        world: &world,
        gitlab: &gitlab,
        app: &app,
        browser: &browser,
    };
    let faults = Faults::new(&world);
    gitlab.fault(Endpoint::Token, SLOW, 1);
    let _port = port_7998();
    let mut login = doors.command(Door::Login);
    faults.prepare(&mut login);
    let login = spawn(&mut login);
    wait_for_refresh(&gitlab); // it is the same endpoint
    faults.order("write", ENOSPC.into());
    let outcome = Outcome::of(login.wait_with_output().unwrap()).expect(9);
    assert!(outcome.stderr.contains("revoked"), "{}", outcome.stderr);
    assert_eq!(gitlab.live_pairs(), std::slice::from_ref(&before));
    assert_eq!(pair(&world), before);
}

// ---------------------------------------------------------------------------------------------
// Stopped, without threads, with a wrong clock, with the provider away
// ---------------------------------------------------------------------------------------------

#[test]
fn a_process_that_is_stopped_while_the_answer_comes_reads_it_when_it_wakes() {
    let (world, gitlab) = expired();
    gitlab.fault(Endpoint::Token, SLOW, 1);
    let mut session = Session::start(&world);
    wait_for_refresh(&gitlab);
    kill(session.pid(), Signal::SIGSTOP).unwrap();
    std::thread::sleep(STOPPED); // the length is what is tested
    kill(session.pid(), Signal::SIGCONT).unwrap();
    assert_eq!(session.call(&gitlab), "200");
    session.end(0);
    expect_kept(&world, &gitlab, "stopped");
}

#[test]
fn the_end_waits_for_an_answer_and_says_so_until_the_user_gives_it_up() {
    let (world, gitlab) = expired();
    let late = Fault::StallAfter(Duration::from_hours(1));
    gitlab.fault(Endpoint::Token, late, 1);
    let mut run = world.authsome(["run", "--", "cat"]);
    let mut run = spawn(run.stdin(Stdio::piped()));
    wait_for_refresh(&gitlab);
    drop(run.stdin.take());
    let mut words = BufReader::new(run.stderr.take().unwrap()).lines();
    let said = words.find(|line| line.as_ref().unwrap().contains("waiting for a refresh"));
    assert!(said.is_some());
    // It is said just before Ctrl-C is listened to, so one may come too early.
    until("the end", || {
        kill(Pid::from_raw(run.id().cast_signed()), Signal::SIGINT).unwrap();
        run.try_wait().unwrap().is_some()
    });
    let rest: Vec<_> = words.map(Result::unwrap).collect();
    assert!(
        rest.iter().any(|line| line.contains("given up")),
        "{rest:?}"
    );
    assert_eq!(run.wait().unwrap().code(), Some(0));
}

#[test]
fn a_refresh_that_has_been_sent_needs_no_new_thread() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let base = without_names(&gitlab);
    world.connect_as("default", &gitlab, &base, 0);
    // Idle threads of a pool would have ended by then.
    let late = Fault::StallAfter(Duration::from_secs(11));
    let (faults, mut session) = Faults::in_session_with(&world, &gitlab, late);
    faults.order("thread", 0);
    assert_eq!(ask(&mut session, &base), "200");
    session.end(0);
    faults.end();
    expect_durable(&world, &gitlab, "no thread");
}

#[test]
fn without_a_thread_nothing_is_spent_and_the_session_goes_on() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let base = without_names(&gitlab);
    world.connect_as("default", &gitlab, &base, 3600);
    gitlab.expire_access_tokens();
    let faults = Faults::new(&world);
    let mut session = Session::start_with(&world, |command| faults.prepare(command));
    session.tell("unset LD_PRELOAD");
    faults.order("thread", 0);
    assert_eq!(ask(&mut session, &base), "401", "the provider's");
    assert_eq!(gitlab.token_requests(), 0);
    faults.end();
    assert_eq!(ask(&mut session, &base), "200");
    let outcome = session.end(0);
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    expect_durable(&world, &gitlab, "no thread at first");
}

/// The server by its address: to resolve a name may take a thread.
fn without_names(gitlab: &FakeGitLab) -> String {
    gitlab.base_url_at("127.0.0.1")
}

/// The status of one request there.
fn ask(session: &mut Session, base: &str) -> String {
    let curl = "curl -sS --max-time 50 -o /dev/null -w '%{http_code}'";
    session.tell(&format!("{curl} '{base}/api/v4/user'"))
}

#[test]
fn a_clock_that_was_wrong_for_a_while_leaves_no_pause_behind() {
    let (world, gitlab) = expired();
    let away = Fault::Status {
        code: 503,
        retry_after: Some(60),
    };
    gitlab.fault(Endpoint::Token, away, 1000);
    let faults = Faults::new(&world);
    let mut session = Session::start_with(&world, |command| faults.prepare(command));
    session.tell("unset LD_PRELOAD");
    assert_eq!(session.call(&gitlab), "503");
    faults.order("clock", 86_400);
    assert_eq!(session.call(&gitlab), "503");
    faults.end();
    gitlab.clear_faults();
    assert_eq!(session.call(&gitlab), "200");
    session.end(0);
    expect_kept(&world, &gitlab, "a wrong clock");
}

#[test]
fn a_pair_that_came_under_a_clock_of_tomorrow_is_renewed_when_the_clock_is_right() {
    let (world, gitlab) = expired();
    let faults = Faults::new(&world);
    faults.order("clock", 86_400);
    let mut export = world.authsome(["export", "gitlab"]);
    faults.prepare(&mut export);
    Outcome::of(export.output().unwrap()).expect(0);
    let now = Timestamp::now();
    assert!(world.stored("default").tokens.obtained_at > now);
    let mut session = Session::start(&world);
    until("a pair with the right time", || {
        world.stored("default").tokens.obtained_at <= Timestamp::now()
    });
    assert_eq!(session.call(&gitlab), "200");
    session.end(0);
    assert_eq!(gitlab.refreshes(), 2);
}

#[test]
fn a_provider_that_was_away_is_asked_again_as_soon_as_it_is_back() {
    let (world, gitlab) = expired();
    gitlab.refuse(true);
    let mut session = Session::start(&world);
    assert_eq!(session.call(&gitlab), "503");
    gitlab.refuse(false);
    let back = Instant::now();
    until("an answer", || session.call(&gitlab) == "200");
    let waited = back.elapsed();
    assert!(waited < NOTICED, "{waited:?}");
    session.end(0);
    expect_kept(&world, &gitlab, "away");
}

// ---------------------------------------------------------------------------------------------
// At any moment
// ---------------------------------------------------------------------------------------------

/// Each write of a refresh, and of a login, is the process's last: what has reached it is not lost.
#[test]
fn a_kill_behind_any_write_loses_nothing() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (app, _) = world.connect(&gitlab);
    let browser = browser_script(&world.path(""), gitlab.ca_file());
    let doors = Doors {
        world: &world,
        gitlab: &gitlab,
        app: &app,
        browser: &browser,
    };
    let faults = Faults::new(&world);
    let mut kills = 0;
    for door in [Door::Export, Door::Login] {
        for point in 1.. {
            age(&world, 0);
            let _port = matches!(door, Door::Login).then(port_7998);
            let mut command = doors.command(door);
            faults.prepare(&mut command);
            command.env("FAULTS_KILL_AFTER", point.to_string());
            let outcome = Outcome::of(command.output().unwrap());
            let words = format!("{door:?} after write {point}: {}", outcome.stderr);
            world.call(["list"]).expect(0);
            assert!(gitlab.live_pairs().contains(&pair(&world)), "{words}");
            if outcome.code == Some(0) {
                break;
            }
            assert_eq!(outcome.code, None, "{words}");
            kills += 1;
        }
    }
    println!("{kills} kills, each behind a write; the grant was alive each time");
    assert!(kills > 10, "{kills}");
}

#[test]
fn no_write_that_fails_at_any_moment_loses_a_grant() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (app, _) = world.connect(&gitlab);
    let browser = browser_script(&world.path(""), gitlab.ca_file());
    let doors = Doors {
        world: &world,
        gitlab: &gitlab,
        app: &app,
        browser: &browser,
    };
    let faults = Faults::new(&world);
    let lengths = Door::ALL.map(|door| doors.length(door));
    let mut dice = Dice(0x0fa1_1ed0_0d15);
    let (mut hit, mut failed) = (0, 0);
    for round in 0.. {
        if hit == FAILURES {
            break;
        }
        assert!(round < 10 * FAILURES, "too few writes came amid a fault");
        let door = Door::of(round);
        age(&world, 100 * (round % 2)); // expired, or due
        let what = ["write", "fsync", "grow"][(round % 3) as usize];
        let errno = [EIO, ENOSPC, EROFS, EDQUOT][(round / 3 % 4) as usize];
        let _port = matches!(door, Door::Login).then(port_7998);
        let mut command = doors.command(door);
        faults.prepare(&mut command);
        let process = spawn(&mut command);
        std::thread::sleep(dice.below(lengths[door as usize])); // the moment is what is tested
        faults.order(what, errno.into());
        std::thread::sleep(dice.below(lengths[door as usize]));
        faults.end();
        let outcome = Outcome::of(process.wait_with_output().unwrap());
        failed += u64::from(outcome.code != Some(0));
        hit += u64::from(faults.take_hits() > 0);
        let words = format!(
            "round {round}, {door:?}, {what} {errno}: {}",
            outcome.stderr
        );
        world.call(["list"]).expect(0);
        assert!(gitlab.live_pairs().contains(&pair(&world)), "{words}");
        assert!(!outcome.stderr.contains("panicked"), "{words}");
    }
    println!(
        "in {hit} commands writes failed ({failed} of them could not do their work), {} refreshes; the grant was alive each time",
        gitlab.refreshes()
    );
}

// ---------------------------------------------------------------------------------------------
// What fails on order
// ---------------------------------------------------------------------------------------------

/// Faults of the system for one home, through a library that is loaded into the binary.
struct Faults {
    library: &'static Path,
    home: PathBuf,
    order: PathBuf,
    hits: PathBuf,
}

impl Faults {
    fn new(world: &World) -> Self {
        Self {
            library: library(),
            home: world.home(),
            order: world.path("order"),
            hits: world.path("hits"),
        }
    }

    /// A session whose refresh has been carried out and not answered yet.
    fn in_session(world: &World, gitlab: &FakeGitLab) -> (Self, Session) {
        Self::in_session_with(world, gitlab, SLOW)
    }

    fn in_session_with(world: &World, gitlab: &FakeGitLab, slow: Fault) -> (Self, Session) {
        let faults = Self::new(world);
        gitlab.fault(Endpoint::Token, slow, 1);
        let mut session = Session::start_with(world, |command| faults.prepare(command));
        session.tell("unset LD_PRELOAD");
        wait_for_refresh(gitlab);
        (faults, session)
    }

    fn prepare(&self, command: &mut Command) {
        command.env("LD_PRELOAD", self.library);
        command.env("FAULTS_HOME", &self.home);
        command.env("FAULTS_ORDER", &self.order);
        command.env("FAULTS_HITS", &self.hits);
    }

    /// From now on that fails. Replaced whole: nobody reads half an order.
    fn order(&self, what: &str, number: i64) {
        let staging = self.order.with_extension("new");
        let mut writer = fs::File::create(&staging).unwrap();
        std::io::Write::write_all(&mut writer, format!("{what} {number}\n").as_bytes()).unwrap();
        fs::rename(staging, &self.order).unwrap();
    }

    /// How many calls have failed since this was asked last.
    fn take_hits(&self) -> u64 {
        let hits = fs::metadata(&self.hits).map_or(0, |found| found.len());
        let _ = fs::remove_file(&self.hits);
        hits
    }

    fn end(&self) {
        fs::remove_file(&self.order).unwrap();
    }
}

/// Compiled once for all tests of a run.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = LIBRARY.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("faults.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/durability/faults.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]);
        let built = compiler.arg(&path).arg(source).arg("-ldl").status();
        assert!(built.unwrap().success());
        (directory, path)
    });
    path
}
