//! What the documents repeat of the source.

use std::fmt::Write;
use std::path::Path;

use crate::house::House;
use crate::rooms::ROOMS;
use crate::rules::room_of;

const BEGIN: &str = "<!-- the rooms: written by `UPDATE=1 cargo test --test architecture` -->\n";
const END: &str = "<!-- the end of the rooms -->\n";

/// The rooms from the top down, with the number of their lines and of the rooms that they import
/// from.
pub(crate) fn table(house: &House) -> String {
    let mut table =
        "| floor | room | one responsibility | may not know | imports from |\n| --- | --- | --- | --- | --- |\n"
            .to_owned();
    let imports = house.imports();
    for room in ROOMS {
        let mut below: Vec<_> = imports
            .iter()
            .filter(|import| room_of(&import.from).is_some_and(|from| from.path == room.path))
            .filter_map(|import| room_of(&import.to))
            .filter(|to| to.path != room.path)
            .map(|to| to.path)
            .collect();
        below.sort_unstable();
        below.dedup();
        let (path, floor) = (room.path, room.floor);
        // Writing to a string does not fail.
        let _ = writeln!(
            table,
            "| {}{} | `{path}` | {} | {} | {} |",
            floor / 100,
            match floor % 100 {
                0 => String::new(),
                part => format!(".{part}"),
            },
            room.does,
            room.may_not_know,
            below.join(", ")
        );
    }
    table
}

/// The files that a document names and that are not there, with its line.
pub(crate) fn missing(root: &Path, document: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root.join(document)).expect("a document");
    let mut missing = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let ends_path =
            |sign: char| !(sign.is_ascii_alphanumeric() || matches!(sign, '_' | '.' | '/' | '-'));
        let paths = line.split(ends_path).filter(|path| {
            let extension = Path::new(path).extension().and_then(|found| found.to_str());
            path.contains('/') && extension.is_some_and(|found| SOURCES.contains(&found))
        });
        let absent = paths.filter(|path| {
            !OTHERS.contains(path)
                && !FOLDERS
                    .iter()
                    .any(|from| root.join(from).join(path).exists())
        });
        missing.extend(absent.map(|path| format!("{document}:{}: {path}", index + 1)));
    }
    missing
}

/// The extensions of source files.
const SOURCES: &[&str] = &["cjs", "js", "json", "py", "rs", "sh", "snap", "toml"];

/// Where the documents' paths begin.
const FOLDERS: &[&str] = &["", "benches", "src", "src/connection", "src/proxy", "tests"];

/// Files of a user, and an example.
const OTHERS: &[&str] = &[
    "./job.sh",
    "/.authsome/config.toml",
    "/.authsome/providers/gitlab.json",
    "/.cargo/config.toml",
    "src/cli/cmd/NAME.rs",
];

/// The part between the marks is that text; with `UPDATE` in the environment, it is made so.
pub(crate) fn compare(page: &Path, text: &str) {
    let whole = std::fs::read_to_string(page).expect("the page");
    let (before, rest) = whole
        .split_once(BEGIN)
        .expect("the mark of the table's begin");
    let (_, after) = rest.split_once(END).expect("the mark of its end");
    compare_whole(page, &format!("{before}{BEGIN}{text}{END}{after}"));
}

/// The file is that text; with `UPDATE` in the environment, it is made so.
#[expect(
    clippy::disallowed_methods,
    reason = "a page of the repository is no file of a home"
)]
pub(crate) fn compare_whole(file: &Path, text: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file, text).expect("a file that can be written");
    }
    let found = std::fs::read_to_string(file).unwrap_or_default();
    let differs = found
        .lines()
        .zip(text.lines())
        .find(|(found, text)| found != text);
    assert!(
        found == text,
        "{} is not what the source says: `UPDATE=1 cargo test --test architecture` writes it anew; {differs:#?}",
        file.display()
    );
}
