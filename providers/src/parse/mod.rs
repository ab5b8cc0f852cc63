//! Parses JSON into a [`Provider`]. Only this module knows the names of the fields.

mod application;
mod auth;
mod export;
mod field;
mod git;
mod notes;
mod rules;

use serde_json::Value;
use url::Url;

use crate::base_url::{BaseUrl, parse_url};
use crate::endpoint::Endpoint;
use crate::error::DefinitionError;
use crate::field::Param;
use crate::host::HostPattern;
use crate::provider::{AccountSource, ApiUrl, Auth, Provider};
use crate::reader::{Fields, Text};
use crate::rules::{CommonRules, InjectEntry, SharedRules};
use crate::shape::Shape;
use crate::words::Flow;

/// The only schema version.
const SCHEMA_VERSION: u64 = 1;

/// Fields of existing definitions that are only for human readers.
const DESCRIPTIVE: [&str; 4] = ["$schema", "logo", "metadata", "type"];

/// Parses `params` alone, which the rest of the definition depends on.
pub(crate) fn params(json: &Value) -> Result<Vec<Param>, DefinitionError> {
    field::params(&mut Fields::of("", json)?, &mut Vec::new())
}

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
    let placeholder = field::placeholder(&mut fields)?;
    let parsed = auth::auth(&mut fields, &placeholder, &mut warnings)?;
    let names = parsed.names();
    let base_url = parsed.base_url.or(top_base_url);
    let flow = flow(&mut fields, &parsed.auth)?;
    let (git, of_git) = git::git(&mut fields, &names, &mut warnings)?;
    let rules = rules(
        &mut fields,
        parsed.default_shape,
        of_git,
        &names,
        &mut warnings,
    )?;
    let (checked, unverified) = notes::checked(&mut fields, &mut warnings)?;
    let provider = Provider {
        display_name: display_name.unwrap_or_else(|| format!("{id}")),
        id,
        flow,
        description: notes::line(&mut fields, "description")?,
        category: notes::line(&mut fields, "category")?,
        params: field::params(&mut fields, &mut warnings)?,
        placeholder,
        environment: export::environment(&mut fields, &names)?,
        git,
        instance_url: notes::instance_url(&mut fields, &mut warnings)?,
        checked,
        unverified,
        api_urls: api_urls(
            &mut fields,
            base_url.is_some() || is_discovered(&parsed.auth),
        )?,
        base_url,
        export: export::export(&mut fields, &names, &mut warnings)?,
        placeholders: export::placeholders(&mut fields)?,
        addresses: export::addresses(&mut fields)?,
        docs_url: docs_url(&mut fields)?,
        applications_url: page(&mut fields)?,
        application_form: application::form(&mut fields, &mut warnings)?,
        ci_variables: ci_variables(&mut fields)?,
        pages: pages(&mut fields)?,
        accounts: accounts(&mut fields, &mut warnings)?,
        auth: parsed.auth,
        rules,
    };
    refuse_two_meanings(&provider)?;
    fields.warn_of_unknown(&mut warnings);
    Ok((provider, warnings))
}

/// `{name}` is either a part of the credential or a part of the place.
fn refuse_two_meanings(provider: &Provider) -> Result<(), DefinitionError> {
    let Auth::ApiKey(key) = &provider.auth else {
        return Ok(());
    };
    let is_field = |name: &str| key.fields.iter().any(|field| field.name == name);
    match provider.params.iter().find(|param| is_field(&param.name)) {
        Some(param) => Err(DefinitionError::field(
            format!("params.{}", param.name),
            "a field of the credential has this name",
        )),
        None => Ok(()),
    }
}

/// `docs_url`; older definitions call it `docs`.
fn docs_url(fields: &mut Fields<'_>) -> Result<Option<Url>, DefinitionError> {
    let (named, older) = (fields.text("docs_url")?, fields.value("docs"));
    match (named, older) {
        (Some(text), _) => {
            let (place, fragment) = match text.text.split_once('#') {
                Some((place, fragment)) => (place, Some(fragment)),
                None => (text.text, None),
            };
            let mut url = text.check(|_| parse_url(place))?;
            url.set_fragment(fragment);
            Ok(Some(url))
        }
        (None, Some(Value::String(text))) => Ok(parse_url(text).ok()),
        (None, _) => Ok(None),
    }
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
    if (flow == Flow::ApiKey) != (usual == Flow::ApiKey) {
        return Err(DefinitionError::field(
            "flow",
            "it does not go with `auth_type`",
        ));
    }
    // The other flows have no use for it.
    if let Auth::OAuth2(oauth) = auth
        && matches!(flow, Flow::Pkce | Flow::DcrPkce)
        && oauth.authorization.is_none()
        && !oauth.discover
    {
        return Err(DefinitionError::field(
            "oauth.authorization_url",
            "it is missing",
        ));
    }
    Ok(flow)
}

/// `of_git` is the rule for git's requests, which comes before the others.
fn rules(
    fields: &mut Fields<'_>,
    default: Shape,
    of_git: Option<InjectEntry>,
    names: &[String],
    warnings: &mut Vec<String>,
) -> Result<SharedRules, DefinitionError> {
    let inject = rules::inject(fields, default, names, warnings)?;
    let inject = of_git.into_iter().chain(inject).collect();
    let guards = rules::guards(fields, warnings)?;
    let carriers = rules::carriers(fields, warnings)?;
    let headers = rules::headers(fields)?;
    Ok(SharedRules::new(CommonRules::new(
        inject, guards, &carriers, headers,
    )))
}

/// Whether the endpoints, and with them the place, are only known at the login.
fn is_discovered(auth: &Auth) -> bool {
    matches!(auth, Auth::OAuth2(oauth) if oauth.discover)
}

fn api_urls(fields: &mut Fields<'_>, has_base_url: bool) -> Result<Vec<ApiUrl>, DefinitionError> {
    let mut texts = fields.texts("api_url")?;
    let older = fields.texts("host_url")?;
    if texts.is_empty() {
        texts = older;
    }
    let urls = texts.iter().map(api_url).collect::<Result<Vec<_>, _>>()?;
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

fn ci_variables(fields: &mut Fields<'_>) -> Result<Option<Endpoint>, DefinitionError> {
    let text = fields.text("ci_variables")?;
    text.map(|text| text.parse::<Endpoint>()).transpose()
}

/// `applications_url`: a page for a browser, which may have a fragment.
fn page(fields: &mut Fields<'_>) -> Result<Option<Endpoint>, DefinitionError> {
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
            id: entry.parsed("id")?,
            label: entry.parsed("label")?,
        });
        entry.warn_of_unknown(warnings);
    }
    Ok(accounts)
}
