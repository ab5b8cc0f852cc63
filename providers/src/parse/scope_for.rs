//! Parses `scope_for` and `scope_includes`: which scopes requests need.

use super::rules::{hosts, methods};
use crate::error::DefinitionError;
use crate::reader::{Fields, texts_at};
use crate::scope_rules::{ScopeRule, ScopeRules};

/// `scope_for`, and `scope_includes` beside it.
pub(super) fn scope_for(
    fields: &mut Fields<'_>,
    warnings: &mut Vec<String>,
) -> Result<ScopeRules, DefinitionError> {
    let mut rules = Vec::new();
    for mut entry in fields.objects("scope_for")? {
        rules.push(ScopeRule {
            scope: entry.required("scope")?.check(scope)?,
            hosts: hosts(&mut entry)?,
            methods: methods(&mut entry)?,
            pattern: entry.required("path")?.pattern()?,
        });
        entry.warn_of_unknown(warnings);
    }
    let mut includes = Vec::new();
    if let Some(scopes) = fields.object("scope_includes")? {
        for (name, value) in scopes.entries() {
            let smaller = texts_at(scopes.path_of(name), value)?;
            let smaller = smaller.iter().map(|text| text.check(scope));
            includes.push((name.to_owned(), smaller.collect::<Result<_, _>>()?));
        }
    }
    Ok(ScopeRules { rules, includes })
}

/// A scope (RFC 6749 §3.3).
fn scope(text: &str) -> Result<String, &'static str> {
    let of_a_scope = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if !text.is_empty() && text.bytes().all(of_a_scope) {
        Ok(text.to_owned())
    } else {
        Err("it is not one scope")
    }
}
