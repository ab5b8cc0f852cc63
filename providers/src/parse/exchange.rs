//! Parses `exchange`: where a key is exchanged for what requests carry.

use std::time::Duration;

use crate::error::DefinitionError;
use crate::field::CredentialField;
use crate::json::Json;
use crate::provider::KeyExchange;
use crate::reader::{Fields, text_at};

/// A token that ends sooner could not be used, and one that lives longer needs no exchange.
const LIFETIMES: std::ops::RangeInclusive<u64> = 60..=31_536_000;

/// `exchange`. `parts` are the fields of the credential, its key first.
pub(super) fn exchange(
    definition: &mut Fields<'_>,
    parts: &[CredentialField],
    warnings: &mut Vec<String>,
) -> Result<Option<KeyExchange>, DefinitionError> {
    let Some(mut entry) = definition.object("exchange")? else {
        return Ok(None);
    };
    let url = entry.required("url")?.parse()?;
    let path = entry.path_of("fields");
    let Some(names) = entry.object("fields")? else {
        return Err(DefinitionError::field(path, "it is missing"));
    };
    let (mut key, mut id) = (None, None);
    for (name, value) in names.entries() {
        let path = names.path_of(name);
        let member = text_at(path.clone(), value)?.text.to_owned();
        let refuse = |reason: &str| Err(DefinitionError::field(path.clone(), reason));
        match parts.iter().position(|part| part.name == name) {
            Some(0) => key = Some(member),
            Some(at) if parts[at].is_secret || parts[at].is_optional => {
                return refuse("beside the key it has a part that is neither secret nor optional");
            }
            Some(_) if id.is_some() => return refuse("there are more than two"),
            Some(_) => id = Some((name.to_owned(), member)),
            None => return refuse("it is no field of the credential"),
        }
    }
    let Some(key) = key else {
        return Err(DefinitionError::field(path, "the key is missing"));
    };
    let lifetime = lifetime(&mut entry)?;
    entry.warn_of_unknown(warnings);
    Ok(Some(KeyExchange {
        url,
        key,
        id,
        lifetime,
    }))
}

fn lifetime(entry: &mut Fields<'_>) -> Result<Duration, DefinitionError> {
    let path = entry.path_of("lifetime");
    let seconds = entry.value("lifetime").and_then(Json::as_u64);
    match seconds.filter(|seconds| LIFETIMES.contains(seconds)) {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err(DefinitionError::field(
            path,
            "it is a number of seconds, from a minute to a year",
        )),
    }
}
