//! Path patterns for the requests of a run: exact ones, and wider ones only where many differ in
//! one segment.

use std::collections::{BTreeMap, BTreeSet};

use authsome_providers::glob_matches;

/// So many numbers, hashes or UUIDs in one place of a path are named one by one; more become `*`.
const MAX_IDS: usize = 8;

/// The same for any other values.
const MAX_NAMES: usize = 32;

/// So many rules a connection gets. Where there are more, paths are cut.
const MAX_RULES: usize = 200;

/// How many segments are left of a path that is cut.
const KEPT_SEGMENTS: usize = 4;

/// The requests that one rule permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) methods: BTreeSet<String>,
    pub(super) path: String,
    /// Whether it permits more than what was seen.
    pub(super) is_wide: bool,
}

/// The smallest patterns for these methods and canonical paths.
pub(super) fn patterns(seen: &BTreeSet<(String, String)>) -> Vec<Pattern> {
    let mut by_method: BTreeMap<&str, BTreeSet<Vec<String>>> = BTreeMap::new();
    for (method, path) in seen {
        let paths = by_method.entry(method).or_default();
        paths.insert(path.split('/').map(writable).collect());
    }
    let widened = by_method.into_iter();
    let mut widened: Vec<_> = widened
        .map(|(method, paths)| (method, widen(paths)))
        .collect();
    if widened.iter().map(|(_, paths)| paths.len()).sum::<usize>() > MAX_RULES {
        for (_, paths) in &mut widened {
            *paths = std::mem::take(paths).into_iter().map(cut).collect();
        }
    }
    let mut merged: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (method, paths) in &widened {
        for path in paths {
            let methods = merged.entry(path.join("/")).or_default();
            methods.insert((*method).to_owned());
        }
    }
    without_covered(&merged)
}

/// A segment as a rule can say it: where it has what a rule reads as something else, it is any.
fn writable(segment: &str) -> String {
    let is_odd = |character: char| {
        character.is_whitespace() || character.is_control() || matches!(character, '*' | '?' | '#')
    };
    if segment.contains(is_odd) {
        return "*".to_owned();
    }
    segment.to_owned()
}

/// The same paths with `*` where too many differ in one segment only. Later segments come first: a
/// path says the project before what is in it.
fn widen(mut paths: BTreeSet<Vec<String>>) -> BTreeSet<Vec<String>> {
    let longest = paths.iter().map(Vec::len).max().unwrap_or_default();
    for at in (0..longest).rev() {
        let mut groups: BTreeMap<(Vec<String>, Vec<String>), BTreeSet<String>> = BTreeMap::new();
        for path in &paths {
            if let (Some(before), Some(value), Some(after)) =
                (path.get(..at), path.get(at), path.get(at + 1..))
            {
                let values = groups.entry((before.to_vec(), after.to_vec())).or_default();
                values.insert(value.clone());
            }
        }
        for ((before, after), values) in groups {
            let ids = values.iter().filter(|value| is_id(value)).count();
            let is_any = |value: &str| values.len() > MAX_NAMES || (ids > MAX_IDS && is_id(value));
            let path = |value: &str| [&before[..], &[value.to_owned()], &after].concat();
            for value in values.iter().filter(|value| is_any(value)) {
                paths.remove(&path(value));
                paths.insert(path("*"));
            }
        }
    }
    paths
}

/// A number, a hash or a UUID.
fn is_id(segment: &str) -> bool {
    let is_number = segment.bytes().all(|byte| byte.is_ascii_digit());
    let is_hex = segment
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    !segment.is_empty()
        && (is_number
            || (is_hex && segment.len() >= 7 && segment.bytes().any(|byte| byte.is_ascii_digit())))
}

/// The beginning of a path, with anything below it.
fn cut(mut path: Vec<String>) -> Vec<String> {
    // The first one is in front of the first slash.
    if path.len() > KEPT_SEGMENTS + 1 {
        path.truncate(KEPT_SEGMENTS + 1);
        path.push("**".to_owned());
    }
    path
}

/// The patterns without those of which a wider one permits all.
fn without_covered(merged: &BTreeMap<String, BTreeSet<String>>) -> Vec<Pattern> {
    let wide: Vec<_> = merged
        .iter()
        .filter(|(path, _)| path.contains('*'))
        .collect();
    let is_covered = |path: &String, methods: &BTreeSet<String>| {
        wide.iter().any(|(glob, known)| {
            *glob != path
                && methods.is_subset(known)
                && glob_matches(glob.as_bytes(), path.as_bytes())
        })
    };
    merged
        .iter()
        .filter(|(path, methods)| !is_covered(path, methods))
        .map(|(path, methods)| Pattern {
            methods: methods.clone(),
            path: path.clone(),
            is_wide: path.contains('*'),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(seen: impl IntoIterator<Item = (&'static str, String)>) -> Vec<String> {
        let seen = seen.into_iter();
        let seen = seen
            .map(|(method, path)| (method.to_owned(), path))
            .collect();
        let rules = patterns(&seen).into_iter().map(|pattern| {
            let methods: Vec<_> = pattern.methods.into_iter().collect();
            format!("{} {}", methods.join(","), pattern.path)
        });
        rules.collect()
    }

    #[test]
    fn few_values_are_named_and_many_are_not() {
        let of =
            |count: usize| rules((0..count).map(|at| ("GET", format!("/projects/{at}/issues"))));
        assert_eq!(of(MAX_IDS).len(), MAX_IDS);
        assert_eq!(of(MAX_IDS + 1), ["GET /projects/*/issues"]);
        let of = |count: usize| rules((0..count).map(|at| ("GET", format!("/files/name{at}.md"))));
        assert_eq!(of(MAX_NAMES).len(), MAX_NAMES);
        assert_eq!(of(MAX_NAMES + 1), ["GET /files/*"]);
    }

    #[test]
    fn a_method_is_permitted_only_where_it_was_seen() {
        let many = (0..20).map(|at| ("GET", format!("/a/{at}")));
        let one = [("DELETE", "/a/3".to_owned()), ("GET", "/a/3/b".to_owned())];
        assert_eq!(
            rules(many.chain(one)),
            ["GET /a/*", "DELETE /a/3", "GET /a/3/b"]
        );
        let both = [("GET", "/a".to_owned()), ("POST", "/a".to_owned())];
        assert_eq!(rules(both), ["GET,POST /a"]);
    }

    #[test]
    fn later_segments_are_widened_first() {
        let seen = (0..20).map(|at| ("GET", format!("/projects/42/issues/{at}")));
        assert_eq!(rules(seen), ["GET /projects/42/issues/*"]);
    }

    #[test]
    fn what_a_rule_cannot_say_is_any_segment() {
        let seen = ["/a b/c", "/a*/c", "/x?/c", "/ü/c"];
        let seen = seen.map(|path| ("GET", path.to_owned()));
        assert_eq!(rules(seen), ["GET /*/c"]);
    }

    #[test]
    fn very_many_paths_are_cut() {
        let seen = (0..=MAX_RULES).map(|at| {
            let deep = "x/".repeat(at % 30);
            ("GET", format!("/g/p/-/raw/{deep}n{at}"))
        });
        let rules = rules(seen);
        assert!(rules.contains(&"GET /g/p/-/raw/**".to_owned()), "{rules:?}");
        assert!(rules.len() <= 2, "{rules:?}");
    }
}
