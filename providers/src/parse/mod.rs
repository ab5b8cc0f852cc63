//! Parses JSON into a [`Provider`]. Only this module knows the names of the fields.

mod application;
mod auth;
mod export;
mod rules;

use serde_json::Value;

use crate::base_url::{BaseUrl, parse_url};
use crate::endpoint::Endpoint;
use crate::error::DefinitionError;
use crate::host::HostPattern;
use crate::provider::{AccountSource, ApiUrl, Auth, Flow, Provider};
use crate::reader::{Fields, Text};
use crate::rules::{CommonRules, SharedRules};
use crate::shape::Shape;

/// The only schema version.
const SCHEMA_VERSION: u64 = 1;

/// Fields of existing definitions that are only for human readers.
const DESCRIPTIVE: [&str; 4] = ["description", "logo", "metadata", "type"];

/// Parses a definition; the warnings name the fields that have no effect.
pub(crate) fn provider(json: &Value) -> Result<(Provider, Vec<String>), DefinitionError> {
    let mut warnings = Vec::new();
    let mut fields = Fields::of("", json)?;
    for name in DESCRIPTIVE {
        fields.value(name);
    }
    schema_version(&mut fields)?;
    let id = fields.required("name")?.parse()?;
    let display_name = fields
        .text("display_name")?
        .map(|text| text.text.to_owned());
    let top_base_url = fields.parsed::<BaseUrl>("base_url")?;
    let parsed = auth::auth(&mut fields, &mut warnings)?;
    let base_url = parsed.base_url.or(top_base_url);
    let flow = flow(&mut fields, &parsed.auth)?;
    let rules = rules(&mut fields, parsed.default_shape, &mut warnings)?;
    let provider = Provider {
        display_name: display_name.unwrap_or_else(|| format!("{id}")),
        id,
        flow,
        api_urls: api_urls(&mut fields, base_url.is_some())?,
        base_url,
        export: export::export(&mut fields, &mut warnings)?,
        placeholders: export::placeholders(&mut fields)?,
        addresses: export::addresses(&mut fields)?,
        docs_url: fields
            .text("docs_url")?
            .map(|text| text.check(parse_url))
            .transpose()?,
        applications_url: fields.parsed("applications_url")?,
        application_form: application::form(&mut fields, &mut warnings)?,
        pages: pages(&mut fields)?,
        accounts: accounts(&mut fields, &mut warnings)?,
        auth: parsed.auth,
        rules,
    };
    fields.warn_of_unknown(&mut warnings);
    Ok((provider, warnings))
}

fn schema_version(fields: &mut Fields<'_>) -> Result<(), DefinitionError> {
    match fields.value("schema_version").map(Value::as_u64) {
        None | Some(Some(SCHEMA_VERSION)) => Ok(()),
        Some(_) => Err(DefinitionError::field(
            "schema_version",
            "this authsome knows version 1 only",
        )),
    }
}

fn flow(fields: &mut Fields<'_>, auth: &Auth) -> Result<Flow, DefinitionError> {
    let usual = match auth {
        Auth::ApiKey(_) => Flow::ApiKey,
        Auth::OAuth2(_) => Flow::Pkce,
    };
    let flow = fields.parsed("flow")?.unwrap_or(usual);
    if (flow == Flow::ApiKey) == (usual == Flow::ApiKey) {
        Ok(flow)
    } else {
        Err(DefinitionError::field(
            "flow",
            "it does not go with `auth_type`",
        ))
    }
}

fn rules(
    fields: &mut Fields<'_>,
    default: Shape,
    warnings: &mut Vec<String>,
) -> Result<SharedRules, DefinitionError> {
    let inject = rules::inject(fields, default, warnings)?;
    let guards = rules::guards(fields, warnings)?;
    let carriers = rules::carriers(fields, warnings)?;
    Ok(SharedRules::new(CommonRules::new(
        inject, guards, &carriers,
    )))
}

fn api_urls(fields: &mut Fields<'_>, has_base_url: bool) -> Result<Vec<ApiUrl>, DefinitionError> {
    let urls = fields
        .texts("api_url")?
        .iter()
        .map(api_url)
        .collect::<Result<Vec<_>, _>>()?;
    if urls.is_empty() && !has_base_url {
        return Err(DefinitionError::field(
            "api_url",
            "it is missing, and there is no base URL to take its place",
        ));
    }
    Ok(urls)
}

/// A host, `host:port`, a URL with a path, `regex:…`, or a path of the instance.
fn api_url(text: &Text<'_>) -> Result<ApiUrl, DefinitionError> {
    if text.text.starts_with("regex:") {
        return text.check(HostPattern::expand).map(ApiUrl::Hosts);
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

/// `pages`: paths on the instance.
fn pages(fields: &mut Fields<'_>) -> Result<Vec<String>, DefinitionError> {
    let page = |text: &Text<'_>| match text.parse::<Endpoint>()? {
        Endpoint::OnInstance(path) => Ok(path),
        Endpoint::Fixed(_) => Err(DefinitionError::field(
            &text.path,
            "it is a path of the instance, and starts with `/`",
        )),
    };
    fields.texts("pages")?.iter().map(page).collect()
}

fn accounts(
    fields: &mut Fields<'_>,
    warnings: &mut Vec<String>,
) -> Result<Vec<AccountSource>, DefinitionError> {
    let mut accounts = Vec::new();
    for mut entry in fields.objects("account")? {
        accounts.push(AccountSource {
            url: entry.required("url")?.parse()?,
            id: entry.required("id")?.parse()?,
            label: entry.parsed("label")?,
        });
        entry.warn_of_unknown(warnings);
    }
    Ok(accounts)
}
