//! Parses `api_url`: where the credential is sent.

use crate::base_url::BaseUrl;
use crate::error::DefinitionError;
use crate::host::HostPattern;
use crate::provider::{ApiUrl, Auth};
use crate::reader::{Fields, Text};

/// `api_url`; older definitions call it `host_url`.
pub(super) fn api_urls(
    fields: &mut Fields<'_>,
    base_url: Option<&BaseUrl>,
    auth: &Auth,
) -> Result<Vec<ApiUrl>, DefinitionError> {
    let mut texts = fields.texts("api_url")?;
    let older = fields.texts("host_url")?;
    if texts.is_empty() {
        texts = older;
    }
    let urls = texts.iter().map(api_url).collect::<Result<Vec<_>, _>>()?;
    // Where the endpoints are discovered, the place is known at the login.
    let is_discovered = matches!(auth, Auth::OAuth2(oauth) if oauth.discover);
    if urls.is_empty() && base_url.is_none() && !is_discovered {
        return Err(DefinitionError::field(
            "api_url",
            "it is missing: add the host that gets the credential, such as `\"api_url\": \"api.example.com\"`",
        ));
    }
    Ok(urls)
}

/// A host, `host:port`, a URL with a path, `regex:…`, or a path of the instance. Blanks around it
/// are no part of it: none of these can begin or end with one.
fn api_url(text: &Text<'_>) -> Result<ApiUrl, DefinitionError> {
    let text = Text {
        path: text.path.clone(),
        text: text.text.trim(),
    };
    if let Some(pattern) = text.text.strip_prefix("regex:") {
        let hosts = HostPattern::expand(&format!("regex:{}", pattern.trim()));
        let hosts = hosts.map_err(|reason| DefinitionError::field(&text.path, reason))?;
        return Ok(ApiUrl::Hosts(hosts));
    }
    if let Some(path) = text
        .text
        .strip_prefix("{base_url}")
        .or(text.text.starts_with('/').then_some(text.text))
    {
        // Parsed as a `BaseUrl`, so that the definition's prefix is as canonical as one from the
        // user.
        let base: BaseUrl = format!("https://localhost{path}")
            .parse()
            .map_err(|reason| DefinitionError::field(&text.path, reason))?;
        return Ok(ApiUrl::OnInstance(base.path_prefix().to_owned()));
    }
    text.parse().map(ApiUrl::Below)
}
