//! The rules see what they are for: each of these imports is found, however it is written.

use std::path::PathBuf;

use crate::circles::circles;
use crate::house::House;
use crate::rules::{strangers, upward};

fn house(files: &[(&str, &str)]) -> House {
    let files = files
        .iter()
        .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()));
    House::of("authsome", files)
}

fn is_upward(files: &[(&str, &str)]) -> bool {
    !upward(&house(files).imports()).is_empty()
}

const CLI: (&str, &str) = ("cli.rs", "pub struct Args;");

#[test]
fn down_is_right() {
    assert!(!is_upward(&[
        CLI_USES_SECRET,
        (
            "secret.rs",
            "pub struct Secret; mod inner { use super::Secret; }"
        ),
    ]));
}

const CLI_USES_SECRET: (&str, &str) = ("cli.rs", "use crate::secret::Secret;");

#[test]
fn in_a_group() {
    let secret = (
        "secret.rs",
        "use crate::{clock::Clock, cli::{self, Args as A}};",
    );
    assert!(is_upward(&[CLI, secret, ("clock.rs", "pub struct Clock;")]));
}

#[test]
fn by_super() {
    let file = ("dial/tcp.rs", "fn f() { let _ = super::super::cli::Args; }");
    assert!(is_upward(&[CLI, file, ("dial.rs", "mod tcp;")]));
}

#[test]
fn in_a_macro() {
    assert!(is_upward(&[
        CLI,
        (
            "secret.rs",
            "fn f() { dbg(format!(\"{}\", crate::cli::Args)) }"
        )
    ]));
}

#[test]
fn by_an_alias() {
    let low = (
        "secret.rs",
        "use crate::net as way; fn f() { way::dial::tcp::x() }",
    );
    let high = ("net/dial/tcp.rs", "pub fn x() {}");
    let imports = house(&[low, high]).imports();
    let found = imports.iter().any(|one| one.to.ends_with("tcp.rs"));
    assert!(found, "{imports:#?}");
}

#[test]
fn in_an_attribute() {
    let secret = (
        "secret.rs",
        "struct S { #[arg(value_parser = crate::cli::Args)] a: u8 }",
    );
    assert!(is_upward(&[CLI, secret]));
}

#[test]
fn through_a_re_export() {
    // The face is below, what it shows is not.
    let house = [
        CLI,
        ("clock.rs", "pub use crate::cli::Args;"),
        ("vault.rs", "use crate::clock::Args;"),
    ];
    let found = upward(&self::house(&house).imports());
    assert_eq!(found.len(), 2, "{found:#?}");
}

#[test]
fn from_a_lower_room_within_the_proxy() {
    let low = (
        "proxy/io/relay.rs",
        "use crate::proxy::serve::listener::Listener;",
    );
    let high = ("proxy/serve/listener.rs", "pub struct Listener;");
    assert!(is_upward(&[low, high]));
    let far = (
        "proxy/io/relay.rs",
        "use super::super::serve::listener::Listener;",
    );
    assert!(is_upward(&[far, high]));
}

#[test]
fn of_what_a_room_may_not_know() {
    let proxy = ("proxy/serve/listener.rs", "use crate::vault::Vault;");
    assert!(!strangers(&house(&[proxy, ("vault.rs", "pub struct Vault;")])).is_empty());
}

#[test]
fn in_a_circle_of_two() {
    let first = ("dial/race.rs", "use super::tcp::B; pub struct A;");
    let second = ("dial/tcp.rs", "use crate::dial::race::A; pub struct B;");
    assert_eq!(circles(&house(&[first, second]).imports()).len(), 1);
    // A face that hands on what its child defines is none.
    let face = ("dial.rs", "mod tcp; pub use tcp::B; pub struct C;");
    let child = ("dial/tcp.rs", "use super::C; pub struct B;");
    assert!(circles(&house(&[face, child]).imports()).is_empty());
    // One that hands on what is beside it is.
    let first = ("dial/race.rs", "pub use super::tcp::B; pub struct A;");
    let second = ("dial/tcp.rs", "pub use super::race::A; pub struct B;");
    assert_eq!(circles(&house(&[first, second]).imports()).len(), 1);
}

#[test]
fn of_what_the_program_may_not_know() {
    let library = ("lib.rs", "pub mod vault;");
    let program = ("main.rs", "fn main() { authsome::vault::open() }");
    let vault = ("vault.rs", "pub fn open() {}");
    assert!(!strangers(&house(&[library, program, vault])).is_empty());
}

#[test]
fn a_method_by_its_path() {
    let found = house(&[(
        "text.rs",
        "fn f(s: &[Secret]) { s.iter().map(Secret::expose); }",
    )]);
    assert_eq!(found.calls("expose").len(), 1);
}

#[test]
fn tests_may_import_what_they_like() {
    let secret = (
        "secret.rs",
        "#[cfg(test)] mod tests { use crate::cli::Args; }",
    );
    assert!(!is_upward(&[CLI, secret]));
}
