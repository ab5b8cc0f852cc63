//! A pair that is not handed back when the run ends: it is said and kept, and the next run tries.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use authsome_test_support::{Endpoint, Fault};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

use super::export::{KEY, keyed};
use super::job::{Job, Story};
use crate::kit::refresh::{count_events, user, wait_for_refresh};
use crate::kit::until;

/// Less than the two attempts of 30 s each that would be waited for.
const SOON: Duration = Duration::from_secs(50);

#[test]
fn a_command_that_has_failed_gets_the_pair_at_the_next_run() {
    let story = Story::begin_fresh();
    let job = Job::new();
    job.import(&story.file).expect(0);
    let saved = story.path("saved.age");
    let target = format!("cmd:cat > '{}'", saved.display());
    // The export has the pair: nothing is to be done.
    job.run_with(&target, &["true"]).expect(0);
    assert!(!saved.exists());
    job.age();
    story.expire();
    job.curl_with(&story, "cmd:exit 3").expect(125);
    let names = fs::read_to_string(job.not_handed_back()).unwrap();
    assert_eq!(names, "gitlab/default\n");
    job.run_with(&target, &["true"]).expect(0);
    assert!(!job.not_handed_back().exists());
    let next = Job::new();
    next.import(&saved).expect(0);
    assert_eq!(next.pair(), job.pair());
    // Not again; but another command has not got it.
    fs::remove_file(&saved).unwrap();
    job.run_with(&target, &["true"]).expect(0);
    assert!(!saved.exists());
    job.run_with(&format!("{target} # 2"), &["true"]).expect(0);
    assert!(saved.exists());
    // What was renewed without --on-rotate is handed back as well.
    fs::remove_file(&saved).unwrap();
    story.expire();
    let url = user(&story.gitlab);
    let run = ["run", "--", "curl", "-sS", &url];
    assert!(keyed(&job.world, KEY, &run).status().unwrap().success());
    job.run_with(&target, &["true"]).expect(0);
    next.import(&saved).expect(0);
    assert_eq!(next.pair(), job.pair());
}

#[test]
fn the_home_says_from_before_the_request_that_a_pair_may_be_only_there() {
    let story = Story::begin();
    let job = Job::new();
    job.import(&story.file).expect(0);
    let slow = Fault::StallAfter(Duration::from_secs(1));
    story.gitlab.fault(Endpoint::Token, slow, 1);
    story.gitlab.clear_seen();
    let mut run = started(&job, &story.target(), "cat");
    wait_for_refresh(&story.gitlab);
    assert!(job.not_handed_back().exists());
    drop(run.stdin.take());
    assert!(run.wait().unwrap().success());
    assert!(!job.not_handed_back().exists());
    // No pair has come: there is nothing to be kept.
    story.expire();
    job.age();
    story.gitlab.revoke_all();
    job.curl_with(&story, &story.target()).expect(0);
    assert!(!job.not_handed_back().exists());
}

/// A run whose command is that one, and reads its standard input.
fn started(job: &Job, target: &str, command: &str) -> Child {
    let words = ["run", "--on-rotate", target, "--", "sh", "-c", command];
    let mut run = keyed(&job.world, KEY, &words);
    let run = run.stdin(Stdio::piped()).stderr(Stdio::piped());
    run.stdout(Stdio::null()).spawn().unwrap()
}

/// Waits until it says that it waits, and sends it Ctrl-C; what it said in all.
fn given_up(run: &mut Child) -> String {
    let mut stderr = BufReader::new(run.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("Ctrl-C") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
    }
    let pid = Pid::from_raw(run.id().cast_signed());
    kill(pid, Signal::SIGINT).unwrap();
    while stderr.read_line(&mut said).unwrap() > 0 {}
    said
}

#[test]
fn the_wait_for_the_last_attempt_can_be_given_up() {
    let story = Story::begin();
    let job = Job::new();
    job.import(&story.file).expect(0);
    let pid = story.path("pid");
    let target = format!("cmd:sleep 1000 & echo $! > '{}'; wait", pid.display());
    let command = format!("curl -sS '{}'", user(&story.gitlab));
    let mut run = started(&job, &target, &command);
    let begun = Instant::now();
    let said = given_up(&mut run);
    assert_eq!(run.wait().unwrap().code(), Some(125));
    assert!(begun.elapsed() < SOON);
    assert!(
        said.contains("was not handed back (it was given up)"),
        "{said}"
    );
    assert!(job.not_handed_back().exists());
    let pid = fs::read_to_string(pid).unwrap();
    let process = format!("/proc/{}", pid.trim());
    until("what the command has started is gone", || {
        !fs::exists(&process).unwrap()
    });
}

#[test]
fn a_refresh_that_is_given_up_is_not_handed_back() {
    let story = Story::begin();
    let job = Job::new();
    job.import(&story.file).expect(0);
    let slow = Fault::StallAfter(Duration::from_mins(5));
    story.gitlab.fault(Endpoint::Token, slow, 1);
    story.gitlab.clear_seen();
    let mut run = started(&job, &story.target(), "cat");
    wait_for_refresh(&story.gitlab);
    drop(run.stdin.take());
    let said = given_up(&mut run);
    assert_eq!(run.wait().unwrap().code(), Some(125), "{said}");
    assert!(said.contains("was given up"), "{said}");
}

#[test]
fn a_pipe_in_place_of_the_file_or_of_its_lock_holds_nobody_up() {
    for name in ["shared.age", "shared.age.lock"] {
        let story = Story::begin();
        let job = Job::new();
        job.import(&story.file).expect(0);
        let pipe = story.path(name);
        let _ = fs::remove_file(&pipe);
        mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let begun = Instant::now();
        let outcome = job.run(&story, &["true"]).expect(125);
        assert!(begun.elapsed() < SOON);
        assert!(
            outcome.stderr.contains("was not handed back"),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn a_lock_that_is_a_link_is_refused() {
    let story = Story::begin();
    let job = Job::new();
    job.import(&story.file).expect(0);
    let elsewhere = story.path("elsewhere");
    std::os::unix::fs::symlink(&elsewhere, story.path("shared.age.lock")).unwrap();
    job.run(&story, &["true"]).expect(125);
    assert!(!elsewhere.exists());
}

#[test]
fn a_command_gets_all_connections_of_the_session_each_time() {
    let story = Story::begin();
    let job = Job::new();
    job.import(&story.file).expect(0);
    job.connect(&story, "work");
    let saved = story.path("saved.age");
    let target = format!("cmd:cat > '{}'", saved.display());
    let url = user(&story.gitlab);
    // Both are at one place, so none is used of itself; both are due.
    let wait = format!(
        "until curl -sS '{url}' >/dev/null && [ -s '{}' ]; do :; done",
        saved.display()
    );
    let mut run = started(&job, &target, &format!("{wait}; cat"));
    until("both are renewed", || story.gitlab.refreshes() == 2);
    drop(run.stdin.take());
    run.wait_with_output().unwrap();
    let all = job.opened(&saved);
    let names: Vec<_> = all.iter().map(|one| one.id().to_string()).collect();
    assert_eq!(names, ["gitlab/default", "gitlab/work"]);
    let mut live = story.gitlab.live_pairs();
    live.sort_by(|one, other| one.access.cmp(&other.access));
    let mut saved: Vec<_> = all
        .iter()
        .map(|one| one.connection.tokens.access.expose().clone())
        .collect();
    saved.sort();
    assert_eq!(
        live.iter()
            .map(|pair| pair.access.clone())
            .collect::<Vec<_>>(),
        saved
    );
}

#[test]
fn two_jobs_of_a_provider_that_keeps_its_refresh_token_do_not_disturb_each_other() {
    let story = Story::begin();
    let (one, other) = (Job::new(), Job::new());
    for job in [&one, &other] {
        job.import(&story.file).expect(0);
    }
    story
        .gitlab
        .fault(Endpoint::Token, Fault::NoRefreshToken, 2);
    // The second one has begun before the first has handed its pair back.
    let lock = fs::File::create(story.path("shared.age.lock")).unwrap();
    lock.lock().unwrap();
    story.gitlab.clear_seen();
    let mut runs = Vec::new();
    for job in [&one, &other] {
        let before = job.pair();
        runs.push(started(job, &story.target(), "cat"));
        until("it is renewed", || job.pair() != before);
    }
    drop(lock);
    for mut run in runs {
        drop(run.stdin.take());
        let output = run.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
    }
    assert_eq!(count_events(&other.world, "hand_back_failed"), 0);
}

#[test]
fn a_link_to_the_file_stays_and_the_file_gets_the_pair() {
    let story = Story::begin();
    let job = Job::new();
    job.import(&story.file).expect(0);
    let link = story.path("link.age");
    std::os::unix::fs::symlink(&story.file, &link).unwrap();
    let target = format!("file:{}", link.display());
    assert_eq!(job.call_with(&story, &target), "200");
    assert!(link.is_symlink());
    let next = Job::new();
    next.import(&story.file).expect(0);
    assert_eq!(next.pair(), job.pair());
}
