//! Command lines that are wrong.

use authsome_test_support::assert_words;

use super::{Scrub, at_columns, transcript};
use crate::kit::World;

const WRONG: [&[&str]; 33] = [
    &["frobnicate"],
    &["logn"],
    &["revok"],
    &["ls"],
    &["auth", "login"],
    &["auth", "status"],
    &["exec", "--", "python", "agent.py"],
    &["rm", "gitlab/work"],
    &["access-token", "gitlab"],
    &["token", "gitlab", "--format", "xml"],
    &["credential", "svn"],
    &["gitlab"],
    &["sh", "-c", "echo it's"],
    &["--frobnicate"],
    &["run", "--frobnicate", "--", "true"],
    &["get", "gitlab/a", "--connection", "b"],
    &["completions", "tcsh"],
    &["export", "gitlab", "--format", "xml"],
    &["get"],
    &["get", "Git Lab"],
    &["get", "gitlab", "--connection", "-x"],
    &["get", "gitlab", "--connection", "two words"],
    &["get", "gitlab", "--field", "password"],
    &["log", "-n", "many"],
    &["login", "gitlab", "--client-secret", "s3cret"],
    &["login", "gitlab", "--client-secret-file", "secret.txt"],
    &["run"],
    &["run", "--connection", "work", "--", "true"],
    &["run", "--connection", "gitlab=two words", "--", "true"],
    &["run", "--only", "Git Lab", "--", "true"],
    &["run", "--policy", "ask", "--", "true"],
    &["run", "--resolve", "gitlab.test:443", "--", "true"],
    &["set-default", "gitlab"],
];

#[test]
fn errors() {
    let world = World::new();
    assert_words!("usage", "text", transcript(&world, &WRONG));
}

/// A terminal breaks long lines itself, and what is copied from it is then still one line.
#[test]
fn errors_are_the_same_on_a_narrow_screen() {
    let world = World::new();
    for words in WRONG {
        let [narrow, wide] = [40, 80].map(|columns| at_columns(&world, columns, words));
        assert_eq!((narrow.stdout, narrow.stderr), (wide.stdout, wide.stderr));
    }
}

#[test]
fn errors_as_json() {
    let world = World::new();
    // `run` leaves what comes after `--` to its command.
    let as_json = WRONG.map(|words| [&["--json"], words].concat());
    let as_json: Vec<_> = as_json.iter().map(Vec::as_slice).collect();
    assert_words!("usage", "json", transcript(&world, &as_json));
}

#[test]
fn base_urls() {
    let world = World::new();
    let urls = [
        "",
        "not a url",
        "ftp://gitlab.acme.com",
        "http://gitlab.acme.com",
        "https://",
        "https://*.acme.com",
        "https://ada:s3cret@gitlab.acme.com",
        "https://gitlab.acme.com/#x",
        "https://gitlab.acme.com/?x=1",
        "https://gitlab.acme.com/a/../b",
        "https://gitlab.acme.com/a b\u{7f}",
        "https://gitlab.acme.com:0",
        "https://gitlab.acme.com:99999",
    ];
    let commands = urls.map(|url| ["login", "gitlab", "--base-url", url]);
    let commands: Vec<_> = commands.iter().map(<[&str; 4]>::as_slice).collect();
    let text = transcript(&world, &commands);
    assert_words!("usage", "base_url", text, &Scrub::of(&world).pairs());
}
