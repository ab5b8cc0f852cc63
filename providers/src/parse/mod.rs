//! Parses JSON into a [`Provider`]. Only this module knows the names of the fields.

mod account;
mod addresses;
mod api_url;
mod application;
mod auth;
mod client;
mod exchange;
mod export;
mod field;
mod flow;
mod git;
mod guard;
mod mints;
mod notes;
mod oauth;
mod pages;
mod rules;
mod scope_for;

use crate::base_url::BaseUrl;
use crate::bundled::BundledGuards;
use crate::endpoint::Endpoint;
use crate::error::DefinitionError;
use crate::field::Param;
use crate::git_section::GitSection;
use crate::json::Json;
use crate::provider::{Auth, Provider};
use crate::reader::{Fields, Path, Scrutiny};
use crate::rules::{CommonRules, Guards, LaterGuards, SharedRules};
use crate::shape::Shape;

/// The only schema version.
const SCHEMA_VERSION: u64 = 1;

/// Fields of existing definitions that are only for human readers, and those that the Python
/// program adds when it shows one.
const DESCRIPTIVE: [&str; 6] = [
    "$schema",
    "connections",
    "global_connections",
    "logo",
    "metadata",
    "type",
];

/// Parses `params` alone, which the rest of the definition depends on. The warnings name the fields
/// that have no effect.
pub(crate) fn params(
    json: &Json<'_>,
    scrutiny: Scrutiny,
) -> Result<(Vec<Param>, Vec<String>), DefinitionError> {
    let mut warnings = Vec::new();
    let mut fields = Fields::of(Path::Top(scrutiny), json)?;
    let params = field::params(&mut fields, &mut warnings)?;
    Ok((params, warnings))
}

/// Guard rules of a bundled definition, to be parsed when they are needed.
pub(crate) fn later_guards(bundled: BundledGuards) -> LaterGuards {
    LaterGuards {
        rules: bundled.rules,
        lines: bundled.lines,
        parse: guard::bundled,
    }
}

/// Parses the rest of a definition, with its `params`; the warnings are as those of [`params`].
/// Guard rules that are to be parsed `later` are not in `json`.
pub(crate) fn provider(
    json: &Json<'_>,
    params: Vec<Param>,
    scrutiny: Scrutiny,
    later: Option<LaterGuards>,
) -> Result<(Provider, Vec<String>), DefinitionError> {
    let mut warnings = Vec::new();
    let mut fields = opened(json, scrutiny)?;
    let id = fields.required("name")?.parse()?;
    let top_base_url = fields.parsed::<BaseUrl>("base_url")?;
    let placeholder = field::placeholder(&mut fields)?;
    let mut parsed = auth::auth(&mut fields, &placeholder, &mut warnings)?;
    let names = parsed.names();
    let base_url = parsed.base_url.or(top_base_url);
    let flow = flow::flow(&mut fields, &mut parsed.auth, &mut warnings)?;
    let mints = mints::mints(&mut fields, (&placeholder, &parsed.auth), &mut warnings)?;
    let credential = (parsed.default_shape, names.as_slice());
    let (git, rules) = rules(&mut fields, credential, later, &mut warnings)?;
    let rules = SharedRules::new(rules.with_mints(mints));
    let api_urls = api_url::api_urls(&mut fields, base_url.as_ref(), &parsed.auth)?;
    let addresses = addresses::addresses(
        &mut fields,
        base_url.as_ref(),
        &api_urls,
        &names,
        &mut warnings,
    )?;
    let (checked, unverified) = notes::checked(&mut fields, &mut warnings)?;
    let provider = Provider {
        display_name: notes::display_name(&mut fields, &id)?,
        id,
        flow,
        description: notes::line(&mut fields, "description", &mut warnings)?,
        category: notes::line(&mut fields, "category", &mut warnings)?,
        params,
        placeholder,
        environment: export::environment(&mut fields, &names)?,
        git,
        instance_url: notes::instance_url(&mut fields, &mut warnings)?,
        checked,
        unverified,
        api_urls,
        base_url,
        export: export::export(&mut fields, &names)?,
        placeholders: export::placeholders(&mut fields)?,
        addresses,
        docs_url: pages::docs_url(&mut fields, &mut warnings)?,
        applications_url: pages::applications_url(&mut fields)?,
        application_form: application::form(&mut fields, &mut warnings)?,
        ci_variables: ci_variables(&mut fields)?,
        pages: pages::pages(&mut fields)?,
        accounts: account::accounts(&mut fields, &mut warnings)?,
        scope_rules: scope_for::scope_for(&mut fields, &mut warnings)?,
        auth: parsed.auth,
        rules,
    };
    refuse_two_meanings(&provider)?;
    fields.warn_of_unknown(&mut warnings);
    Ok((provider, warnings))
}

/// A definition whose fields can be read, of a version that is known.
fn opened<'json>(
    json: &'json Json<'json>,
    scrutiny: Scrutiny,
) -> Result<Fields<'json>, DefinitionError> {
    let mut fields = Fields::of(Path::Top(scrutiny), json)?;
    fields.ignore(&DESCRIPTIVE);
    fields.ignore(&["params"]);
    schema_version(&mut fields)?;
    Ok(fields)
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

fn schema_version(fields: &mut Fields<'_>) -> Result<(), DefinitionError> {
    match fields.value("schema_version").map(Json::as_u64) {
        None | Some(Some(SCHEMA_VERSION)) => Ok(()),
        Some(_) => Err(DefinitionError::field(
            "schema_version",
            "this authsome knows version 1 only",
        )),
    }
}

/// `git`, and all rules. The one for git's requests comes before the others.
fn rules(
    fields: &mut Fields<'_>,
    (default, names): (Shape, &[String]),
    later: Option<LaterGuards>,
    warnings: &mut Vec<String>,
) -> Result<(Option<GitSection>, CommonRules), DefinitionError> {
    let (git, of_git) = git::git(fields, names, warnings)?;
    let inject = rules::inject(fields, default, names, warnings)?;
    let inject = of_git.into_iter().chain(inject).collect();
    let reading = guard::reading(fields, warnings)?;
    let guards = match later {
        Some(later) => Guards::later(later),
        None => Guards::of(guard::guards(
            fields,
            !reading.graphql.is_empty(),
            warnings,
        )?),
    };
    let carriers = rules::carriers(fields, warnings)?;
    let headers = rules::headers(fields)?;
    let rules = CommonRules::new(inject, guards, &carriers, headers);
    Ok((git, rules.at_server(reading)))
}

fn ci_variables(fields: &mut Fields<'_>) -> Result<Option<Endpoint>, DefinitionError> {
    let text = fields.text("ci_variables")?;
    text.map(|text| text.parse::<Endpoint>()).transpose()
}
