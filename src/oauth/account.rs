//! Asks the provider, after a login, which account the grant belongs to.

use std::time::Duration;

use authsome_providers::{Post, Shape};
use serde_json::Value;
use url::Url;

use super::error::{OAuthError, printable};
use super::http::{HttpClient, Question};
use crate::credential::Fields;
use crate::credential::ready::Ready;
use crate::credential::signature::Scope;
use crate::waiting::at_most;

/// The account that a grant belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The provider's own identifier.
    pub id: String,
    /// What a person recognizes, such as a user name.
    pub label: Option<String>,
}

/// A resource that describes the account, and where in its response the values are (JSON pointers,
/// RFC 6901).
#[derive(Clone, Debug)]
pub struct AccountLookup {
    /// A resource that accepts the credential.
    pub url: Url,
    /// The form in which it does.
    pub shape: Shape,
    /// Where the identifier is; `None` if the response only tells whether the credential is good.
    pub id: Option<String>,
    /// Where the label is, if anywhere.
    pub label: Option<String>,
    /// What is sent if the resource is asked by POST; `None` if by GET.
    pub post: Option<Post>,
    /// The region and the service that the request is signed for, where the credential only signs.
    pub signed_for: Option<(String, String)>,
}

impl AccountLookup {
    fn question<'a>(&'a self, credential: &'a Ready) -> Question<'a> {
        let signed_for = self.signed_for.as_ref();
        Question {
            url: &self.url,
            post: self.post.as_ref(),
            credential,
            scope: signed_for.map(|(region, service)| Scope::new(region, service)),
        }
    }
}

/// How long all of these requests may take. The grant is not stored before they have ended.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(20);

/// Asks one resource after another until one names the account. If none does, the login still
/// succeeds: the granted scopes may not allow these requests.
pub async fn look_up_account(
    lookups: &[AccountLookup],
    credential: Fields<'_>,
    http: &HttpClient,
) -> Option<Account> {
    let asked = Box::pin(ask_each(lookups, credential, http));
    at_most(LOOKUP_TIMEOUT, asked).await.flatten()
}

async fn ask_each(
    lookups: &[AccountLookup],
    credential: Fields<'_>,
    http: &HttpClient,
) -> Option<Account> {
    for lookup in lookups {
        let Some(id) = &lookup.id else { continue };
        let ready = Ready::new(credential, &lookup.shape);
        let Ok(response) = http.json_with(&lookup.question(&ready)).await else {
            continue;
        };
        if let Some(id) = response.pointer(id).and_then(text) {
            let label = lookup
                .label
                .as_ref()
                .and_then(|pointer| response.pointer(pointer))
                .and_then(text);
            return Some(Account { id, label });
        }
    }
    None
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(printable(text)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What a provider makes of an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenCheck {
    /// The provider knows the token.
    Accepted,
    /// The provider refuses the token: it was revoked, or has expired.
    Refused,
    /// The provider gave no response that tells.
    Unknown(String),
}

/// Asks the provider whether it accepts an access token. Nothing is refreshed by this.
pub async fn check_token(
    lookups: &[AccountLookup],
    credential: Fields<'_>,
    http: &HttpClient,
) -> TokenCheck {
    let mut found = TokenCheck::Unknown("its definition names no resource to ask".to_owned());
    for lookup in lookups {
        let ready = Ready::new(credential, &lookup.shape);
        let question = lookup.question(&ready);
        found = match (&lookup.post, &lookup.id) {
            (Some(_), Some(id)) => named(id, http.json_with(&question).await),
            _ => judged(http.status(&question).await),
        };
        if matches!(found, TokenCheck::Accepted | TokenCheck::Refused) {
            break;
        }
    }
    found
}

/// What the status of a response tells.
fn judged(response: Result<u16, OAuthError>) -> TokenCheck {
    match response {
        Ok(401) => TokenCheck::Refused,
        // 403: the token is known, but has not the scope for this resource (RFC 6750 §3.1).
        Ok(200..=299 | 403) => TokenCheck::Accepted,
        Ok(status) => TokenCheck::Unknown(format!("the response is {status}")),
        Err(error) => TokenCheck::Unknown(error.to_string()),
    }
}

/// What a response tells whose status may be 200 although the credential was refused: GraphQL has
/// its errors in the body.
fn named(id: &str, response: Result<Value, OAuthError>) -> TokenCheck {
    match response {
        Ok(json) if json.pointer(id).and_then(text).is_some() => TokenCheck::Accepted,
        Ok(_) => TokenCheck::Unknown("the response names no account".to_owned()),
        Err(OAuthError::Status { status, .. }) => judged(Ok(status)),
        Err(error) => judged(Err(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_200_without_the_account_tells_nothing() {
        let refused =
            serde_json::json!({"errors": [{"message": "Not Authorized"}], "data": {"me": null}});
        let known = serde_json::json!({"data": {"me": {"id": 7}}});
        let status = |status| {
            Err(OAuthError::Status {
                host: "a.test".to_owned(),
                status,
                retry_after: None,
            })
        };
        let named = |response| named("/data/me/id", response);
        assert_eq!(named(Ok(known)), TokenCheck::Accepted);
        let unknown = TokenCheck::Unknown("the response names no account".to_owned());
        assert_eq!(named(Ok(refused)), unknown);
        assert_eq!(named(status(401)), TokenCheck::Refused);
        assert_eq!(named(status(403)), TokenCheck::Accepted);
        let unknown = TokenCheck::Unknown("the response is 400".to_owned());
        assert_eq!(named(status(400)), unknown);
    }
}
