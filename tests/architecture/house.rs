//! The source as modules: what each defines, what it brings into scope, and every path that it
//! writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A crate's modules by their path, as `["proxy", "http1", "head"]`; the crate's root has none.
pub(crate) struct House {
    /// By what other crates of the workspace call it.
    pub(crate) name: String,
    modules: BTreeMap<Vec<String>, Module>,
}

/// A module, and the file in which it stands.
#[derive(Default)]
struct Module {
    file: PathBuf,
    /// Types, functions, constants, macros.
    items: BTreeSet<String>,
    uses: Vec<Use>,
    /// Every other path of two segments or more.
    paths: Vec<Vec<String>>,
    methods: BTreeSet<String>,
}

/// One name of a `use`, whose groups are taken apart.
struct Use {
    path: Vec<String>,
    /// How it is called here; `*` where all names are brought in.
    name: String,
    is_public: bool,
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

impl Module {
    fn written(&self) -> impl Iterator<Item = (&[String], bool)> {
        let uses = self.uses.iter().map(|one| (&*one.path, one.is_public));
        uses.chain(self.paths.iter().map(|path| (&**path, false)))
    }

    /// A path whose first name is one of a `use`, in full.
    fn written_out(&self, path: &[String]) -> Vec<String> {
        let named = path.split_first().and_then(|(first, rest)| {
            let one = self.uses.iter().find(|one| one.name == *first)?;
            (!rest.is_empty()).then(|| [&one.path, rest].concat())
        });
        named.unwrap_or_else(|| path.to_vec())
    }
}

/// Reads one file.
struct Reader<'a> {
    file: PathBuf,
    modules: &'a mut BTreeMap<Vec<String>, Module>,
    /// Modules that are there for tests alone.
    tests: &'a mut Vec<Vec<String>>,
    path: Vec<String>,
}

impl Reader<'_> {
    fn read(&mut self, items: &[syn::Item]) {
        let mut module = Module {
            file: self.file.clone(),
            ..Module::default()
        };
        let mut inner = Vec::new();
        for item in items {
            if is_for_tests(attributes(item)) {
                if let syn::Item::Mod(test) = item {
                    let mut path = self.path.clone();
                    path.push(test.ident.to_string());
                    self.tests.push(path);
                }
                continue;
            }
            module.items.extend(name_of(item));
            match item {
                syn::Item::Use(item) => {
                    let is_public = !matches!(item.vis, syn::Visibility::Inherited);
                    flatten(&item.tree, &mut Vec::new(), is_public, &mut module.uses);
                }
                syn::Item::Mod(child) => {
                    if let Some((_, items)) = &child.content {
                        inner.push((child.ident.to_string(), items));
                    }
                }
                item => Collector(&mut module).visit_item(item),
            }
        }
        // Those of one name under different conditions are one.
        let whole = self.modules.entry(self.path.clone());
        match whole {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(module);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                let first = entry.get_mut();
                first.items.extend(module.items);
                first.uses.extend(module.uses);
                first.paths.extend(module.paths);
                first.methods.extend(module.methods);
            }
        }
        for (name, items) in inner {
            self.path.push(name);
            self.read(items);
            self.path.pop();
        }
    }
}

/// Gathers the paths and method calls within an item, of macros' and attributes' arguments too.
struct Collector<'a>(&'a mut Module);

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let names = path.segments.iter().map(|one| one.ident.to_string());
            self.0.paths.push(names.collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.0.methods.insert(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        flatten(&item.tree, &mut Vec::new(), false, &mut self.0.uses);
    }

    fn visit_macro(&mut self, found: &'ast syn::Macro) {
        self.tokens(found.tokens.clone());
        visit::visit_macro(self, found);
    }

    fn visit_meta_list(&mut self, found: &'ast syn::MetaList) {
        self.tokens(found.tokens.clone());
        visit::visit_meta_list(self, found);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }
}

impl Collector<'_> {
    /// `a::b::c` and `.method(` in a macro's arguments, which are tokens and no syntax yet.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut colons, mut behind_dot) = (0, false);
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if behind_dot {
                        self.0.methods.insert(name.to_string());
                    }
                    if colons != 2 {
                        self.end(&mut path);
                    }
                    path.push(name.to_string());
                    (colons, behind_dot) = (0, false);
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                other => {
                    self.end(&mut path);
                    behind_dot = matches!(&other, TokenTree::Punct(mark) if mark.as_char() == '.');
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        if path.len() > 1 {
            self.0.paths.push(std::mem::take(path));
        }
        path.clear();
    }
}

/// Takes the groups of a `use` apart.
fn flatten(tree: &syn::UseTree, path: &mut Vec<String>, is_public: bool, uses: &mut Vec<Use>) {
    let mut add = |path: &[String], name: String| {
        uses.push(Use {
            path: path.to_vec(),
            name,
            is_public,
        });
    };
    match tree {
        syn::UseTree::Path(step) => {
            path.push(step.ident.to_string());
            flatten(&step.tree, path, is_public, uses);
            path.pop();
        }
        syn::UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, path, is_public, uses);
            }
        }
        syn::UseTree::Glob(_) => add(path, "*".to_owned()),
        syn::UseTree::Name(leaf) => add_leaf(path, &leaf.ident.to_string(), None, &mut add),
        syn::UseTree::Rename(leaf) => {
            let name = leaf.rename.to_string();
            add_leaf(path, &leaf.ident.to_string(), Some(name), &mut add);
        }
    }
}

/// `use a::b::{self, c, d as e}`: the first is `a::b` itself.
fn add_leaf(
    path: &[String],
    leaf: &str,
    rename: Option<String>,
    add: &mut impl FnMut(&[String], String),
) {
    if leaf == "self" && !path.is_empty() {
        let name = rename.or_else(|| path.last().cloned()).unwrap_or_default();
        return add(path, name);
    }
    let whole = [path, &[leaf.to_owned()]].concat();
    add(&whole, rename.unwrap_or_else(|| leaf.to_owned()));
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether it is `#[cfg(test)]`, alone, with other conditions that all must hold, or for fuzzing as
/// well.
pub(crate) fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    let of_tests = |attribute: &syn::Attribute| {
        let syn::Meta::List(list) = &attribute.meta else {
            return false;
        };
        let condition: String = list.tokens.to_string().split_whitespace().collect();
        let is_of_tests = ["test", "any(fuzzing,test)"].contains(&&*condition)
            || condition.starts_with("all(test,");
        list.path.is_ident("cfg") && is_of_tests
    };
    attributes.iter().any(of_tests)
}

fn name_of(item: &syn::Item) -> Option<String> {
    let name = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Macro(item) => item.ident.as_ref()?,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        syn::Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
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
