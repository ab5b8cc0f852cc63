//! `authsome run --on-rotate`: a new pair goes to where the next job finds it.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use authsome_test_support::{Endpoint, Fault};

use super::export::{KEY, keyed};
use super::job::{Job, Story, write};
use crate::kit::refresh::wait_for_refresh;
use crate::kit::until;

#[test]
fn a_job_refreshes_and_hands_back_and_the_next_goes_on() {
    let story = Story::begin();
    let first = Job::new();
    first.import(&story.file).expect(0);
    let before = first.pair();
    assert_eq!(first.call(&story), "200");
    let after = first.pair();
    assert_ne!(before, after, "the token had expired");
    let second = Job::new();
    second.import(&story.file).expect(0);
    assert_eq!(second.pair(), after);
    story.expire();
    assert_eq!(second.call(&story), "200");
    let third = Job::new();
    third.import(&story.file).expect(0);
    assert_eq!(third.pair(), second.pair());
    assert_eq!(story.gitlab.live_pairs(), [third.pair()]);
}

#[test]
fn a_pair_that_comes_after_the_command_has_ended_is_handed_back() {
    let story = Story::begin();
    for target in [
        story.target(),
        format!("cmd:cat > '{}'", story.file.display()),
    ] {
        story.expire();
        let job = Job::new();
        job.import(&story.file).expect(0);
        job.age();
        let before = story.gitlab.refreshes();
        story.gitlab.clear_seen();
        let slow = Fault::StallAfter(Duration::from_secs(1));
        story.gitlab.fault(Endpoint::Token, slow, 1);
        let words = ["run", "--on-rotate", &target, "--", "cat"];
        let mut run = keyed(&job.world, KEY, &words);
        let mut run = run.stdin(Stdio::piped()).spawn().unwrap();
        wait_for_refresh(&story.gitlab);
        drop(run.stdin.take()); // this ends the command
        assert!(run.wait().unwrap().success());
        assert_eq!(story.gitlab.refreshes(), before + 1);
        let next = Job::new();
        next.import(&story.file).expect(0);
        assert_eq!(story.gitlab.live_pairs(), [next.pair()], "{target}");
    }
}

#[test]
fn a_stale_job_takes_over_what_another_has_renewed() {
    let story = Story::begin();
    let (winner, loser) = (Job::new(), Job::new());
    for job in [&winner, &loser] {
        job.import(&story.file).expect(0);
    }
    assert_eq!(winner.call(&story), "200");
    let outcome = loser.curl_with(&story, &story.target());
    let outcome = outcome.expect(0);
    assert!(
        outcome
            .stderr
            .contains("another job has renewed gitlab/default"),
        "{}",
        outcome.stderr
    );
    assert_eq!(loser.pair(), winner.pair());
    // Only the winner's refresh was made: no token was spent twice.
    assert_eq!(story.gitlab.refreshes(), 1);
}

#[test]
fn a_job_that_was_killed_before_it_handed_back_does_so_at_its_next_start() {
    let story = Story::begin();
    let job = Job::new();
    job.import(&story.file).expect(0);
    job.refresh_and_die(&story);
    let renewed = job.pair();
    let fresh = Job::new();
    fresh.import(&story.file).expect(0);
    assert_ne!(fresh.pair(), renewed, "it was not handed back");
    job.run(&story, &["true"]).expect(0);
    let next = Job::new();
    next.import(&story.file).expect(0);
    assert_eq!(next.pair(), renewed);
}

#[test]
fn an_older_job_does_not_overwrite_a_newer_pair() {
    let story = Story::begin();
    let (first, second) = (Job::new(), Job::new());
    first.import(&story.file).expect(0);
    first.refresh_and_die(&story);
    // Its pair reaches the second job by hand, which renews it and hands that back.
    first.export_to(&story.file);
    second.import(&story.file).expect(0);
    story.expire();
    assert_eq!(second.call(&story), "200");
    let newest = second.pair();
    // The first one, with the older pair, tries to hand its own back.
    first.run(&story, &["true"]).expect(0);
    let third = Job::new();
    third.import(&story.file).expect(0);
    assert_eq!(third.pair(), newest);
    assert_eq!(first.pair(), newest, "it has taken it over");
}

#[test]
fn a_file_that_is_not_ours_is_not_overwritten_and_the_run_ends_with_125() {
    let story = Story::begin();
    let job = Job::new();
    job.import(&story.file).expect(0);
    fs::remove_file(&story.file).unwrap();
    write(&story.file, "something else");
    let outcome = job.run(&story, &["true"]).expect(125);
    assert!(
        outcome.stderr.contains("was not handed back"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fs::read_to_string(&story.file).unwrap(), "something else");
    // The command's own failure counts more.
    job.run(&story, &["false"]).expect(1);
}

#[test]
fn a_command_gets_the_sealed_export_and_its_failure_is_told() {
    let story = Story::begin();
    let job = Job::new();
    job.import(&story.file).expect(0);
    let saved = story.path("saved.age");
    let target = format!("cmd:cat > '{}'", saved.display());
    assert_eq!(job.call_with(&story, &target), "200");
    let next = Job::new();
    next.import(&saved).expect(0);
    assert_eq!(next.pair(), job.pair());
    // It fails once, and is tried again at the end.
    story.expire();
    let (count, once) = (story.path("count"), story.path("once.age"));
    let target = format!(
        "cmd:echo x >> '{0}'; [ $(wc -l < '{0}') -gt 1 ] && cat > '{1}'",
        count.display(),
        once.display()
    );
    assert_eq!(job.call_with(&story, &target), "200");
    assert_eq!(fs::read_to_string(&count).unwrap(), "x\nx\n");
    let next = Job::new();
    next.import(&once).expect(0);
    assert_eq!(next.pair(), job.pair());
    // It always fails.
    story.expire();
    let outcome = job.curl_with(&story, "cmd:exit 3").expect(125);
    assert!(
        outcome.stderr.contains("exit status: 3"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("authsome vault export"),
        "{}",
        outcome.stderr
    );
    // Twice here, and once above.
    let failures = crate::kit::refresh::count_events(&job.world, "hand_back_failed");
    assert!(failures >= 3, "{failures}");
}

#[test]
fn a_command_that_hangs_is_killed() {
    let story = Story::begin();
    let job = Job::new();
    job.import(&story.file).expect(0);
    job.world
        .file("home/config.toml", "[timeouts]\non_rotate_seconds = 1\n");
    let started = Instant::now();
    let pid = story.path("pid");
    let target = format!("cmd:sleep 1000 & echo $! > '{}'; wait", pid.display());
    let outcome = job.curl_with(&story, &target).expect(125);
    assert!(
        outcome.stderr.contains("had not ended after 1 s"),
        "{}",
        outcome.stderr
    );
    assert!(started.elapsed() < Duration::from_secs(20));
    let pid = fs::read_to_string(pid).unwrap();
    until("what the command has started is gone", || {
        !Path::new(&format!("/proc/{}", pid.trim())).exists()
    });
}

#[test]
fn a_lock_that_another_job_keeps_is_waited_for_in_vain_and_said() {
    let story = Story::begin();
    let job = Job::new();
    job.import(&story.file).expect(0);
    job.world
        .file("home/config.toml", "[timeouts]\non_rotate_seconds = 1\n");
    let lock = File::create(story.path("shared.age.lock")).unwrap();
    lock.lock().unwrap();
    let outcome = job.run(&story, &["true"]).expect(125);
    assert!(
        outcome.stderr.contains("another job has held the lock"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_target_that_is_none_is_said_before_the_command_starts() {
    let story = Story::begin();
    let job = Job::new();
    job.import(&story.file).expect(0);
    let ran = story.path("ran");
    for target in [
        "./save.sh",
        "path:/x",
        "file:",
        "gitlab-variable:KEY",
        "cmd:",
    ] {
        let touch = ["touch", ran.to_str().unwrap()];
        let outcome = job.run_with(target, &touch).expect(125);
        assert!(
            outcome.stderr.contains("hint: "),
            "{target}: {}",
            outcome.stderr
        );
    }
    assert!(!ran.exists());
}
