//! The programs that tests run as children are files of their languages, so that those can check
//! them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kit::Outcome;

#[test]
fn each_program_parses() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/kit/children");
    let files = fs::read_dir(directory).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        let outcome = Outcome::of(check(&file).output().unwrap());
        assert_eq!(
            outcome.code,
            Some(0),
            "{}: {}",
            file.display(),
            outcome.stderr
        );
    }
}

/// What reads a program without running it.
fn check(file: &PathBuf) -> Command {
    let mut command;
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("py") => {
            command = Command::new("python3");
            command.args(["-c", "import ast, sys; ast.parse(open(sys.argv[1]).read())"]);
        }
        Some("js") => {
            command = Command::new("node");
            command.arg("--check");
        }
        _ => panic!("{}: nothing checks it", file.display()),
    }
    command.arg(file);
    command
}
