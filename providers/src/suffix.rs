//! Which domain a regular expression for hosts is bound to.
//!
//! A pattern is trusted with a credential only where every host that it matches is below one domain
//! that it spells out: the session CA's name constraints are built from it, and `.*googleapis.*`
//! would hand the token to `googleapis.evil.com`.

use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::{ExtractKind, Extractor};

/// Labels a domain must have: one alone is a whole top-level domain.
const MIN_LABELS: usize = 2;

/// What a pattern is bound to.
#[derive(Debug)]
pub(crate) enum Suffix {
    /// Every match is this domain or below it.
    Domain(String),
    /// These hosts and no other.
    Hosts(Vec<String>),
    /// Nothing.
    None,
}

/// The pattern's own syntax tree, before any anchor is put around it.
pub(crate) fn parse(pattern: &str) -> Result<Hir, Box<regex_syntax::Error>> {
    regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(pattern)
        .map_err(Box::new)
}

/// Finds what every match of the pattern ends in. Letters are taken as written, then lower-cased:
/// the pattern is matched without regard to case.
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

/// The longest domain that all of `names` are, or are below.
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
    // The tail of an IP address is no domain: `1.0.0.127` is below nothing.
    let top_is_number = labels
        .first()
        .is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    if labels.len() < MIN_LABELS || has_empty_label || top_is_number {
        return None;
    }
    labels.reverse();
    Some(labels.join("."))
}

/// The part of an ending that is whole labels: what precedes an inexact ending is unknown, so its
/// first label may be the tail of a longer one (`evilgithubusercontent.com`).
fn whole_labels(ending: &str, exact: bool) -> &str {
    if exact {
        return ending;
    }
    ending.split_once('.').map_or("", |(_, labels)| labels)
}
