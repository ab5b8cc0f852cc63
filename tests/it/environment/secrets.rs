//! No secret is in a variable or a file, but the password in the address of the proxy.

use std::fs;

use crate::kit::report::Report;
use crate::kit::{Outcome, Setup};

#[test]
fn a_variable_that_is_left_alone_keeps_no_secret() {
    let Setup {
        world,
        gitlab: _gitlab,
        pair,
        ..
    } = Setup::connected();
    let mut command = world.authsome([
        "run",
        "--no-env",
        "GITLAB_ACCESS_TOKEN",
        "--",
        "printenv",
        "GITLAB_ACCESS_TOKEN",
    ]);
    command.env("GITLAB_ACCESS_TOKEN", &pair.access);
    let outcome = Outcome::of(command.output().unwrap()).expect(0);
    assert_eq!(outcome.stdout.trim(), crate::kit::PLACEHOLDER);
}

#[test]
fn no_file_of_the_session_is_open_to_others_or_holds_a_secret() {
    let Setup {
        world,
        gitlab: _gitlab,
        pair,
        ..
    } = Setup::connected();
    let report = Report::of(&world, &[], &[]);
    let proxy = report.get("HTTPS_PROXY").unwrap();
    let password = proxy
        .split_once("authsome:")
        .unwrap()
        .1
        .split_once('@')
        .unwrap()
        .0;
    for (name, content) in &report.files {
        assert_eq!(report.modes[name], "0o600", "{name}");
        for secret in [password, &pair.access, &pair.refresh] {
            assert!(!content.contains(secret), "{name}");
        }
    }
    // The password stands in the address of the proxy and nowhere else, be it a variable that is
    // ours or one that is appended to.
    for (name, value) in &report.variables {
        assert!(
            !value.contains(password) || value == proxy,
            "{name}={value}"
        );
        for secret in [&pair.access, &pair.refresh] {
            assert!(!value.contains(secret), "{name}={value}");
        }
    }
    assert!(report.files.contains_key("boot.cjs"));
}

#[test]
fn the_secret_of_a_connection_that_takes_no_part_stays_out_as_well() {
    let Setup {
        world,
        gitlab: _gitlab,
        pair,
        ..
    } = Setup::connected();
    // Its provider is not among those of the run.
    let definition = world.call(["inspect", "gitlab"]).expect(0).stdout;
    fs::create_dir_all(world.home().join("providers")).unwrap();
    let other = definition.replacen("\"gitlab\"", "\"other\"", 1);
    world.file("home/providers/other.json", &other);
    let mut command = world.authsome(["run", "--only", "other", "--", "printenv", "MINE"]);
    command.env("MINE", format!("Bearer {}", pair.access));
    let outcome = Outcome::of(command.output().unwrap()).expect(0);
    let placeholder = crate::kit::PLACEHOLDER;
    assert_eq!(outcome.stdout.trim(), format!("Bearer {placeholder}"));
}
