//! Patterns for the refs that a run has pushed to.

use std::collections::{BTreeMap, BTreeSet};

/// So many branches of one directory are named one by one; more become `*`.
const MAX_REFS: usize = 8;

/// A pattern for each, and whether one of them is wider than what was seen. `names` are full.
pub(super) fn patterns(names: &BTreeSet<&str>) -> (Vec<String>, bool) {
    let mut directories: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in names {
        let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
        directories.entry(directory).or_default().push(name);
    }
    let (mut patterns, mut is_wide) = (Vec::new(), false);
    for (directory, names) in directories {
        // All branches, or all tags, would be too many: those are named.
        let is_below = directory.matches('/').count() > 1;
        if names.len() > MAX_REFS && is_below {
            is_wide = true;
            patterns.push(short(&format!("{directory}/*")));
        } else {
            patterns.extend(names.into_iter().map(short));
        }
    }
    (patterns, is_wide)
}

/// A branch by its own name.
fn short(name: &str) -> String {
    let branch = name.strip_prefix("refs/heads/");
    let branch = branch.filter(|branch| !branch.starts_with("refs/"));
    branch.unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_are_named_and_many_of_one_directory_are_not() {
        let of = |names: &[String]| patterns(&names.iter().map(String::as_str).collect());
        let few = ["refs/heads/main", "refs/heads/agent/a", "refs/tags/v1"];
        let few = few.map(str::to_owned);
        assert_eq!(
            of(&few),
            (
                vec![
                    "main".to_owned(),
                    "agent/a".to_owned(),
                    "refs/tags/v1".to_owned()
                ],
                false
            )
        );
        let many: Vec<_> = (0..=MAX_REFS)
            .map(|at| format!("refs/heads/agent/{at}"))
            .collect();
        assert_eq!(of(&many), (vec!["agent/*".to_owned()], true));
        let top: Vec<_> = (0..=MAX_REFS)
            .map(|at| format!("refs/heads/b{at}"))
            .collect();
        assert_eq!(of(&top).0.len(), MAX_REFS + 1);
    }
}
