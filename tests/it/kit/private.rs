//! What a process of the same user can see of a run.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::kit::World;
use crate::kit::run::{finish, run};

/// A program of that name in a directory of its own.
pub(crate) fn program(world: &World, directory: &str, name: &str, script: &str) -> String {
    let directory = world.path(directory);
    fs::create_dir_all(&directory).unwrap();
    let file = directory.join(name);
    let mut text = fs::File::create(&file).unwrap();
    writeln!(text, "#!/bin/sh\n{script}").unwrap();
    drop(text);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    directory.display().to_string()
}

/// Where the files of a run are, and what it says about that.
pub(crate) fn place(world: &World, variables: &[(&str, &Path)]) -> (String, String) {
    let mut command = run(
        world,
        &[],
        &[
            "sh",
            "-c",
            "dirname \"$SSL_CERT_FILE\"; test -n \"$NODE_OPTIONS\"",
        ],
    );
    command.envs(variables.iter().copied());
    let outcome = finish(command).expect(0);
    (outcome.stdout.trim().to_owned(), outcome.stderr)
}
