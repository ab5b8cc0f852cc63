//! The words of a definition: flows, and how requests are made.

use std::fmt;

use thiserror::Error;

/// A word in a definition that is not one of the known ones.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("it must be one of {known}")]
pub struct WordError {
    known: &'static str,
}

/// Defines an enum of words with its `FromStr` and `Display` from one table. `Display` shows the
/// first word of a line.
macro_rules! words {
    ($(#[$about:meta])* $name:ident, $known:literal, $($(#[$doc:meta])* $variant:ident = $word:literal $(| $also:literal)*,)+) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl std::str::FromStr for $name {
            type Err = WordError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word $(| $also)* => Ok(Self::$variant),)+
                    _ => Err(WordError { known: $known }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(match self {
                    $(Self::$variant => $word,)+
                })
            }
        }
    };
}

words! {
    /// How the client authenticates at the token endpoint (RFC 6749 §2.3.1).
    ClientAuthentication, "basic, post",
    /// In the `Authorization` field.
    Basic = "basic" | "header" | "client_secret_basic",
    /// In the form body.
    Post = "post" | "body" | "client_secret_post",
}

words! {
    /// The form of a token request.
    TokenRequestForm, "form, json",
    /// A form, as RFC 6749 §4.1.3 has it.
    Form = "form" | "oauth2_form",
    /// A JSON body, which some servers require.
    Json = "json",
}

/// A part of a credential that a variable can hold.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ExportField {
    /// The OAuth access token.
    AccessToken,
    /// The API key.
    ApiToken,
    /// A field of the credential, other than its first.
    Field(String),
    /// The OAuth refresh token: declared by some definitions, never exported.
    RefreshToken,
}

impl ExportField {
    /// The part with that name. `fields` are the names of the credential's fields, its own first.
    pub(crate) fn named(text: &str, fields: &[String]) -> Result<Self, WordError> {
        let text = text.to_ascii_lowercase();
        match fields.iter().position(|field| *field == text) {
            Some(0) if text == "access_token" => return Ok(Self::AccessToken),
            Some(0) => return Ok(Self::ApiToken),
            Some(_) => return Ok(Self::Field(text)),
            None => {}
        }
        match text.as_str() {
            "access_token" => Ok(Self::AccessToken),
            "api_token" | "api_key" => Ok(Self::ApiToken),
            "refresh_token" => Ok(Self::RefreshToken),
            _ => Err(WordError {
                known: "access_token, refresh_token, api_token, or a field of the credential",
            }),
        }
    }
}

words! {
    /// The host of the redirect URI, as the provider has to have it registered.
    RedirectHost, "127.0.0.1, localhost",
    /// The address, which RFC 8252 §8.3 prefers.
    Address = "127.0.0.1",
    /// The name, where a provider accepts no address.
    Localhost = "localhost",
}

words! {
    /// A way to obtain a credential.
    Flow, "pkce, device_code, dcr_pkce, client_credentials, api_key",
    /// The user pastes an API key.
    ApiKey = "api_key" | "api_key_prompt" | "api_key_env",
    /// The application logs in as itself (RFC 6749 §4.4).
    ClientCredentials = "client_credentials",
    /// The authorization code flow with dynamic client registration (RFC 7591).
    DcrPkce = "dcr_pkce",
    /// The device flow (RFC 8628).
    DeviceCode = "device_code",
    /// The authorization code flow with PKCE (RFC 7636).
    Pkce = "pkce",
}

impl Flow {
    /// All of them, the usual ones first.
    pub const ALL: [Self; 5] = [
        Self::ApiKey,
        Self::Pkce,
        Self::DeviceCode,
        Self::DcrPkce,
        Self::ClientCredentials,
    ];
}
