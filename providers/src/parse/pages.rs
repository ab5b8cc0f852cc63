//! Parses `docs_url`, `applications_url` and `pages`: what a browser shows.

use url::Url;

use crate::base_url::{UrlError, parse_url};
use crate::endpoint::Endpoint;
use crate::error::DefinitionError;
use crate::json::Json;
use crate::reader::{Fields, Text};

/// `docs_url`; older definitions call it `docs`. One that is not a URL is left out: it is only
/// shown, and no reason to refuse the rest.
pub(super) fn docs_url(
    fields: &mut Fields<'_>,
    warnings: &mut Vec<String>,
) -> Result<Option<Url>, DefinitionError> {
    let (named, older) = (fields.text("docs_url")?, fields.value("docs"));
    let Some(text) = named else {
        return Ok(older
            .and_then(Json::as_str)
            .and_then(|text| page(text).ok()));
    };
    match page(text.text.trim()) {
        Ok(url) => Ok(Some(url)),
        Err(reason) => {
            warnings.push(format!("`{}` is left out: {reason}", text.path));
            Ok(None)
        }
    }
}

/// A URL of a page, which may have a fragment.
fn page(text: &str) -> Result<Url, UrlError> {
    let (place, fragment) = match text.split_once('#') {
        Some((place, fragment)) => (place, Some(fragment)),
        None => (text, None),
    };
    let mut url = parse_url(place)?;
    url.set_fragment(fragment);
    Ok(url)
}

/// `applications_url`: a page for a browser, which may have a fragment.
pub(super) fn applications_url(
    fields: &mut Fields<'_>,
) -> Result<Option<Endpoint>, DefinitionError> {
    let Some(text) = fields.text("applications_url")? else {
        return Ok(None);
    };
    let (place, fragment) = match text.text.split_once('#') {
        Some((place, fragment)) => (place, Some(fragment)),
        None => (text.text, None),
    };
    let named = Text {
        path: text.path.clone(),
        text: place,
    };
    let mut page = named.parse::<Endpoint>()?;
    if let Endpoint::Fixed(url) = &mut page {
        url.set_fragment(fragment);
    }
    Ok(Some(page))
}

/// `pages`: paths on the instance.
pub(super) fn pages(fields: &mut Fields<'_>) -> Result<Vec<String>, DefinitionError> {
    let page = |text: &Text<'_>| match text.parse::<Endpoint>()? {
        Endpoint::OnInstance(path) => Ok(path),
        Endpoint::Fixed(_) => Err(DefinitionError::field(
            &text.path,
            "it is a path of the instance, and starts with `/`",
        )),
    };
    fields.texts("pages")?.iter().map(page).collect()
}
