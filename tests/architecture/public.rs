//! What other crates can name of this one.

use std::collections::BTreeSet;
use std::path::Path;

use quote::ToTokens;

/// Each public item that can be reached from `lib.rs`, one on each line.
pub(crate) fn surface(source: &Path) -> String {
    let mut lines = BTreeSet::new();
    module(source, &source.join("lib.rs"), "authsome", &mut lines);
    lines.into_iter().map(|line| line + "\n").collect()
}

fn module(folder: &Path, file: &Path, path: &str, lines: &mut BTreeSet<String>) {
    let text = std::fs::read_to_string(file).expect("a file of the source");
    let parsed = syn::parse_file(&text).expect("a file that parses");
    let stem = file.file_stem().unwrap_or_default();
    let inside = if stem == "lib" {
        folder.to_owned()
    } else {
        folder.join(stem)
    };
    items(&inside, &parsed.items, path, lines);
}

fn items(folder: &Path, items: &[syn::Item], path: &str, lines: &mut BTreeSet<String>) {
    for item in items {
        match item {
            syn::Item::Mod(child) if is_public(&child.vis) => {
                let name = format!("{path}::{}", child.ident);
                lines.insert(format!("mod {name}"));
                if child.content.is_none() {
                    module(
                        folder,
                        &folder.join(format!("{}.rs", child.ident)),
                        &name,
                        lines,
                    );
                }
            }
            syn::Item::Use(item) if is_public(&item.vis) => {
                lines.insert(format!("use {path}::{{{}}}", text(&item.tree)));
            }
            syn::Item::Fn(item) if is_public(&item.vis) => {
                lines.insert(format!("fn {path}::{}", signature(&item.sig)));
            }
            syn::Item::Impl(block) if block.trait_.is_none() => methods(block, path, lines),
            item => lines.extend(named(item).map(|(kind, name)| format!("{kind} {path}::{name}"))),
        }
    }
}

fn methods(block: &syn::ItemImpl, path: &str, lines: &mut BTreeSet<String>) {
    let owner = text(&block.self_ty);
    for item in &block.items {
        if let syn::ImplItem::Fn(method) = item
            && is_public(&method.vis)
        {
            lines.insert(format!("fn {path}::{owner}::{}", signature(&method.sig)));
        }
    }
}

fn named(item: &syn::Item) -> Option<(&'static str, String)> {
    let (kind, name, visibility) = match item {
        syn::Item::Const(item) => ("const", &item.ident, &item.vis),
        syn::Item::Enum(item) => ("enum", &item.ident, &item.vis),
        syn::Item::Struct(item) => ("struct", &item.ident, &item.vis),
        syn::Item::Trait(item) => ("trait", &item.ident, &item.vis),
        syn::Item::Type(item) => ("type", &item.ident, &item.vis),
        _ => return None,
    };
    is_public(visibility).then(|| (kind, name.to_string()))
}

/// `name(argument types) -> type`.
fn signature(signature: &syn::Signature) -> String {
    let inputs = signature.inputs.iter().map(|input| match input {
        syn::FnArg::Receiver(receiver) => text(receiver),
        syn::FnArg::Typed(argument) => text(&argument.ty),
    });
    let inputs: Vec<_> = inputs.collect();
    let output = match &signature.output {
        syn::ReturnType::Default => String::new(),
        syn::ReturnType::Type(_, output) => format!(" -> {}", text(output)),
    };
    let word = if signature.asyncness.is_some() {
        "async "
    } else {
        ""
    };
    format!("{}({}){output} {word}", signature.ident, inputs.join(", "))
        .trim_end()
        .to_owned()
}

fn text(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string()
}

fn is_public(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
}
