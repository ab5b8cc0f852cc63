//! Documents in a query string or a form (`application/x-www-form-urlencoded`).

use std::borrow::Cow;

use url::form_urlencoded;

use super::json;
use super::verdict::Unreadable;

/// The parameters of a query string or a form.
#[derive(Debug)]
pub(super) struct Parameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Parameters<'a> {
    /// Parses parameters. A semicolon separates parameters for some servers, so none is taken.
    pub(super) fn parse(text: &'a str) -> Result<Self, Unreadable> {
        if text.contains(';') {
            return Err(Unreadable::Ambiguous("its parameters have a semicolon"));
        }
        Ok(Self(form_urlencoded::parse(text.as_bytes()).collect()))
    }

    /// The names that servers see which take `&` and those that also take `;` as a separator.
    pub(super) fn names(text: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
        let pairs = text.split(['&', ';']);
        pairs.flat_map(|pair| form_urlencoded::parse(pair.as_bytes()).map(|(name, _)| name))
    }

    /// The document, if there is one.
    pub(super) fn documents(&self) -> Result<Vec<String>, Unreadable> {
        let mut documents = Vec::new();
        for (name, value) in &self.0 {
            match name.as_ref() {
                "query" => documents.push(value.clone().into_owned()),
                "extensions" => json::check_extensions(value)?,
                name if json::is_id(name) => return Err(Unreadable::Persisted),
                name if has_meaning(name) => {
                    return Err(Unreadable::Ambiguous(
                        "a parameter's name may be that of a document",
                    ));
                }
                _ => {}
            }
        }
        match documents.as_slice() {
            [_, _, ..] => Err(Unreadable::Ambiguous("`query` is there twice")),
            // What does not decode, each server replaces in its own way.
            [document] if document.contains('\u{fffd}') => {
                Err(Unreadable::Ambiguous("it is not UTF-8"))
            }
            _ => Ok(documents),
        }
    }
}

/// Whether a parameter of that name may carry a document, or a part of one: besides `query` those
/// in which Rails puts a batch (`_json`), those of the multipart specification, and those that
/// Rails and PHP take for a structure of such a name (`query[]`), or Rack for the name itself
/// (`[query]`).
pub(super) fn has_meaning(name: &str) -> bool {
    let stem = name
        .trim_start_matches(|first: char| first.is_whitespace() || "[]".contains(first))
        .trim_end()
        .split(['[', ']', '.'])
        .next()
        .unwrap_or_default();
    let is_one = |known: &&str| stem.eq_ignore_ascii_case(known);
    let is_known = ["query", "_json", "operations", "map", "graphql"]
        .iter()
        .any(is_one);
    is_known || name.contains('\u{fffd}') || name.bytes().any(|byte| byte < b' ')
}
