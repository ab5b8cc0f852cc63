//! Parses `auth_type`, `api_key` and `fields`.

use super::{exchange, field, oauth};
use crate::base_url::BaseUrl;
use crate::error::DefinitionError;
use crate::provider::{ApiKey, Auth};
use crate::reader::{Fields, Path};
use crate::shape::{self, Shape};

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
            let (oauth, base_url) = oauth::oauth(oauth, registration, client, warnings)?;
            Ok(Parsed {
                auth: Auth::OAuth2(Box::new(oauth)),
                base_url,
                default_shape: Shape::Bearer,
            })
        }
        "api_key" => {
            let parts = field::fields(fields, placeholder, warnings)?;
            let mut parsed = parse_api_key(api_key, parts, placeholder, warnings)?;
            if let Auth::ApiKey(key) = &mut parsed.auth {
                key.exchange = exchange::exchange(fields, &key.fields, warnings)?;
            }
            Ok(parsed)
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

/// `api_key`, or the credential's `fields`.
fn parse_api_key(
    fields: Option<Fields<'_>>,
    parts: Vec<crate::field::CredentialField>,
    placeholder: &str,
    warnings: &mut Vec<String>,
) -> Result<Parsed, DefinitionError> {
    let mut fields = fields.unwrap_or_else(|| Fields::none(Path::of_field("api_key")));
    let name = fields
        .text("header_name")?
        .map(|text| text.check(shape::header_name))
        .transpose()?;
    let prefix = header_prefix(&mut fields)?;
    let single = field::single(&mut fields, placeholder)?;
    fields.ignore(&["input_mode"]); // of older definitions, where it had no effect either
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
        auth: Auth::ApiKey(ApiKey {
            fields,
            exchange: None,
        }),
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
