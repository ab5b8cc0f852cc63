//! The helper that waits to become the command while the session is put together.

use std::fs;

use crate::kit::World;
use crate::kit::browser::script;
use crate::kit::run::{finish, run};

/// git as authsome asks it for its configuration: meanwhile the helper waits.
const GIT: &str = r#"#!/bin/sh
until [ -e "$SEEN" ]; do
    for child in $(cat /proc/$PPID/task/*/children); do
        if tr '\0' ' ' </proc/$child/cmdline | grep -q ' __exec '; then
            cat /proc/$child/environ >"$SEEN.new"
            echo "$child" >>"$SEEN.new"
            if [ "$KILL" ]; then
                kill -KILL "$child"
                until grep -q '^State:.Z' /proc/$child/status; do :; done
            fi
            mv "$SEEN.new" "$SEEN"
        fi
    done
done
"#;

#[test]
fn the_helper_that_waits_knows_no_secret_and_may_be_gone_when_it_is_needed() {
    for kill in ["", "yes"] {
        let world = World::new();
        let seen = world.path("seen");
        let git = script(&world, "git", GIT);
        let directory = git.parent().unwrap().display();
        let path = format!("{directory}:{}", std::env::var("PATH").unwrap());
        let mut command = run(
            &world,
            &["--quiet"],
            &["sh", "-c", "echo $$ \"$KILL\"; exit 7"],
        );
        command
            .env("PATH", path)
            .env("SEEN", &seen)
            .env("KILL", kill);
        let outcome = finish(command).expect(7);
        let seen = fs::read_to_string(seen).unwrap();
        let helper = seen.trim_end();
        let is_a_number = helper.bytes().all(|byte| byte.is_ascii_digit());
        assert!(is_a_number, "it has no variables: {seen}");
        let is_it = outcome.stdout == format!("{helper} {kill}\n");
        assert_eq!(is_it, kill.is_empty(), "{helper} {}", outcome.stdout);
        assert!(outcome.stdout.ends_with(&format!(" {kill}\n")));
    }
}

#[test]
fn a_command_that_is_longer_than_what_can_be_told_is_started_all_the_same() {
    let world = World::new();
    let long = "x".repeat(60_000);
    let script = "echo ${#1} ${#2} ${#3}";
    let words = ["sh", "-c", script, "sh", &long, &long, &long];
    let outcome = finish(run(&world, &["--quiet"], &words)).expect(0);
    assert_eq!(outcome.stdout, "60000 60000 60000\n");
}
