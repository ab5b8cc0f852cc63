//! SIGTERM while a refresh is under way: the new pair is in the vault, and nothing is left running.

use std::time::{Duration, Instant};

use authsome_test_support::{Endpoint, FakeGitLab, Fault, Pair};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::attended::Proxy;
use crate::kit::refresh::{call, pair, wait_for_refresh};
use crate::kit::run::{Running, run};
use crate::kit::{Setup, World};

/// A connection that is due, at a server that takes its time.
fn due() -> (World, FakeGitLab, Pair) {
    let (world, gitlab) = Setup::unconnected();
    let (_, before) = world.connect_as("default", &gitlab, &gitlab.base_url(), 100);
    let slow = Fault::StallAfter(Duration::from_secs(3));
    gitlab.fault(Endpoint::Token, slow, 1);
    (world, gitlab, before)
}

#[track_caller]
fn is_whole(world: &World, gitlab: &FakeGitLab, before: &Pair) {
    let after = pair(world);
    assert_ne!(&after, before);
    assert_eq!(gitlab.live_pairs(), [after]);
    assert_eq!(call(world, gitlab), "200");
    assert_eq!(gitlab.refreshes(), 1);
    let left = std::fs::read_dir(world.home().join("sessions")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn run_keeps_the_pair_and_leaves_no_child() {
    let (world, gitlab, before) = due();
    let script = "echo $$; trap 'exit 3' TERM; while :; do sleep 0.01; done";
    let mut running = Running::start(run(&world, &[], &["sh", "-c", script]));
    let child = Pid::from_raw(running.line().unwrap().parse().unwrap());
    wait_for_refresh(&gitlab);
    let began = Instant::now();
    running.signal(Signal::SIGTERM);
    running.signal(Signal::SIGTERM); // a second one does not cut it short
    assert_eq!(running.end().code(), Some(3));
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(kill(child, None), Err(Errno::ESRCH));
    is_whole(&world, &gitlab, &before);
}

#[test]
fn proxy_keeps_the_pair() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let (world, gitlab, before) = due();
        let file = world.path("agent.env");
        let proxy = Proxy::start(&world, &["--env-file", &file.display().to_string()]);
        let directory = proxy.text("directory");
        wait_for_refresh(&gitlab);
        proxy.signal(signal);
        proxy.signal(signal);
        proxy.wait().expect(0);
        assert!(!file.exists() && !std::path::Path::new(&directory).exists());
        is_whole(&world, &gitlab, &before);
    }
}
