//! What is not the same on each system: each `cfg` on one has its other side, or a reason not to.

use std::collections::BTreeMap;
use std::path::Path;

/// The files with code for one system, and what the others do without. docs/install.md has the
/// last column.
const PLATFORMS: &[(&str, Sides, &str)] = &[
    (
        "src/child/orphans.rs",
        Sides::Both,
        "a daemon that forks twice leaves the run's process tree",
    ),
    (
        "src/child/exec.rs",
        Sides::Both,
        "the command outlives a `kill -9` of authsome",
    ),
    (
        "src/env/helpers.rs",
        Sides::Both, // `cfg!` is a value, and `false` is its other side
        "every client has to send the proxy's password",
    ),
    ("src/env/git_config/files.rs", Sides::Both, ""), // git is asked in each start
    ("src/isolate.rs", Sides::Both, "no command can be isolated"),
    ("src/isolate/broker.rs", Sides::Both, ""), // it says so
    ("src/isolate/original.rs", Sides::Both, ""),
    (
        "src/os/private_memory.rs",
        Sides::Both,
        "authsome does not hide its own memory from other programs of the user",
    ),
    (
        "src/os/peer.rs",
        Sides::Both,
        "runs refuse whoever watches or stops them",
    ),
    ("src/os/process_tree.rs", Sides::TestsOnly, ""),
    ("src/os/process_tree/ancestors.rs", Sides::TestsOnly, ""),
    ("src/os/second_thread.rs", Sides::Both, ""), // other processors need no question
    (
        "src/os/socket_owner.rs",
        Sides::Both,
        "the kernel is not asked whose a connection is",
    ),
    ("src/session/user_data.rs", Sides::Both, ""), // the macOS Keychain needs no D-Bus
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sides {
    Both,
    /// The tests want `/proc`; the code copes without it.
    TestsOnly,
}

#[test]
fn what_is_for_one_system_has_another_side() {
    let listed: BTreeMap<_, _> = PLATFORMS
        .iter()
        .map(|(file, sides, _)| ((*file).to_owned(), *sides))
        .collect();
    let mut found = BTreeMap::new();
    for folder in ["src", "ca/src", "providers/src"] {
        read(super::root(), Path::new(folder), &mut found);
    }
    assert_eq!(found, listed, "found, and listed");
}

#[test]
fn the_support_table_says_what_is_missing() {
    let page = std::fs::read_to_string(super::root().join("docs/install.md")).expect("the page");
    for (file, _, without) in PLATFORMS {
        assert!(page.contains(without), "docs/install.md: {file}: {without}");
    }
}

fn read(root: &Path, folder: &Path, found: &mut BTreeMap<String, Sides>) {
    for entry in std::fs::read_dir(root.join(folder)).expect("a folder") {
        let path = folder.join(entry.expect("an entry").file_name());
        if root.join(&path).is_dir() {
            read(root, &path, found);
        } else if let Ok(text) = std::fs::read_to_string(root.join(&path))
            && let Some(sides) = sides(&text, &path)
        {
            found.insert(path.display().to_string(), sides);
        }
    }
}

/// Which sides a file has; none where nothing depends on the system.
fn sides(text: &str, path: &Path) -> Option<Sides> {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let is_for_system = |line: &str| {
        [
            "target_os",
            "target_arch",
            "target_family",
            "(unix",
            "(windows",
        ]
        .iter()
        .any(|name| line.contains(name))
    };
    let (mut only, mut others, mut tests) = (0, 0, 0);
    for (at, line) in lines.iter().enumerate() {
        if line.contains("cfg!(") && is_for_system(line) {
            (only, others) = (only + 1, others + 1);
        } else if line.starts_with("#[cfg(not(") && is_for_system(line) {
            others += 1;
        } else if line.starts_with("#[cfg(") && is_for_system(line) {
            match lines.get(at + 1) {
                Some(next) if next.starts_with("mod tests") => tests += 1,
                // What only the other side's function calls needs none of its own.
                Some(next) if next.starts_with("mod ") => {}
                _ => only += 1,
            }
        }
    }
    assert_eq!(only, others, "{}: one side is missing", path.display());
    match (only, tests) {
        (0, 0) => None,
        (0, _) => Some(Sides::TestsOnly),
        _ => Some(Sides::Both),
    }
}
