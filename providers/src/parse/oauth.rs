//! Parses `oauth` and `registration`.

use super::client;
use crate::base_url::BaseUrl;
use crate::error::DefinitionError;
use crate::json::Json;
use crate::provider::OAuth;
use crate::reader::{Fields, text_at};
use crate::words::{RedirectHost, TokenRequestForm};

/// `oauth` with `registration` and `client`, and the instance that it names.
pub(super) fn oauth(
    mut fields: Fields<'_>,
    registration: Option<Fields<'_>>,
    client: Option<Fields<'_>>,
    warnings: &mut Vec<String>,
) -> Result<(OAuth, Option<BaseUrl>), DefinitionError> {
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
        client_variables: client::variables(client, warnings)?,
        pkce: fields.flag("pkce", true)?,
        supports_device_code: fields.flag("supports_device_code", older_device_flag)?,
        supports_client_credentials: fields.flag("supports_client_credentials", false)?,
        supports_dcr: fields.flag("supports_dcr", false)?,
        authorization_params: authorization_params(&mut fields)?,
        client_authentication: fields.parsed("authorization_method")?,
        redirect_host: fields
            .parsed("redirect_host")?
            .unwrap_or(RedirectHost::Address),
        token_request: fields
            .parsed("token_request")?
            .unwrap_or(TokenRequestForm::Form),
        device_token_request: fields
            .parsed("device_token_request")?
            .unwrap_or(TokenRequestForm::Form),
    };
    if !oauth.discover && oauth.token.is_none() {
        return Err(DefinitionError::field("oauth.token_url", "it is missing"));
    }
    fields.ignore(&["flows"]); // of older definitions, where it had no effect either
    fields.warn_of_unknown(warnings);
    Ok((oauth, base_url))
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

/// Additional parameters of the authorization request. Those that the flow sets itself are
/// rejected: a definition that fixes `state` or the redirect URI would disable the login's
/// protection against CSRF and code interception.
fn authorization_params(fields: &mut Fields<'_>) -> Result<Vec<(String, String)>, DefinitionError> {
    let Some(params) = fields.object("authorization_params")? else {
        return Ok(Vec::new());
    };
    params
        .given()
        .filter(|(name, value)| !is_response_type(name, value))
        .map(|(name, value)| {
            let text = text_at(params.path_of(name), value)?;
            if FLOW_PARAMS.contains(&name) {
                return Err(DefinitionError::field(
                    text.path,
                    "the login sets this parameter itself",
                ));
            }
            Ok((name.to_owned(), text.text.to_owned()))
        })
        .collect()
}

/// Whether it says what is sent anyway, which some definitions do.
fn is_response_type(name: &str, value: &Json<'_>) -> bool {
    name == "response_type" && value.as_str() == Some("code")
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
