//! The source as modules: what each defines, what it brings into scope, and every path that it
//! writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::reader::{Module, Reader};

/// A crate's modules by their path, as `["proxy", "http1", "head"]`; the crate's root has none.
pub(crate) struct House {
    /// By what other crates of the workspace call it.
    pub(crate) name: String,
    modules: BTreeMap<Vec<String>, Module>,
}

/// What a file takes from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    pub(crate) from: PathBuf,
    pub(crate) to: PathBuf,
    /// As it is written, from the crate's root.
    pub(crate) path: String,
    /// Only handed on: `pub use`.
    pub(crate) is_handed_on: bool,
    /// `to` itself only hands it on: what is meant is defined elsewhere.
    pub(crate) is_by_way: bool,
}

/// A file to which a path leads, and whether it is only passed through.
type Found = (PathBuf, bool);

impl House {
    /// Reads all `.rs` files below a folder.
    pub(crate) fn read(name: &str, folder: &Path) -> Self {
        let mut files = Vec::new();
        collect(folder, folder, &mut files);
        let texts = files.into_iter().map(|path| {
            let text = std::fs::read_to_string(folder.join(&path)).expect("a file of the source");
            (path, text)
        });
        Self::of(name, texts)
    }

    /// The same of texts, each with its path below the crate's folder.
    pub(crate) fn of(name: &str, texts: impl IntoIterator<Item = (PathBuf, String)>) -> Self {
        let mut modules = BTreeMap::new();
        let mut of_tests = Vec::new();
        let texts: Vec<_> = texts.into_iter().collect();
        for (file, text) in &texts {
            let mut path = module_path(file);
            // A binary beside a library is another crate, which imports from it.
            let library = file.with_file_name("lib.rs");
            if file.ends_with("main.rs") && texts.iter().any(|(other, _)| *other == library) {
                path.push("main".to_owned());
            }
            let parsed =
                syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let mut reader = Reader {
                file: file.clone(),
                modules: &mut modules,
                tests: &mut of_tests,
                path,
            };
            reader.read(&parsed.items);
        }
        // A folder without a file of its own is a module as well, which defines nothing.
        for path in modules.keys().cloned().collect::<Vec<_>>() {
            for length in 0..path.len() {
                modules.entry(path[..length].to_vec()).or_default();
            }
        }
        modules.retain(|path, _| !of_tests.iter().any(|test| path.starts_with(test)));
        Self {
            name: name.to_owned(),
            modules,
        }
    }

    /// What each file takes from others of the crate: from the module that it names, and from the
    /// one that defines what is meant.
    pub(crate) fn imports(&self) -> BTreeSet<Import> {
        let mut imports = BTreeSet::new();
        for (path, module) in &self.modules {
            for (written, is_handed_on) in module.written() {
                // `use crate::net;` and then `net::dial`.
                let whole = module.written_out(written);
                let targets = [written, &*whole]
                    .into_iter()
                    .filter_map(|path_of_it| self.resolve(path, path_of_it, DEPTH))
                    .flatten()
                    .filter(|(to, _)| *to != module.file && to.iter().count() > 0);
                imports.extend(targets.map(|(to, is_by_way)| Import {
                    from: module.file.clone(),
                    to,
                    path: written.join("::"),
                    is_handed_on,
                    is_by_way,
                }));
            }
        }
        imports
    }

    /// What stands in each file of other crates and of the standard library, with local names
    /// written out: `std::env::var`.
    pub(crate) fn foreign(&self) -> BTreeSet<(&Path, String)> {
        let mut foreign = BTreeSet::new();
        for module in self.modules.values() {
            for (path, _) in module.written() {
                let whole = module.written_out(path);
                foreign.insert((&*module.file, whole.join("::")));
            }
        }
        foreign
    }

    /// The files that call a method of this name, or name it: `Secret::expose`.
    pub(crate) fn calls(&self, method: &str) -> BTreeSet<&Path> {
        let names = |path: &Vec<String>| path.last().is_some_and(|last| last == method);
        let is_calling =
            |module: &&Module| module.methods.contains(method) || module.paths.iter().any(names);
        let calling = self.modules.values().filter(is_calling);
        calling.map(|module| &*module.file).collect()
    }

    /// The files of the modules that a path names and of the one that defines its last name;
    /// nothing where it leads out of the crate.
    fn resolve(&self, from: &[String], written: &[String], depth: usize) -> Option<Vec<Found>> {
        let depth = depth.checked_sub(1)?;
        let (mut at, mut rest) = self.start(from, written)?;
        loop {
            let module = self.modules.get(&at)?;
            let Some((name, behind)) = rest.split_first() else {
                return Some(vec![(module.file.clone(), false)]);
            };
            let mut child = at.clone();
            child.push(name.clone());
            if self.modules.contains_key(&child) {
                (at, rest) = (child, behind);
                continue;
            }
            let mut found = Vec::new();
            if !module.items.contains(name) {
                found = self.behind_uses(&at, module, rest, depth);
            }
            found.push((module.file.clone(), !found.is_empty()));
            return Some(found);
        }
    }

    /// Where a path begins, and what is left of it.
    fn start<'a>(
        &self,
        from: &[String],
        written: &'a [String],
    ) -> Option<(Vec<String>, &'a [String])> {
        let (first, mut rest) = written.split_first()?;
        let mut at = match first.as_str() {
            "self" => from.to_vec(),
            "super" => from.split_last()?.1.to_vec(),
            "crate" => Vec::new(),
            name if name == self.name => Vec::new(),
            name => {
                let child = [from, &[name.to_owned()]].concat();
                let is_here = self.modules.contains_key(&child);
                return is_here.then_some((child, rest));
            }
        };
        while rest.first().is_some_and(|name| name == "super") {
            at.pop()?;
            rest = &rest[1..];
        }
        Some((at, rest))
    }

    /// Follows what a module has brought into its scope, by name and by `*`.
    fn behind_uses(
        &self,
        at: &[String],
        module: &Module,
        rest: &[String],
        depth: usize,
    ) -> Vec<Found> {
        let Some((name, behind)) = rest.split_first() else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for one in &module.uses {
            if one.name == *name {
                let path = [&one.path, behind].concat();
                found.extend(self.resolve(at, &path, depth).into_iter().flatten());
            } else if one.name == "*" && one.path.first().is_some_and(|first| first != name) {
                let path = [&one.path, rest].concat();
                found.extend(self.resolve(at, &path, depth).into_iter().flatten());
            }
        }
        found
    }
}

/// `proxy/http1.rs` is `proxy::http1`; `lib.rs`, `main.rs` and `mod.rs` are their folder.
pub(crate) fn module_path(file: &Path) -> Vec<String> {
    let names = file.with_extension("");
    let mut path: Vec<_> = names
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if path
        .last()
        .is_some_and(|last| ["lib", "main", "mod"].contains(&&**last))
    {
        path.pop();
    }
    path
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder of the source")
        .map(|entry| entry.expect("an entry of it").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path.strip_prefix(root).expect("below it").to_owned());
        }
    }
}

/// How many re-exports are followed.
const DEPTH: usize = 8;
