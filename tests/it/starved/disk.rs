//! Room for the log and for what is printed.

use std::fs;

use crate::kit::run::{behind, finish, like, run};
use crate::kit::{Outcome, Setup, World};

#[test]
fn what_cannot_be_printed_is_a_failure() {
    let world = World::new();
    for words in [
        vec!["--version"],
        vec!["--help"],
        vec!["run", "--help"],
        vec!["completions", "bash"],
        vec!["list"],
    ] {
        let mut command = world.authsome(&words);
        command.stdout(
            fs::OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .unwrap(),
        );
        let outcome = Outcome::of(command.output().unwrap());
        assert_eq!(outcome.code, Some(1), "{words:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains("could not be written"),
            "{words:?}: {}",
            outcome.stderr
        );
        world.call(&words).expect(0);
    }
}

#[test]
fn the_log_is_put_aside_within_a_run() {
    const MAX_LENGTH: u64 = 64 * 1024 * 1024;
    let Setup { world, gitlab, .. } = Setup::connected();
    let log = world.home().join("audit.log");
    fs::File::create(&log)
        .unwrap()
        .set_len(MAX_LENGTH - 10)
        .unwrap();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    world
        .run(["curl", "-sS", "--fail-with-body", &url])
        .expect(0);
    let length = |name: &str| fs::metadata(world.home().join(name)).unwrap().len();
    assert_eq!(length("audit.log.1"), MAX_LENGTH - 10);
    assert!((1..4096).contains(&length("audit.log")));
}

#[test]
fn a_pipe_in_the_place_of_the_log_holds_nothing_up() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let log = world.home().join("audit.log").display().to_string();
    finish(like(&run(&world, &[], &[]), ["mkfifo", &log])).expect(0);
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let command = run(&world, &[], &["curl", "-sS", "--fail-with-body", &url]);
    let outcome = finish(behind(&["timeout", "-k1", "30"], &command)).expect(0);
    assert!(
        outcome.stderr.contains("audit.log is not complete"),
        "{}",
        outcome.stderr
    );
    let command = world.authsome(["log"]);
    finish(behind(&["timeout", "-k1", "30"], &command)).expect(1);
}

#[test]
fn a_full_disk_and_a_read_only_home_are_told_in_words() {
    let world = World::new();
    let home = world.home();
    fs::create_dir(&home).unwrap();
    let home = home.display().to_string();
    for (spoil, said) in [
        (
            format!("head -c 700000 /dev/zero >'{home}/fill' 2>&-"),
            "no space left",
        ),
        (
            format!("mount --options-mode ignore -o remount,ro '{home}'"),
            "cannot be written",
        ),
    ] {
        for (words, code) in [(vec!["run", "--", "true"], 125), (vec!["list"], 9)] {
            let script = format!(
                "mount -t tmpfs -o size=400k,mode=700 none '{home}' && \"$0\" list >&2 && {spoil}; exec \"$@\""
            );
            let command = world.authsome(&words);
            let program = command.get_program().to_str().unwrap();
            let wrapper = ["unshare", "-rm", "sh", "-c", &script, program];
            let outcome = finish(behind(&wrapper, &command)).expect(code);
            assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
            assert!(!outcome.stderr.contains("Error code"), "{}", outcome.stderr);
        }
    }
}
