//! The child's files are the very ones that authsome was given, and none of ours.

use std::fs;
use std::path::Path;

use crate::kit::World;
use crate::kit::run::{after, as_nobody_special, behind, finish, run, same_as_without_us};

#[test]
fn stdin_stdout_and_stderr_are_the_very_files_that_authsome_was_given() {
    let world = World::new();
    let input = world.file("input", "");
    let (output, errors) = (world.file("output", ""), world.file("errors", ""));
    let script = "readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2";
    let mut command = run(&world, &["--quiet"], &["sh", "-c", script]);
    command.stdin(fs::File::open(&input).unwrap());
    let write = |path: &Path| fs::OpenOptions::new().append(true).open(path).unwrap();
    command.stdout(write(&output)).stderr(write(&errors));
    assert_eq!(command.status().unwrap().code(), Some(0));
    let expected = [&input, &output, &errors]
        .map(|path| format!("{}\n", path.canonicalize().unwrap().display()));
    assert_eq!(fs::read_to_string(&output).unwrap(), expected.concat());
    assert_eq!(fs::read_to_string(&errors).unwrap(), "");
}

#[test]
fn no_descriptor_of_ours_reaches_the_child_and_none_of_the_parents_is_lost() {
    same_as_without_us(&|command| after(":", command), &["ls", "/proc/self/fd"]);
    same_as_without_us(
        &|command| after("exec 7</dev/null 8>/dev/null", command),
        &["ls", "/proc/self/fd"],
    );
}

#[test]
fn closed_standard_streams_do_no_harm() {
    let world = World::new();
    finish(after(
        "exec <&- >&- 2>&-",
        &run(&world, &[], &["sh", "-c", "exit 6"]),
    ))
    .expect(6);
}

#[test]
fn a_reader_that_goes_away_ends_the_child_as_without_us() {
    let world = World::new();
    let pipeline = "\"$@\" sh -c 'yes; exit $?' | head -n 1 >/dev/null; echo \"${PIPESTATUS[0]}\"";
    let command = run(&world, &["--quiet"], &[]);
    let outcome = finish(behind(&["bash", "-c", pipeline, "bash"], &command)).expect(0);
    assert_eq!(outcome.stdout, "141\n");
}

#[test]
fn the_child_cannot_read_our_memory_or_environment() {
    let world = World::new();
    // The master key of a CI job is in our environment, and the tokens are in our memory. The
    // shell's own is readable.
    let script = "cat /proc/self/environ >/dev/null || exit 9; cat /proc/$PPID/environ; head -c1 /proc/$PPID/mem; exit 0";
    let outcome = finish(as_nobody_special(&world, &["sh", "-c", script])).expect(0);
    assert_eq!(outcome.stdout, "");
    assert_eq!(
        outcome.stderr.matches("Permission denied").count(),
        2,
        "{}",
        outcome.stderr
    );
}
