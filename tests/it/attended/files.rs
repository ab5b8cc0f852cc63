//! What it writes at places that the user names, and what is there before and after.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;

use super::{Proxy, script};
use crate::kit::{Outcome, Setup, World};

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_file_of_the_users_own_stays_as_it_is() {
    let Setup { world, .. } = Setup::connected();
    for (text, format) in [
        ("KEY=value\n", "dotenv"),
        ("{\"KEY\": \"value\"}\n", "json"),
    ] {
        let file = shown(&world.file(".env", text));
        let words = ["proxy", "--env-file", &file, "--format", format];
        let outcome = world.call(words).expect(2);
        assert!(
            outcome.stderr.contains("it is there already"),
            "{outcome:?}"
        );
        assert!(outcome.stderr.contains("remove this one"), "{outcome:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

#[test]
fn what_a_killed_one_has_left_is_no_obstacle_to_the_next() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let paths = ["files", "agent.env", "proxy.sock"].map(|name| world.path(name));
    let [directory, file, socket] = paths.each_ref().map(|path| shown(path));
    let fetch = format!(
        "curl -sS --fail-with-body {}/api/v4/user",
        gitlab.base_url()
    );
    for format in ["json", "dotenv", "shell"] {
        let places = [
            "--dir",
            &directory,
            "--env-file",
            &file,
            "--socket",
            &socket,
        ];
        let flags = [&places[..], &["--format", format]].concat();
        let killed = Proxy::start(&world, &flags);
        killed.signal(Signal::SIGKILL);
        killed.wait();
        assert!(paths.iter().all(|path| path.exists()), "{format}");
        let next = Proxy::start(&world, &flags);
        if format == "shell" {
            let told = script(&world, &file, &fetch).expect(0);
            assert_eq!(told.json()["username"], "ada");
        }
        // While it lives, nobody takes its directory.
        let other = world.call(["proxy", "--dir", &directory]).expect(2);
        assert!(other.stderr.contains("it is there already"), "{other:?}");
        next.end().expect(0);
        assert!(!paths.iter().any(|path| path.exists()), "{format}");
    }
}

#[test]
fn a_directory_of_the_users_own_is_never_taken_for_one_that_was_left() {
    let Setup { world, .. } = Setup::connected();
    for alive in ["", "authsome", "yes\n"] {
        let own = world.path("own");
        fs::create_dir(&own).unwrap();
        world.file("own/alive", alive);
        world.file("own/precious", "text");
        let outcome = world.call(["proxy", "--dir", &shown(&own)]).expect(2);
        assert!(
            outcome.stderr.contains("it is there already"),
            "{outcome:?}"
        );
        assert_eq!(fs::read_to_string(own.join("precious")).unwrap(), "text");
        fs::remove_dir_all(own).unwrap();
    }
}

#[test]
fn a_file_that_has_taken_its_place_stays() {
    let Setup { world, .. } = Setup::connected();
    let file = world.path("agent.env");
    let proxy = Proxy::start(&world, &["--env-file", &shown(&file)]);
    fs::rename(world.file("other", "text"), &file).unwrap();
    proxy.end().expect(0);
    assert_eq!(fs::read_to_string(file).unwrap(), "text");
}

/// Names with which the parent's environment would get into a script, where one of the vault's
/// secrets is in their values.
#[test]
fn a_name_that_is_no_variables_name_does_not_get_into_a_script() {
    let Setup { world, pair, .. } = Setup::connected();
    let file = shown(&world.path("agent.env"));
    let pwned = world.path("pwned");
    let names = [
        format!("x;touch {};y", pwned.display()),
        "npm_config_//registry.test/:_authToken".to_owned(),
    ];
    for format in ["shell", "dotenv"] {
        let mut command = world.authsome(["--json", "proxy", "--env-file", &file]);
        command.args(["--format", format]);
        for name in &names {
            command.env(name, &pair.access);
        }
        let proxy = Proxy::of(command);
        let told = script(&world, &file, "printenv GITLAB_ACCESS_TOKEN").expect(0);
        assert_eq!(told.stdout, "authsome-proxy-managed\n", "{told:?}");
        let outcome = proxy.end().expect(0);
        for name in &names {
            assert!(outcome.stderr.contains(name), "{outcome:?}");
        }
        assert!(
            outcome.stderr.contains("those from outside may remain"),
            "{outcome:?}"
        );
        assert!(!pwned.exists(), "{format}");
    }
}

#[test]
fn what_a_reader_inherits_and_a_run_removes_is_emptied() {
    let Setup { world, .. } = Setup::connected();
    let file = shown(&world.path("agent.env"));
    for (format, empty) in [("dotenv", "''"), ("docker", "")] {
        let mut command = world.authsome(["--json", "proxy", "--env-file", &file]);
        command
            .args(["--format", format])
            .env("SSL_CERT_DIR", "/nowhere");
        let proxy = Proxy::of(command);
        let text = fs::read_to_string(&file).unwrap();
        for name in [
            "SSL_CERT_DIR",
            "AUTHSOME_MASTER_KEY",
            "AUTHSOME_MASTER_KEY_FILE",
        ] {
            let line = format!("{name}={empty}");
            assert!(text.lines().any(|known| known == line), "{line}: {text}");
        }
        proxy.end().expect(0);
    }
}

/// One that starts while another has not begun to serve, and so on: at most one gets the path.
#[test]
fn of_many_at_one_socket_one_serves() {
    let Setup { world, .. } = Setup::connected();
    let socket = world.path("proxy.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let crowd: Vec<_> = (0..4).map(|_| waiting(&world, &shown(&socket))).collect();
    let outcomes: Vec<_> = crowd
        .into_iter()
        .map(|one| Outcome::of(one.wait_with_output().unwrap()))
        .collect();
    let codes: Vec<_> = outcomes.iter().map(|outcome| outcome.code).collect();
    let served = codes.iter().filter(|code| **code == Some(0)).count();
    assert_eq!(served, 1, "{outcomes:?}");
    assert!(!socket.exists() && !world.path("proxy.sock.lock").exists());
}

/// A proxy that serves for two seconds, if it gets so far.
fn waiting(world: &World, socket: &str) -> std::process::Child {
    let own = world.authsome(["proxy", "--socket", socket, "--until-pid"]);
    let mut words = vec![own.get_program().to_str().unwrap().to_owned()];
    words.extend(own.get_args().map(|word| word.to_str().unwrap().to_owned()));
    let mut shell = std::process::Command::new("sh");
    shell
        .arg("-c")
        .arg("sleep 3 & exec \"$@\" $!")
        .arg("sh")
        .args(words);
    let variables = own
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    shell.env_clear().envs(variables);
    shell
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    shell.spawn().unwrap()
}
