//! What it writes at places that the user names, and what is there before and after.

use std::fs;
use std::path::Path;

use super::{Proxy, script};
use crate::kit::Setup;

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
