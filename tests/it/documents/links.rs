//! Links between documents: the file is there, and so is the heading.

use std::path::{Component, Path, PathBuf};

use super::page::{Page, root};

pub(super) fn faults(pages: &[Page]) -> Vec<String> {
    let mut faults = Vec::new();
    for page in pages {
        for (line, text) in &page.prose {
            for target in targets(text) {
                if let Some(fault) = fault(page, &target) {
                    faults.push(format!("{}:{line}: {target}: {fault}", page.name));
                }
            }
        }
    }
    faults
}

/// What stands between `](` and `)`.
fn targets(text: &str) -> Vec<String> {
    let after = text.split("](").skip(1);
    let targets = after.filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    let own = targets.filter(|target| !target.contains("://"));
    own.map(str::to_owned).collect()
}

fn fault(page: &Page, target: &str) -> Option<String> {
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (target, None),
    };
    let name = if file.is_empty() {
        page.name.clone()
    } else {
        beside(&page.name, file)
    };
    let path = root().join(&name);
    if !path.exists() {
        return Some("there is no such file".to_owned());
    }
    let anchor = anchor?;
    let text = std::fs::read_to_string(&path).unwrap();
    let found = anchors(&text).iter().any(|have| have == anchor);
    (!found).then(|| format!("{name} has no such heading: {:?}", anchors(&text)))
}

/// A path that is relative to the page's directory, from the root.
fn beside(page: &str, file: &str) -> String {
    let mut path = PathBuf::from(page);
    path.pop();
    for part in Path::new(file).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    path.display().to_string()
}

/// The names of a document's headings, as GitHub and GitLab make them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().map(|line| line.trim_start_matches("> "));
    let headings = headings.filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
    headings
        .map(|heading| {
            let lower = heading.trim().to_lowercase().replace(' ', "-");
            let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, '-' | '_');
            lower.chars().filter(kept).collect()
        })
        .collect()
}
