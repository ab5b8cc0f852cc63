//! What a user's mistake leaves behind, and what a command makes of it.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use authsome_test_support::kit::port_7998;
use authsome_test_support::{FakeGitLab, Seen};

use crate::kit::run::finish;
use crate::kit::{Outcome, Setup, World, id};

/// A world with one fresh connection.
pub(crate) fn connected() -> (
    World,
    FakeGitLab,
    authsome_test_support::App,
    authsome_test_support::Pair,
) {
    let Setup {
        world,
        gitlab,
        app,
        pair,
    } = Setup::connected();
    (world, gitlab, app, pair)
}

pub(crate) fn without_refresh_token(world: &World, name: &str) {
    let mut connection = world.store().load(&id(name)).unwrap().unwrap().connection;
    connection.tokens.refresh = None;
    world.store().create(&connection, true).unwrap();
}

/// What every failure has, in words and in JSON: a code, what happened, what to type next, and no
/// panic.
#[track_caller]
pub(crate) fn failure(world: &World, words: &[&str], exit: i32, code: &str) -> Outcome {
    let plain = world.call(words).expect(exit);
    assert!(
        plain.stderr.starts_with("error: ") || plain.stderr.contains("\nerror: "),
        "{words:?}: {}",
        plain.stderr
    );
    let next = ["hint: ", "For more information, try '--help'"];
    assert!(
        next.iter().any(|next| plain.stderr.contains(next)),
        "{words:?}: {}",
        plain.stderr
    );
    assert_eq!(plain.stdout, "", "{words:?}");
    let as_json = world.call(words.iter().chain(&["--json"])).expect(exit);
    let error = as_json.json();
    assert_eq!(error["error"], code, "{words:?}");
    for field in ["message", "hint"] {
        assert!(
            error[field].as_str().is_some_and(|text| !text.is_empty()),
            "{words:?}: {field}"
        );
    }
    for text in [&plain.stderr, &as_json.stderr] {
        assert!(!text.contains("panicked"), "{words:?}: {text}");
    }
    plain
}

/// `authsome login gitlab` that must end by itself, long before its own deadline.
pub(crate) fn login_ends(world: &World, more: &[&str]) -> Outcome {
    let _port = port_7998();
    let mut command = world.authsome(["login", "gitlab"]);
    command.args(more);
    finish(command)
}

/// Whether it ends within some seconds.
pub(crate) fn ends(child: &mut Child) -> bool {
    let deadline = Instant::now() + Duration::from_secs(15);
    // There is no event to wait for with a deadline but the child's end itself.
    while Instant::now() < deadline {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// A shell script beside the home; `$0` is the binary.
pub(crate) fn shell(world: &World, script: &str) -> Outcome {
    let authsome = world.authsome::<&str>([]);
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .arg(crate::kit::binary())
        .env_clear();
    for (name, value) in authsome.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    Outcome::of(
        command
            .current_dir(world.home())
            .output()
            .unwrap_or_else(|_| {
                // The home is not there before the first use.
                command.current_dir("/").output().unwrap()
            }),
    )
}

/// Puts a custom definition in place, and says where.
pub(crate) fn custom(world: &World, name: &str, text: &str) -> String {
    let directory = world.home().join("providers");
    fs::create_dir_all(&directory).unwrap();
    fs::set_permissions(world.home(), fs::Permissions::from_mode(0o700)).unwrap();
    let path = directory.join(format!("{name}.json"));
    File::create(&path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    path.display().to_string()
}

/// Every file of the home, by name.
pub(crate) fn files(world: &World) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(world.home()) else {
        return Vec::new();
    };
    let files = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    };
    files.map(read).collect()
}

pub(crate) fn file<'a>(files: &'a [(String, Vec<u8>)], name: &str) -> &'a [u8] {
    &files.iter().find(|(have, _)| have == name).unwrap().1
}

pub(crate) fn put(world: &World, name: &str, bytes: &[u8]) {
    // What SQLite keeps beside its file belongs to the file that was there before.
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(world.home().join(format!("{name}{suffix}")));
    }
    File::create(world.home().join(name))
        .unwrap()
        .write_all(bytes)
        .unwrap();
}

pub(crate) fn remove(world: &World, name: &str) {
    fs::remove_file(world.home().join(name)).unwrap();
}

pub(crate) fn form_field<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    let found = seen.form.iter().find(|(have, _)| have == name);
    found.map(|(_, value)| value.as_str())
}
