//! What an import may be.

use std::collections::BTreeSet;
use std::path::Path;

use crate::dependencies::ROOMS_OF_DEPENDENCIES;
use crate::house::{House, Import};
use crate::rooms::{ROOMS, Room};

/// The room of a file.
pub(crate) fn room_of(file: &Path) -> Option<&'static Room> {
    let name = file.with_extension("");
    let rooms = ROOMS.iter().filter(|room| name.starts_with(room.path));
    rooms.max_by_key(|room| room.path.len())
}

/// Imports of what is not below, and files without a room.
pub(crate) fn upward(imports: &BTreeSet<Import>) -> Vec<String> {
    let wrong = imports.iter().filter_map(|import| {
        let (Some(from), Some(to)) = (room_of(&import.from), room_of(&import.to)) else {
            return Some(format!("no room in the table: {import:?}"));
        };
        let goes_up = to.floor > from.floor;
        // A face on the same floor that only hands on what is below is no way across.
        let goes_across = to.floor == from.floor && to.path != from.path && !import.is_by_way;
        (goes_up || goes_across).then(|| {
            let (file, path) = (import.from.display(), &import.path);
            format!(
                "{file}: `{path}` is in {}, which is not below {}",
                to.path, from.path
            )
        })
    });
    wrong.collect()
}

/// What a room may not know, though it is below.
pub(crate) fn strangers(house: &House) -> Vec<String> {
    let mut wrong = Vec::new();
    for import in house.imports() {
        let Some(room) = room_of(&import.from) else {
            continue;
        };
        let is_stranger = |stranger: &&&str| import.to.with_extension("").starts_with(stranger);
        if let Some(stranger) = room.strangers.iter().find(is_stranger) {
            wrong.push(format!(
                "{}: {} knows {stranger}",
                import.from.display(),
                room.path
            ));
        }
    }
    for (file, path) in house.foreign() {
        let strangers = room_of(file).into_iter().flat_map(|room| room.strangers);
        let crates = strangers.filter_map(|stranger| stranger.strip_suffix("::"));
        for stranger in crates.filter(|stranger| begins(&path, stranger)) {
            wrong.push(format!("{}: `{path}` is of {stranger}", file.display()));
        }
    }
    wrong
}

/// Paths of other crates, and of some of the standard library, outside their rooms.
pub(crate) fn misplaced(house: &House) -> Vec<String> {
    let mut wrong = Vec::new();
    for (file, path) in house.foreign() {
        for (word, rooms) in ROOMS_OF_DEPENDENCIES {
            let is_at_home = rooms.iter().any(|room| file.starts_with(room));
            if begins(&path, word) && !is_at_home {
                wrong.push(format!(
                    "{}: `{path}`, whose room is {rooms:?}",
                    file.display()
                ));
            }
        }
    }
    wrong
}

/// Whether a path is another or below it, name by name.
fn begins(path: &str, with: &str) -> bool {
    let rest = path.strip_prefix(with);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
