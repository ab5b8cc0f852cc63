//! Bad input: each is a clear error, and nothing is left behind.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use crate::kit::{Outcome, Setup, World};

#[test]
fn a_place_where_it_cannot_be_is_named() {
    let Setup { world, .. } = Setup::connected();
    let tmp = world.path("tmp");
    std::fs::create_dir(&tmp).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let alive = world.path("alive.sock");
    let _listener = UnixListener::bind(&alive).unwrap();
    let alive = alive.display().to_string();
    let file = world.file("a-file", "text").display().to_string();
    let long = world.path(&"x".repeat(120)).display().to_string();
    let nowhere = world.path("none/agent.env").display().to_string();
    let directory = world.directory.path().display().to_string();
    let cases: [(&[&str], i32, &str, &str); 10] = [
        (
            &["--listen", &taken],
            8,
            "cannot listen on",
            "choose another port",
        ),
        (
            &["--listen", "192.0.2.1:8080"],
            2,
            "cannot listen on 192.0.2.1:8080",
            "an address of this machine",
        ),
        (
            &["--socket", &alive],
            2,
            "something listens on it",
            "choose another path",
        ),
        (
            &["--socket", &file],
            2,
            "a-file is there already",
            "choose another path",
        ),
        (
            &["--socket", &long],
            2,
            "cannot listen on the socket",
            "less than 108 bytes",
        ),
        (
            &["--env-file", &nowhere],
            2,
            "cannot write",
            "--env-file FILE",
        ),
        (
            &["--env-file", &directory],
            2,
            "it is there, and no file",
            "--env-file FILE",
        ),
        (
            &["--dir", &directory],
            2,
            "it is there already",
            "--dir DIR",
        ),
        (
            &["--until-pid", "2147483647"],
            2,
            "cannot be watched",
            "--until-pid $$",
        ),
        (
            &["--ready-fd", "77"],
            2,
            "cannot write to descriptor 77",
            "3>ready.json",
        ),
    ];
    for (flags, code, message, hint) in cases {
        let words = [&["proxy"], flags].concat();
        let outcome = Outcome::of(world.authsome(&words).env("TMPDIR", &tmp).output().unwrap());
        assert_eq!(outcome.code, Some(code), "{flags:?}: {outcome:?}");
        assert!(outcome.stderr.contains(message), "{flags:?}: {outcome:?}");
        assert!(outcome.stderr.contains(hint), "{flags:?}: {outcome:?}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "text");
    assert_eq!(std::fs::read_dir(&tmp).unwrap().count(), 0);
    let expected = ["a-file", "alive.sock", "home", "tmp"];
    assert_eq!(
        names(&world),
        expected,
        "no socket, no file, and no part of one is left"
    );
    let events = std::fs::read_to_string(world.home().join("audit.log")).unwrap_or_default();
    let count = |kind: &str| events.matches(&format!("\"event\":\"{kind}\"")).count();
    assert_eq!(count("run_start"), count("run_end"), "{events}");
    for flags in [
        ["--listen", "localhost:1"],
        ["--ready-fd", "0"],
        ["--until-pid", "0"],
        ["--format", "json"],
    ] {
        world.call(["proxy", flags[0], flags[1]]).expect(2);
    }
}

/// What is beside the home.
fn names(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.directory.path()).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let names = entries.map(|entry| name(entry).into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn an_address_that_others_reach_is_warned_of() {
    let Setup { world, .. } = Setup::connected();
    let proxy = super::Proxy::start(&world, &["--listen", "0.0.0.0:0"]);
    let outcome = proxy.end().expect(0);
    assert!(
        outcome.stderr.contains("can be reached from elsewhere"),
        "{outcome:?}"
    );
}
