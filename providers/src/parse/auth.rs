//! Parses `auth_type`, `oauth`, `registration`, `client`, `api_key` and `fields`.

use super::export::variable;
use super::field;
use crate::base_url::BaseUrl;
use crate::error::DefinitionError;
use crate::provider::{ApiKey, Auth, OAuth};
use crate::reader::{Fields, text_at};
use crate::shape::{self, Shape};
use crate::words::TokenRequestForm;

/// The parsed `auth_type`, with the object that belongs to it.
pub(super) struct Parsed {
    pub(super) auth: Auth,
    pub(super) base_url: Option<BaseUrl>,
    /// The shape of a credential if the definition has no `inject`.
    pub(super) default_shape: Shape,
}

impl Parsed {
    /// The names of the credential's parts, its own first.
    pub(super) fn names(&self) -> Vec<String> {
        match &self.auth {
            Auth::ApiKey(key) => key.fields.iter().map(|field| field.name.clone()).collect(),
            Auth::OAuth2(_) => vec!["access_token".to_owned()],
        }
    }
}

pub(super) fn auth(
    fields: &mut Fields<'_>,
    placeholder: &str,
    warnings: &mut Vec<String>,
) -> Result<Parsed, DefinitionError> {
    let auth_type = fields.required("auth_type")?;
    let oauth = fields.object("oauth")?;
    let api_key = fields.object("api_key")?;
    let registration = fields.object("registration")?;
    let client = fields.object("client")?;
    match auth_type.text {
        "oauth2" => {
            let oauth = oauth.ok_or_else(|| DefinitionError::field("oauth", "it is missing"))?;
            parse_oauth(oauth, registration, client, warnings)
        }
        "api_key" => {
            let parts = field::fields(fields, placeholder, warnings)?;
            parse_api_key(api_key, parts, placeholder, warnings)
        }
        "browser" => Err(DefinitionError::field(
            auth_type.path,
            "authsome does not read a browser's cookies: use the service's API, with `oauth2` or `api_key`",
        )),
        _ => Err(DefinitionError::field(
            auth_type.path,
            "it must be one of oauth2, api_key",
        )),
    }
}

fn parse_oauth(
    mut fields: Fields<'_>,
    registration: Option<Fields<'_>>,
    client: Option<Fields<'_>>,
    warnings: &mut Vec<String>,
) -> Result<Parsed, DefinitionError> {
    let older_registration = fields.parsed("registration_endpoint")?;
    let registration = match registration {
        Some(mut registration) => {
            let endpoint = registration.parsed("registration_endpoint")?;
            registration.warn_of_unknown(warnings);
            endpoint
        }
        None => older_registration,
    };
    let base_url = fields.parsed("base_url")?;
    let older_device_flag = fields.flag("supports_device_flow", false)?;
    let oauth = OAuth {
        authorization: fields.parsed("authorization_url")?,
        token: fields.parsed("token_url")?,
        discover: fields.flag("discover", false)?,
        revocation: fields.parsed("revocation_url")?,
        metadata: fields.parsed("metadata_url")?,
        device_authorization: fields.parsed("device_authorization_url")?,
        registration,
        scopes: scopes(&mut fields)?,
        scope_separator: scope_separator(&mut fields)?,
        client_variables: client_variables(client, warnings)?,
        pkce: fields.flag("pkce", true)?,
        supports_device_code: fields.flag("supports_device_code", older_device_flag)?,
        supports_dcr: fields.flag("supports_dcr", false)?,
        authorization_params: authorization_params(&mut fields)?,
        client_authentication: fields.parsed("authorization_method")?,
        token_request: fields
            .parsed("token_request")?
            .unwrap_or(TokenRequestForm::Form),
        device_token_request: fields
            .parsed("device_token_request")?
            .unwrap_or(TokenRequestForm::Form),
    };
    check_endpoints(&oauth)?;
    fields.warn_of_unknown(warnings);
    Ok(Parsed {
        auth: Auth::OAuth2(Box::new(oauth)),
        base_url,
        default_shape: Shape::Bearer,
    })
}

/// What is not discovered must be named.
fn check_endpoints(oauth: &OAuth) -> Result<(), DefinitionError> {
    if !oauth.discover && oauth.token.is_none() {
        return Err(DefinitionError::field("oauth.token_url", "it is missing"));
    }
    let needed = [
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
    ];
    for (needs, endpoint, name) in needed {
        if needs && !oauth.discover && endpoint.is_none() {
            return Err(DefinitionError::field(
                name,
                "it is missing, and a flow that needs it is declared",
            ));
        }
    }
    Ok(())
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

/// What stands between scopes; some services want a comma.
fn scope_separator(fields: &mut Fields<'_>) -> Result<String, DefinitionError> {
    let Some(text) = fields.text("scope_separator")? else {
        return Ok(" ".to_owned());
    };
    match text.text {
        " " | "," | "+" => Ok(text.text.to_owned()),
        _ => Err(DefinitionError::field(
            text.path,
            "it must be a space, a comma or a plus sign",
        )),
    }
}

/// `client`: variables that may hold the application's id and secret.
fn client_variables(
    client: Option<Fields<'_>>,
    warnings: &mut Vec<String>,
) -> Result<(Option<String>, Option<String>), DefinitionError> {
    let Some(mut client) = client else {
        return Ok((None, None));
    };
    let mut named = |name| {
        client
            .text(name)?
            .map(|text| text.check(variable))
            .transpose()
    };
    let variables = (named("client_id_env")?, named("client_secret_env")?);
    client.warn_of_unknown(warnings);
    Ok(variables)
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

/// `api_key`, or the credential's `fields`.
fn parse_api_key(
    fields: Option<Fields<'_>>,
    parts: Vec<crate::field::CredentialField>,
    placeholder: &str,
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
    let single = field::single(&mut fields, placeholder)?;
    fields.warn_of_unknown(warnings);
    let default_shape = Shape::Header {
        name: name.unwrap_or_else(|| "authorization".to_owned()),
        prefix,
    };
    let fields = if parts.is_empty() {
        vec![single]
    } else {
        parts
    };
    Ok(Parsed {
        auth: Auth::ApiKey(ApiKey { fields }),
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
