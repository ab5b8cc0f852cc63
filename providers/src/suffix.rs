//! Finds the domain that a regular expression for hosts is limited to.
//!
//! A pattern may receive a credential only if all hosts that it matches are below one domain in its
//! text. The session CA's name constraints are built from that domain. Without this rule,
//! `.*googleapis.*` would send the token to `googleapis.evil.com`.

use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::{ExtractKind, Extractor};

/// The minimum number of labels in a domain: a single label would be a whole top-level domain.
const MIN_LABELS: usize = 2;

/// What the matches of a pattern are limited to.
#[derive(Debug)]
pub(crate) enum Suffix {
    /// Every match is this domain or a host below it.
    Domain(String),
    /// The matches are exactly these hosts.
    Hosts(Vec<String>),
    /// The matches are not limited.
    None,
}

/// Parses the pattern alone, before anchors are put around it.
pub(crate) fn parse(pattern: &str) -> Result<Hir, Box<regex_syntax::Error>> {
    regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(pattern)
        .map_err(Box::new)
}

/// Finds the common ending of all matches. Letters are read as written and then lower-cased,
/// because the pattern is matched without regard to case.
pub(crate) fn analyse(pattern: &str) -> Result<Suffix, Box<regex_syntax::Error>> {
    let hir = parse(pattern.strip_prefix("(?i)").unwrap_or(pattern))?;
    let endings = Extractor::new().kind(ExtractKind::Suffix).extract(&hir);
    let Some(literals) = endings.literals() else {
        return Ok(Suffix::None);
    };
    let mut texts = Vec::with_capacity(literals.len());
    for literal in literals {
        let Ok(text) = std::str::from_utf8(literal.as_bytes()) else {
            return Ok(Suffix::None);
        };
        texts.push((text.to_ascii_lowercase(), literal.is_exact()));
    }
    if texts.iter().all(|(_, exact)| *exact) {
        return Ok(Suffix::Hosts(
            texts.into_iter().map(|(text, _)| text).collect(),
        ));
    }
    let whole: Vec<String> = texts
        .iter()
        .map(|(text, exact)| whole_labels(text, *exact).to_owned())
        .collect();
    Ok(common_domain(&whole).map_or(Suffix::None, Suffix::Domain))
}

/// The longest domain that each of `names` equals or is below.
pub(crate) fn common_domain(names: &[String]) -> Option<String> {
    let (first, rest) = names.split_first()?;
    let mut labels: Vec<&str> = first.rsplit('.').collect();
    for name in rest {
        let shared = labels
            .iter()
            .zip(name.rsplit('.'))
            .take_while(|(left, right)| **left == *right)
            .count();
        labels.truncate(shared);
    }
    let has_empty_label = labels.iter().any(|label| label.is_empty());
    // The end of an IP address is not a domain: nothing is below the address `1.0.0.127`.
    let top_is_number = labels
        .first()
        .is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    if labels.len() < MIN_LABELS || has_empty_label || top_is_number {
        return None;
    }
    labels.reverse();
    Some(labels.join("."))
}

/// The part of an ending that consists of whole labels. What precedes an inexact ending is unknown,
/// so its first label may be the end of a longer one (`evilgithubusercontent.com`).
fn whole_labels(ending: &str, exact: bool) -> &str {
    if exact {
        return ending;
    }
    ending.split_once('.').map_or("", |(_, labels)| labels)
}
