//! Parses `auth_type`, `oauth`, `registration` and `api_key`.

use std::fmt;

use regex::Regex;

use crate::base_url::BaseUrl;
use crate::error::DefinitionError;
use crate::provider::{ApiKey, Auth, DeviceTokenRequest, KeyPattern, OAuth};
use crate::reader::{Fields, Text, text_at};
use crate::shape::{self, Shape};

/// The parsed `auth_type`, with the object that belongs to it.
pub(super) struct Parsed {
    pub(super) auth: Auth,
    pub(super) base_url: Option<BaseUrl>,
    /// The shape of a credential if the definition has no `inject`.
    pub(super) default_shape: Shape,
}

pub(super) fn auth(
    fields: &mut Fields<'_>,
    warnings: &mut Vec<String>,
) -> Result<Parsed, DefinitionError> {
    let auth_type = fields.required("auth_type")?;
    let oauth = fields.object("oauth")?;
    let api_key = fields.object("api_key")?;
    let registration = fields.object("registration")?;
    match auth_type.text {
        "oauth2" => {
            let oauth = oauth.ok_or_else(|| DefinitionError::field("oauth", "it is missing"))?;
            parse_oauth(oauth, registration, warnings)
        }
        "api_key" => parse_api_key(api_key, warnings),
        _ => Err(DefinitionError::field(
            auth_type.path,
            "it must be one of oauth2, api_key",
        )),
    }
}

fn parse_oauth(
    mut fields: Fields<'_>,
    registration: Option<Fields<'_>>,
    warnings: &mut Vec<String>,
) -> Result<Parsed, DefinitionError> {
    let registration = match registration {
        Some(mut registration) => {
            let endpoint = registration.parsed("registration_endpoint")?;
            registration.warn_of_unknown(warnings);
            endpoint
        }
        None => None,
    };
    let base_url = fields.parsed("base_url")?;
    let oauth = OAuth {
        authorization: fields.required("authorization_url")?.parse()?,
        token: fields.required("token_url")?.parse()?,
        revocation: fields.parsed("revocation_url")?,
        metadata: fields.parsed("metadata_url")?,
        device_authorization: fields.parsed("device_authorization_url")?,
        registration,
        scopes: scopes(&mut fields)?,
        pkce: fields.flag("pkce", true)?,
        supports_device_code: fields.flag("supports_device_code", false)?,
        supports_dcr: fields.flag("supports_dcr", false)?,
        authorization_params: authorization_params(&mut fields)?,
        client_authentication: fields.parsed("authorization_method")?,
        device_token_request: fields
            .parsed("device_token_request")?
            .unwrap_or(DeviceTokenRequest::OAuth2Form),
    };
    for (needs, endpoint, name) in [
        (
            oauth.supports_device_code,
            &oauth.device_authorization,
            "oauth.device_authorization_url",
        ),
        (
            oauth.supports_dcr,
            &oauth.registration,
            "registration.registration_endpoint",
        ),
    ] {
        if needs && endpoint.is_none() {
            return Err(DefinitionError::field(
                name,
                "it is missing, and a flow that needs it is declared",
            ));
        }
    }
    fields.warn_of_unknown(warnings);
    Ok(Parsed {
        auth: Auth::OAuth2(Box::new(oauth)),
        base_url,
        default_shape: Shape::Bearer,
    })
}

/// The scopes: a list, or separated by spaces as in RFC 6749 §3.3.
fn scopes(fields: &mut Fields<'_>) -> Result<Vec<String>, DefinitionError> {
    let mut scopes = Vec::new();
    for text in fields.texts("scopes")? {
        let token = |byte: u8| (b'!'..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
        for scope in text.text.split_ascii_whitespace() {
            if !scope.bytes().all(token) {
                return Err(DefinitionError::field(
                    text.path,
                    "a scope has printable ASCII characters without quotes only",
                ));
            }
            scopes.push(scope.to_owned());
        }
    }
    Ok(scopes)
}

/// Additional parameters of the authorization request. Those that the flow sets itself are
/// rejected: a definition that fixes `state` or the redirect URI would disable the login's
/// protection against CSRF and code interception.
fn authorization_params(fields: &mut Fields<'_>) -> Result<Vec<(String, String)>, DefinitionError> {
    let Some(params) = fields.object("authorization_params")? else {
        return Ok(Vec::new());
    };
    params
        .entries()
        .map(|(name, value)| {
            let text = text_at(params.path_of(name), value)?;
            if FLOW_PARAMS.contains(&name.as_str()) {
                return Err(DefinitionError::field(
                    text.path,
                    "the login sets this parameter itself",
                ));
            }
            Ok((name.clone(), text.text.to_owned()))
        })
        .collect()
}

/// The parameters that the authorization code flow sets itself (RFC 6749 §4.1.1, RFC 7636 §4.3).
const FLOW_PARAMS: [&str; 9] = [
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "request",
    "response_type",
    "scope",
    "state",
];

fn parse_api_key(
    fields: Option<Fields<'_>>,
    warnings: &mut Vec<String>,
) -> Result<Parsed, DefinitionError> {
    let empty = serde_json::Value::Object(serde_json::Map::new());
    let mut fields = match fields {
        Some(fields) => fields,
        None => Fields::of("api_key", &empty)?,
    };
    let name = fields
        .text("header_name")?
        .map(|text| text.check(shape::header_name))
        .transpose()?;
    let prefix = header_prefix(&mut fields)?;
    let api_key = ApiKey {
        env_var: fields
            .text("env_var")?
            .map(|text| text.check(super::export::variable))
            .transpose()?,
        key_pattern: fields
            .text("key_pattern")?
            .map(|text| key_pattern(&text))
            .transpose()?,
        key_pattern_hint: fields
            .text("key_pattern_hint")?
            .map(|text| text.text.to_owned()),
    };
    fields.warn_of_unknown(warnings);
    let default_shape = Shape::Header {
        name: name.unwrap_or_else(|| "authorization".to_owned()),
        prefix,
    };
    Ok(Parsed {
        auth: Auth::ApiKey(api_key),
        base_url: None,
        default_shape,
    })
}

/// In existing definitions, a missing prefix means `Bearer`, and `null` or `""` means no prefix.
fn header_prefix(fields: &mut Fields<'_>) -> Result<String, DefinitionError> {
    if let Some(text) = fields.text("header_prefix")? {
        return text.check(shape::header_prefix);
    }
    let says_null = fields.entries().any(|(name, _)| name == "header_prefix");
    Ok(if says_null {
        String::new()
    } else {
        "Bearer ".to_owned()
    })
}

/// The pattern must match the whole key, as in existing definitions.
fn key_pattern(text: &Text<'_>) -> Result<KeyPattern, DefinitionError> {
    let refuse = |reason: &dyn fmt::Display| {
        let reason = crate::host::last_line(&reason.to_string());
        DefinitionError::field(
            &text.path,
            format!("it is not a regular expression: {reason}"),
        )
    };
    // Parse the pattern alone first: an unbalanced `)` must not close the group inside the anchors.
    regex_syntax::ParserBuilder::new()
        .build()
        .parse(text.text)
        .map_err(|error| refuse(&error))?;
    Regex::new(&format!(r"\A(?:{})\z", text.text))
        .map(KeyPattern)
        .map_err(|error| refuse(&error))
}
