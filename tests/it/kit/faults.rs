//! System calls that fail, stop or are slow, by a library in front of libc.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use authsome_test_support::{Endpoint, FakeGitLab, Fault};

use crate::kit::World;
use crate::kit::refresh::{call, pair, status, wait_for_refresh};
use crate::kit::session::Session;

/// What the system says of a disk that cannot be written.
pub(crate) const EIO: i32 = 5;

pub(crate) const ENOSPC: i32 = 28;

pub(crate) const EROFS: i32 = 30;

pub(crate) const EDQUOT: i32 = 122;

/// Long enough that a fault can be ordered between a rotation and its response.
pub(crate) const SLOW: Fault = Fault::StallAfter(Duration::from_secs(1));

/// The vault has the server's pair, and it works in the next session.
pub(crate) fn expect_kept(world: &World, gitlab: &FakeGitLab, words: &str) {
    expect_durable(world, gitlab, words);
    assert_eq!(call(world, gitlab), "200", "{words}");
    assert_eq!(gitlab.refreshes(), 1, "{words}");
}

/// The vault has the server's pair, which was issued once.
pub(crate) fn expect_durable(world: &World, gitlab: &FakeGitLab, words: &str) {
    assert_eq!(status(world), "connected", "{words}");
    assert_eq!(gitlab.live_pairs(), [pair(world)], "{words}");
    assert_eq!(gitlab.refreshes(), 1, "{words}");
    let left = fs::read_dir(world.home().join("pending"));
    let left: Vec<_> = left.into_iter().flatten().collect();
    assert!(left.is_empty(), "{words}: {left:?}");
}

/// Faults of the system for one home, through a library that is loaded into the binary.
pub(crate) struct Faults {
    pub(crate) library: &'static Path,
    pub(crate) home: PathBuf,
    pub(crate) order: PathBuf,
    pub(crate) hits: PathBuf,
}

impl Faults {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            library: library(),
            home: world.home(),
            order: world.path("order"),
            hits: world.path("hits"),
        }
    }

    /// A session whose refresh has been carried out and not answered yet.
    pub(crate) fn in_session(world: &World, gitlab: &FakeGitLab) -> (Self, Session) {
        Self::in_session_with(world, gitlab, SLOW)
    }

    pub(crate) fn in_session_with(
        world: &World,
        gitlab: &FakeGitLab,
        slow: Fault,
    ) -> (Self, Session) {
        let faults = Self::new(world);
        gitlab.fault(Endpoint::Token, slow, 1);
        let mut session = Session::start_with(world, |command| faults.prepare(command));
        session.tell("unset LD_PRELOAD");
        wait_for_refresh(gitlab);
        (faults, session)
    }

    pub(crate) fn prepare(&self, command: &mut Command) {
        command.env("LD_PRELOAD", self.library);
        command.env("FAULTS_HOME", &self.home);
        command.env("FAULTS_ORDER", &self.order);
        command.env("FAULTS_HITS", &self.hits);
    }

    /// From now on that fails. Replaced whole: nobody reads half an order.
    pub(crate) fn order(&self, what: &str, number: i64) {
        let staging = self.order.with_extension("new");
        let mut writer = fs::File::create(&staging).unwrap();
        std::io::Write::write_all(&mut writer, format!("{what} {number}\n").as_bytes()).unwrap();
        fs::rename(staging, &self.order).unwrap();
    }

    /// How many calls have failed since this was asked last.
    pub(crate) fn take_hits(&self) -> u64 {
        let hits = fs::metadata(&self.hits).map_or(0, |found| found.len());
        let _ = fs::remove_file(&self.hits);
        hits
    }

    pub(crate) fn end(&self) {
        fs::remove_file(&self.order).unwrap();
    }
}

/// Compiled once for all tests of a run.
pub(crate) fn library() -> &'static Path {
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
