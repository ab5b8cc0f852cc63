//! No secret stays in a variable, and the key comes by none.

use std::fs;

use crate::kit::private::program;
use crate::kit::run::{behind, finish, like, run};
use crate::kit::{PLACEHOLDER, Setup};

#[test]
fn no_secret_stays_in_a_variable_that_is_appended_to() {
    let Setup {
        world,
        gitlab: _gitlab,
        pair,
        ..
    } = Setup::connected();
    let secret = pair.refresh;
    let names = [
        "NODE_OPTIONS",
        "JAVA_TOOL_OPTIONS",
        "PYTHONPATH",
        "BUN_OPTIONS",
        "CHROME_EXTRA_FLAGS",
        "PHP_INI_SCAN_DIR",
    ];
    let mut command = run(&world, &[], &["env"]);
    for name in names {
        command.env(name, format!("/of/users,{},{}", pair.access, secret));
    }
    // As a CI job has it for git; the same secret in another dress.
    let script = format!(
        "printf 'AUTHORIZATION: basic '; printf oauth2:{} | base64 -w0",
        pair.access
    );
    let header = finish(like(&command, ["sh", "-c", &script]))
        .expect(0)
        .stdout;
    command.envs([
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "http.extraHeader"),
        ("GIT_CONFIG_VALUE_0", &header),
    ]);
    let outcome = finish(command).expect(0);
    let (_, encoded) = header.rsplit_once(' ').unwrap();
    for leaked in [&pair.access, &secret, &encoded.to_owned()] {
        assert!(
            !outcome.stdout.contains(leaked.as_str()),
            "{}",
            outcome.stdout
        );
        assert!(
            !outcome.stderr.contains(leaked.as_str()),
            "{}",
            outcome.stderr
        );
    }
    for name in names {
        let line = outcome
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}=")));
        let expected = format!("/of/users,{PLACEHOLDER},{PLACEHOLDER}");
        assert!(line.unwrap().contains(&expected), "{name}={line:?}");
        assert!(
            outcome.stderr.contains(&format!("{name} holds a secret")),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn git_is_started_with_nothing_of_ours_and_not_out_of_the_repository() {
    let Setup {
        world,
        gitlab: _gitlab,
        pair,
        ..
    } = Setup::connected();
    let key = fs::read_to_string(world.home().join("master.key")).unwrap();
    let seen = world.path("seen");
    let real = program(&world, "bin", "git", &format!("env > '{}'", seen.display()));
    program(
        &world,
        "repository",
        "git",
        &format!("touch '{}'", world.path("ran").display()),
    );
    program(
        &world,
        "repository/tools",
        "git",
        &format!("touch '{}'", world.path("ran").display()),
    );
    let mut command = run(&world, &[], &["true"]);
    command.current_dir(world.path("repository"));
    let path = std::env::var("PATH").unwrap();
    command.envs([
        ("PATH", format!(":tools:.:{real}:{path}").as_str()),
        ("AUTHSOME_MASTER_KEY", key.trim()),
        ("AUTHSOME_MASTER_KEY_FILE", "/nowhere"),
        ("MINE", &format!("x{}", pair.access)),
        ("OTHER", "stays"),
    ]);
    finish(command).expect(0);
    let environment = fs::read_to_string(seen).unwrap();
    assert!(
        !environment.contains("AUTHSOME_MASTER_KEY"),
        "{environment}"
    );
    assert!(!environment.contains(&pair.access), "{environment}");
    assert!(
        environment.contains(&format!("MINE=x{PLACEHOLDER}")),
        "{environment}"
    );
    assert!(environment.contains("OTHER=stays"), "{environment}");
    assert!(!world.path("ran").exists());
}

#[test]
fn the_key_comes_out_of_a_file_or_a_descriptor_that_the_command_does_not_get() {
    let Setup {
        world,
        gitlab: _gitlab,
        ..
    } = Setup::connected();
    let key = world.path("key");
    fs::rename(world.home().join("master.key"), &key).unwrap();
    let named = |path: &str, words: &[&str]| {
        let mut command = run(&world, &[], words);
        command.env("AUTHSOME_MASTER_KEY_FILE", path);
        command
    };
    let path = key.display().to_string();
    let shows = [
        "sh",
        "-c",
        "echo \"[$AUTHSOME_MASTER_KEY_FILE]\"; cat <&3 || cat /proc/$PPID/fd/3",
    ];
    let outcome = finish(named(
        &path,
        &["sh", "-c", "echo \"[$AUTHSOME_MASTER_KEY_FILE]\""],
    ))
    .expect(0);
    assert_eq!(outcome.stdout, "[]\n");
    // A file that is gone from its directory, as the README has it; a pipe.
    for redirection in ["3<key", "3< <(cat key)"] {
        let script = format!(
            "cd '{}'; exec {redirection}; exec \"$@\"",
            world.path(".").display()
        );
        let command = named("/dev/fd/3", &shows);
        let outcome = finish(behind(&["bash", "-c", &script, "bash"], &command));
        assert!(outcome.stdout.starts_with("[]\n"), "{outcome:?}");
        let text = fs::read_to_string(&key).unwrap();
        assert!(
            !outcome.stdout.contains(text.trim()),
            "{redirection}: {outcome:?}"
        );
        assert!(outcome.stderr.contains("3: "), "{redirection}: {outcome:?}");
    }
    // Where the key is in the other variable, nobody reads the descriptor.
    let text = fs::read_to_string(&key).unwrap();
    let script = format!("exec 3<'{path}'; exec \"$@\"");
    let mut command = named("/dev/fd/3", &shows);
    command.env("AUTHSOME_MASTER_KEY", text.trim());
    let outcome = finish(behind(&["bash", "-c", &script, "bash"], &command));
    assert!(outcome.stdout.starts_with("[]\n"), "{outcome:?}");
    assert!(!outcome.stdout.contains(text.trim()), "{outcome:?}");
    let outcome = finish(named("/nowhere", &["true"])).expect(125);
    assert!(
        outcome.stderr.contains("AUTHSOME_MASTER_KEY_FILE"),
        "{}",
        outcome.stderr
    );
}
