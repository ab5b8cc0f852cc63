//! `authsome run` as the first process of a PID namespace, as in a container without an init.

use std::process::Command;

use authsome_test_support::{Endpoint, Fault};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::kit::refresh::{pair, user, wait_for_refresh};
use crate::kit::run::{Running, behind, finish, run};
use crate::kit::{Setup, World, until};

/// `authsome run` with that script, as process 1.
fn first(world: &World, script: &str) -> Command {
    let namespace = ["unshare", "-r", "--pid", "--fork", "--mount-proc"];
    behind(&namespace, &run(world, &["--quiet"], &["sh", "-c", script]))
}

/// The process 1 of that `unshare`, as it is numbered outside.
fn init_of(running: &Running) -> Pid {
    let pid = running.child.id();
    let path = format!("/proc/{pid}/task/{pid}/children");
    let mut init = None;
    until("the first process", || {
        let children = std::fs::read_to_string(&path).unwrap_or_default();
        init = children
            .split_whitespace()
            .next()
            .and_then(|child| child.parse().ok());
        init.is_some()
    });
    Pid::from_raw(init.unwrap())
}

#[test]
fn it_serves_its_command_and_has_its_code() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let script = format!(
        "echo $PPID; curl -sS --fail-with-body {}; exit 7",
        user(&gitlab)
    );
    let told = finish(first(&world, &script)).expect(7);
    assert!(
        told.stdout.starts_with("1\n") && told.stdout.contains("\"ada\""),
        "{told:?}"
    );
    finish(first(&world, "kill -9 $$")).expect(137);
}

#[test]
fn it_reaps_orphans_that_it_never_started() {
    let world = World::new();
    // Twenty orphans, which end at once; then none may be left as a zombie.
    let script = r#"
        for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do (sleep 0.05 &); done
        for try in $(seq 500); do
            left=$(cat /proc/[0-9]*/stat 2>/dev/null | grep -c '(sleep)')
            [ "$left" = 0 ] && exit 0
            sleep 0.02
        done
        cat /proc/[0-9]*/stat; exit 1"#;
    finish(first(&world, script)).expect(0);
}

#[test]
fn it_hands_on_the_signals_of_whoever_stops_the_container() {
    let world = World::new();
    let script = r#"for s in HUP INT QUIT TERM USR1 USR2; do trap "echo $s" $s; done; trap 'echo TERM; exit 9' TERM
        echo ready; while :; do sleep 0.01; done"#;
    let mut running = Running::start(first(&world, script));
    assert_eq!(running.line().unwrap(), "ready");
    let init = init_of(&running);
    for (signal, name) in [
        (Signal::SIGHUP, "HUP"),
        (Signal::SIGINT, "INT"),
        (Signal::SIGQUIT, "QUIT"),
        (Signal::SIGUSR1, "USR1"),
        (Signal::SIGUSR2, "USR2"),
        (Signal::SIGTERM, "TERM"),
    ] {
        kill(init, signal).unwrap();
        assert_eq!(running.line().unwrap(), name);
    }
    assert_eq!(running.end().code(), Some(9));
}

#[test]
fn a_stop_of_the_container_during_a_refresh_loses_nothing() {
    let (world, gitlab) = Setup::unconnected();
    let (_, before) = world.connect_as("default", &gitlab, &gitlab.base_url(), 100);
    let slow = Fault::StallAfter(std::time::Duration::from_secs(2));
    gitlab.fault(Endpoint::Token, slow, 1);
    let mut running = Running::start(first(&world, "echo ready; exec sleep 300"));
    assert_eq!(running.line().unwrap(), "ready");
    wait_for_refresh(&gitlab);
    kill(init_of(&running), Signal::SIGTERM).unwrap();
    assert_eq!(running.end().code(), Some(128 + 15));
    assert_ne!(pair(&world), before);
    assert_eq!(gitlab.live_pairs(), [pair(&world)]);
}
