//! Parses `account`: requests that tell whose a credential is.

use crate::error::DefinitionError;
use crate::json::Json;
use crate::provider::{AccountSource, Post, SignedFor};
use crate::reader::Fields;

/// The types of the two kinds of bodies.
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// The entries of `account`, in the order in which they are tried.
pub(super) fn accounts(
    fields: &mut Fields<'_>,
    warnings: &mut Vec<String>,
) -> Result<Vec<AccountSource>, DefinitionError> {
    let mut accounts = Vec::new();
    for mut entry in fields.objects("account")? {
        accounts.push(AccountSource {
            url: entry.required("url")?.parse()?,
            id: entry.parsed("id")?,
            label: entry.parsed("label")?,
            post: post(&mut entry)?,
            signed_for: signed_for(&mut entry, warnings)?,
        });
        entry.warn_of_unknown(warnings);
    }
    Ok(accounts)
}

/// `method` and `body`: what is sent by POST. A text is sent as it is, anything else as JSON. By
/// GET nothing is sent (RFC 9110 §9.3.1).
fn post(entry: &mut Fields<'_>) -> Result<Option<Post>, DefinitionError> {
    let method = entry.text("method")?;
    let body = entry.value("body");
    match method.as_ref().map_or("GET", |method| method.text) {
        "GET" if body.is_none() => Ok(None),
        "GET" => Err(DefinitionError::field(
            entry.path_of("body"),
            "only a request by POST has one",
        )),
        "POST" => Ok(Some(match body {
            None => Post {
                content_type: None,
                body: String::new(),
            },
            Some(Json::Text(text)) => Post {
                content_type: Some(TEXT),
                body: text.clone().into_owned(),
            },
            Some(json) => Post {
                content_type: Some(JSON),
                body: json.text().ok_or_else(|| {
                    let why = "numbers in it are natural ones";
                    DefinitionError::field(entry.path_of("body"), why)
                })?,
            },
        })),
        _ => Err(DefinitionError::field(
            entry.path_of("method"),
            "it is GET or POST",
        )),
    }
}

/// `sigv4`: what a request of `account` is signed for.
fn signed_for(
    entry: &mut Fields<'_>,
    warnings: &mut Vec<String>,
) -> Result<Option<SignedFor>, DefinitionError> {
    let Some(mut signed) = entry.object("sigv4")? else {
        return Ok(None);
    };
    let found = SignedFor {
        region: signed.required("region")?.text.to_owned(),
        service: signed.required("service")?.text.to_owned(),
    };
    signed.warn_of_unknown(warnings);
    Ok(Some(found))
}
