//! Reads one file: its modules, what they import, which paths and methods they name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A module, and the file in which it stands.
#[derive(Default)]
pub(crate) struct Module {
    pub(crate) file: PathBuf,
    /// Types, functions, constants, macros.
    pub(crate) items: BTreeSet<String>,
    pub(crate) uses: Vec<Use>,
    /// Every other path of two segments or more.
    pub(crate) paths: Vec<Vec<String>>,
    pub(crate) methods: BTreeSet<String>,
}

/// One name of a `use`, whose groups are taken apart.
pub(crate) struct Use {
    pub(crate) path: Vec<String>,
    /// How it is called here; `*` where all names are brought in.
    pub(crate) name: String,
    pub(crate) is_public: bool,
}

impl Module {
    pub(crate) fn written(&self) -> impl Iterator<Item = (&[String], bool)> {
        let uses = self.uses.iter().map(|one| (&*one.path, one.is_public));
        uses.chain(self.paths.iter().map(|path| (&**path, false)))
    }

    /// A path whose first name is one of a `use`, in full.
    pub(crate) fn written_out(&self, path: &[String]) -> Vec<String> {
        let named = path.split_first().and_then(|(first, rest)| {
            let one = self.uses.iter().find(|one| one.name == *first)?;
            (!rest.is_empty()).then(|| [&one.path, rest].concat())
        });
        named.unwrap_or_else(|| path.to_vec())
    }
}

/// Reads one file.
pub(crate) struct Reader<'a> {
    pub(crate) file: PathBuf,
    pub(crate) modules: &'a mut BTreeMap<Vec<String>, Module>,
    /// Modules that are there for tests alone.
    pub(crate) tests: &'a mut Vec<Vec<String>>,
    pub(crate) path: Vec<String>,
}

impl Reader<'_> {
    pub(crate) fn read(&mut self, items: &[syn::Item]) {
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
