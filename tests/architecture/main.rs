//! The house holds: imports go down, no files import each other in a loop, one dependency has one
//! room, a secret is read in few places, and what ARCHITECTURE.md says of all this is so.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot read the source has failed"
)]

mod circles;
mod counts;
mod dependencies;
mod house;
mod page;
mod platforms;
mod public;
mod reader;
mod rooms;
mod rules;
mod wrong;

use std::collections::BTreeSet;
use std::path::Path;

use crate::house::House;

/// What is shipped, and the bench, by crate and folder.
const CRATES: &[(&str, &str)] = &[
    ("authsome", "src"),
    ("authsome_ca", "ca/src"),
    ("authsome_providers", "providers/src"),
    ("proxy_bench", "benches/proxy"),
];

#[test]
fn each_import_goes_down() {
    let found = rules::upward(&source().imports());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_files_import_each_other_in_a_loop() {
    for (name, folder) in CRATES {
        let found = circles::circles(&House::read(name, &root().join(folder)).imports());
        assert!(found.is_empty(), "{folder}: {found:#?}");
    }
}

#[test]
fn a_room_knows_only_what_it_needs() {
    let found = rules::strangers(&source());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn one_dependency_has_one_room() {
    let found = rules::misplaced(&source());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn secrets_are_read_in_few_places() {
    let source = source();
    let listed: BTreeSet<_> = dependencies::EXPOSING.iter().map(Path::new).collect();
    assert_eq!(source.calls("expose"), listed, "found, and listed");
}

#[test]
fn the_crates_at_the_ground_know_nothing_above() {
    for manifest in ["ca/Cargo.toml", "providers/Cargo.toml"] {
        let text = std::fs::read_to_string(root().join(manifest)).expect("a manifest");
        let (_, dependencies) = text.split_once("[dependencies]").expect("its section");
        assert!(!dependencies.contains("authsome-"), "{manifest}");
    }
}

#[test]
fn architecture_md_has_the_table() {
    page::compare(&root().join("ARCHITECTURE.md"), &page::table(&source()));
}

#[test]
fn the_documents_name_files_that_are_there() {
    let documents = [
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "README.md",
        "SECURITY.md",
        "benches/README.md",
    ];
    let missing: Vec<_> = documents
        .iter()
        .flat_map(|name| page::missing(root(), name))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_public_surface_is_the_one_that_was_agreed() {
    let found = public::surface(&root().join("src"));
    page::compare_whole(&root().join("tests/architecture/public.txt"), &found);
}

#[test]
fn files_and_functions_stay_small() {
    let counts = counts::Counts::of(root());
    println!("{counts}");
    let over = counts.over_the_bounds();
    assert!(over.is_empty(), "{over:#?}");
}

fn source() -> House {
    House::read("authsome", &root().join("src"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
