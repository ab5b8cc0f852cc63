//! The session's directory is private, and gone at the end.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::kit::run::{
    Running, SHOWS_BUNDLE, behind, environment, finish, like, names, private_directory, run,
};
use crate::kit::{Outcome, World};

#[test]
fn the_run_directory_is_private_and_gone_at_the_end() {
    let world = World::new();
    let runtime = private_directory(&world, "runtime");
    let mut command = run(&world, &[], &SHOWS_BUNDLE);
    command.env("XDG_RUNTIME_DIR", &runtime);
    let mut running = Running::start(command);
    let bundle = PathBuf::from(running.line().unwrap());
    let directory = bundle.parent().unwrap();
    assert_eq!(directory.parent().unwrap(), runtime);
    assert_eq!(fs::metadata(directory).unwrap().mode() & 0o7777, 0o700);
    let files = names(directory);
    assert!(files.len() >= 2, "{files:?}");
    for name in files {
        let path = directory.join(&name);
        let found = fs::metadata(&path).unwrap();
        let expected = if found.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(found.mode() & 0o7777, expected, "{}", name.display());
        if found.is_dir() {
            continue; // tests/it/environment/secrets.rs looks into those
        }
        let content = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(!content.contains("PRIVATE KEY"), "{}", name.display());
    }
    running.release();
    assert_eq!(running.end().code(), Some(0));
    assert_eq!(names(&runtime), [""; 0]);
}

#[test]
fn no_run_directory_remains_however_the_child_ends() {
    let world = World::new();
    let runtime = private_directory(&world, "runtime");
    let litter = "touch \"$(dirname \"$SSL_CERT_FILE\")/litter\"; exit 1";
    for (words, code) in [
        (&["no-such-command-anywhere"][..], 127),
        (&["/"], 126),
        (&["sh", "-c", "kill -9 $$"], 137),
        (&["sh", "-c", litter], 1),
    ] {
        let mut command = run(&world, &[], words);
        command.env("XDG_RUNTIME_DIR", &runtime);
        finish(command).expect(code);
        assert_eq!(names(&runtime), [""; 0], "{words:?}");
    }
}

#[test]
fn a_run_leaves_the_directory_of_a_living_one_alone() {
    let world = World::new();
    let runtime = private_directory(&world, "runtime");
    let with_runtime = |words: &[&str]| {
        let mut command = run(&world, &[], words);
        command.env("XDG_RUNTIME_DIR", &runtime);
        command
    };
    let mut living = Running::start(with_runtime(&SHOWS_BUNDLE));
    let bundle = PathBuf::from(living.line().unwrap());
    finish(with_runtime(&["true"])).expect(0);
    assert!(bundle.exists());
    living.release();
    assert_eq!(living.end().code(), Some(0));
}

#[test]
fn runs_that_start_together_do_not_take_each_others_directories() {
    let world = World::new();
    let runtime = private_directory(&world, "runtime");
    world.run(["true"]).expect(0);
    let start = || {
        let mut command = run(
            &world,
            &["--quiet"],
            &["sh", "-c", "test -s \"$SSL_CERT_FILE\""],
        );
        command
            .env("XDG_RUNTIME_DIR", &runtime)
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    for _ in 0..4 {
        let running: Vec<_> = (0..12).map(|_| start()).collect();
        for child in running {
            Outcome::of(child.wait_with_output().unwrap()).expect(0);
        }
    }
    assert_eq!(names(&runtime), [""; 0]);
}

#[test]
fn a_fifo_in_the_place_of_a_lock_does_not_hold_a_run_up() {
    let world = World::new();
    let runtime = private_directory(&world, "runtime");
    let trap = private_directory(&world, "runtime/authsome-trap").join("alive");
    finish(like(
        &world.authsome::<&str>([]),
        [OsStr::new("mkfifo"), trap.as_ref()],
    ))
    .expect(0);
    let mut command = run(&world, &[], &["true"]);
    command.env("XDG_RUNTIME_DIR", &runtime);
    // Whoever else may write to a shared temporary directory could put one there.
    finish(behind(&["timeout", "-k1", "20"], &command)).expect(0);
}

#[test]
fn a_runtime_directory_that_others_can_read_is_not_used() {
    let world = World::new();
    let (open, temporary) = (world.path("open"), private_directory(&world, "temporary"));
    DirBuilder::new().mode(0o755).create(&open).unwrap();
    let path = open.display().to_string();
    let environment = environment(
        &world,
        &[
            ("XDG_RUNTIME_DIR", &path),
            ("TMPDIR", temporary.to_str().unwrap()),
        ],
    );
    assert!(
        Path::new(&environment["SSL_CERT_FILE"]).starts_with(&temporary),
        "{}",
        environment["SSL_CERT_FILE"]
    );
}

#[test]
fn the_bundle_is_found_from_any_directory() {
    let world = World::new();
    private_directory(&world, "temporary");
    let mut command = run(
        &world,
        &[],
        &[
            "sh",
            "-c",
            "cd / && test -s \"$SSL_CERT_FILE\" && test -s \"$NODE_EXTRA_CA_CERTS\"",
        ],
    );
    command
        .current_dir(world.path("."))
        .env("TMPDIR", "temporary");
    finish(command).expect(0);
}
