//! Files that import each other in a loop.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::house::{Import, module_path};

/// Each circle as its files. A parent that hands on what its child defines makes none.
pub(crate) fn circles(imports: &BTreeSet<Import>) -> Vec<BTreeSet<PathBuf>> {
    let mut edges: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
    let is_of_child = |import: &Import| {
        let (from, to) = (module_path(&import.from), module_path(&import.to));
        import.is_handed_on && to.starts_with(&from)
    };
    let meant = imports
        .iter()
        .filter(|import| !is_of_child(import) && !import.is_by_way);
    for import in meant {
        edges.entry(&import.from).or_default().insert(&import.to);
        edges.entry(&import.to).or_default();
    }
    let mut circles: Vec<BTreeSet<PathBuf>> = Vec::new();
    for file in edges.keys() {
        if circles.iter().any(|circle| circle.contains(*file)) {
            continue;
        }
        let ahead = reach(file, &edges);
        let circle: BTreeSet<_> = ahead
            .iter()
            .filter(|other| reach(other, &edges).contains(file))
            .map(|other| other.to_path_buf())
            .collect();
        if circle.len() > 1 {
            circles.push(circle);
        }
    }
    circles
}

/// All that a file imports, directly and through others.
fn reach<'a>(file: &Path, edges: &BTreeMap<&'a Path, BTreeSet<&'a Path>>) -> BTreeSet<&'a Path> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&Path> = edges.get(file).into_iter().flatten().copied().collect();
    while let Some(one) = next.pop() {
        if found.insert(one) {
            next.extend(edges.get(one).into_iter().flatten());
        }
    }
    found
}
