//! Parses what a definition says of itself, and `instance_url`.

use crate::error::DefinitionError;
use crate::host::HostPattern;
use crate::id::ProviderId;
use crate::provider::{Checked, InstanceUrl};
use crate::reader::Fields;

/// The longest line that is taken: it stands in a table.
const MAX_LINE: usize = 200;

/// Its name to display: that for the command line, if it says no other.
pub(super) fn display_name(
    fields: &mut Fields<'_>,
    id: &ProviderId,
) -> Result<String, DefinitionError> {
    let text = fields.text("display_name")?;
    Ok(text.map_or_else(|| id.to_string(), |text| text.text.to_owned()))
}

/// A line of text. A longer text is cut to one: it is only shown, and no reason to refuse the rest.
pub(super) fn line(
    fields: &mut Fields<'_>,
    name: &'static str,
    warnings: &mut Vec<String>,
) -> Result<Option<String>, DefinitionError> {
    let Some(text) = fields.text(name)? else {
        return Ok(None);
    };
    if text.text.chars().count() <= MAX_LINE && !text.text.contains(char::is_control) {
        return Ok(Some(text.text.to_owned()));
    }
    warnings.push(format!(
        "`{}` is cut to one line of at most {MAX_LINE} characters",
        text.path
    ));
    Ok(Some(cut(text.text)))
}

/// The words of the text in one line, with `…` in the place of what is left out.
fn cut(text: &str) -> String {
    let between = |character: char| character.is_whitespace() || character.is_control();
    let words: Vec<_> = text
        .split(between)
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_LINE) {
        None => line,
        Some(_) => line.chars().take(MAX_LINE - 1).chain(['…']).collect(),
    }
}

/// `checked` and `unverified`.
pub(super) fn checked(
    fields: &mut Fields<'_>,
    warnings: &mut Vec<String>,
) -> Result<(Option<Checked>, Vec<String>), DefinitionError> {
    let owned = |fields: &mut Fields<'_>, name| -> Result<Vec<String>, DefinitionError> {
        let texts = fields.texts(name)?;
        Ok(texts.iter().map(|text| text.text.to_owned()).collect())
    };
    let checked = match fields.object("checked")? {
        None => None,
        Some(mut entry) => {
            let checked = Checked {
                on: entry.required("on")?.check(date)?,
                from: owned(&mut entry, "from")?,
            };
            entry.warn_of_unknown(warnings);
            Some(checked)
        }
    };
    Ok((checked, owned(fields, "unverified")?))
}

/// A date of ISO 8601.
fn date(text: &str) -> Result<String, &'static str> {
    let is_date = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if is_date {
        Ok(text.to_owned())
    } else {
        Err("it is a date, such as 2026-11-28")
    }
}

/// `instance_url`: where the token's response names the host of the API.
pub(super) fn instance_url(
    fields: &mut Fields<'_>,
    warnings: &mut Vec<String>,
) -> Result<Option<InstanceUrl>, DefinitionError> {
    let Some(mut entry) = fields.object("instance_url")? else {
        return Ok(None);
    };
    let pointer = entry.required("pointer")?.parse()?;
    let suffix = entry.required("suffix")?;
    let instance = match suffix.parse::<HostPattern>()? {
        // A bare top-level domain would admit everybody's hosts.
        HostPattern::Exact(host) if host.contains('.') => InstanceUrl {
            pointer,
            suffix: host,
        },
        _ => {
            return Err(DefinitionError::field(
                suffix.path,
                "it is a domain, such as example.com",
            ));
        }
    };
    entry.warn_of_unknown(warnings);
    Ok(Some(instance))
}
