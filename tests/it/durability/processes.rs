//! Many runs at one grant, stopped processes, and no thread to be had.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use authsome::os::home::Home;
use authsome_test_support::{Endpoint, FakeGitLab, Fault, Seen};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::kit::faults::{Faults, SLOW, expect_durable, expect_kept};
use crate::kit::refresh::{expired, expired_at_the_server, user, wait_for_refresh};
use crate::kit::session::{Session, spawn};
use crate::kit::{Outcome, Setup, until};

/// Runs that meet the same dead token.
const RUNS: usize = 200;

/// Beyond the time that an exchange with the authorization server may take.
const STOPPED: Duration = Duration::from_secs(32);

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

#[test]
fn a_process_that_is_stopped_while_the_response_comes_reads_it_when_it_wakes() {
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
fn the_end_waits_for_a_response_and_says_so_until_the_user_gives_it_up() {
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
    let (world, gitlab) = Setup::unconnected();
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
    let (world, gitlab) = Setup::unconnected();
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

/// The same command, after all others of the machine: a crowd shall not starve the tests beside it.
fn humble(command: &Command) -> Command {
    let mut humble = Command::new("nice");
    humble.args(["-n", "19"]).arg(command.get_program());
    humble.args(command.get_args()).env_clear();
    let variables = command.get_envs();
    humble.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    humble
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
