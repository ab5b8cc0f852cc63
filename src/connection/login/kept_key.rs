//! What becomes of a key that the user has given.
//!
//! ```text
//! exchanged, if requests do not carry the key itself ──→ asked whose it is ──→ stored
//!     └ refused                                              └ refused
//! ```

use std::pin::Pin;

use super::error::LoginError;
use super::means::Means;
use super::prompt::LoginPrompt;
use super::request::{ExchangeRequest, KeyRequest};
use crate::clock::Timestamp;
use crate::connection::record::{Connection, StoredField, Tokens};
use crate::credential::Fields;
use crate::oauth::{
    Account, OAuthClient, OAuthError, RequestStyle, TokenCheck, check_token, look_up_account,
};
use crate::secret::Secret;
use crate::text::host_of;

/// The parts of a key, all of them there.
pub(super) struct Key {
    pub(super) key: Secret<String>,
    pub(super) fields: Vec<StoredField>,
}

/// Stores the key, unless the service refuses it.
pub(super) async fn kept(
    means: Means<'_>,
    request: &KeyRequest,
    key: Key,
    prompt: &mut impl LoginPrompt,
    cancelled: Pin<&mut impl Future<Output = ()>>,
) -> Result<Connection, LoginError> {
    let others = key.fields.iter();
    let others = others.map(|field| (field.name.clone(), field.value.clone()));
    let others: Vec<_> = others.collect();
    let asked = async {
        let mut carried = carried(means, request, &key).await?;
        let credential = Fields {
            credential: &carried.tokens.access,
            others: &others,
        };
        // Who has a token for the key is known; else nobody has looked at the key yet.
        if carried.account.is_none() {
            carried.account = account_of(means, credential, prompt).await?;
        }
        Ok::<_, LoginError>(carried)
    };
    let Carried {
        tokens,
        client,
        account,
    } = tokio::select! {
        asked = asked => asked?,
        () = cancelled => return Err(LoginError::Cancelled { revoked: None }),
    };
    let connection = Connection {
        tokens,
        ..means.connection(client, account, Timestamp::now())
    };
    let connection = Connection {
        fields: key.fields,
        ..connection
    };
    means.keep(&connection)?;
    Ok(connection)
}

/// Whose key it is, unless the service refuses it.
async fn account_of(
    means: Means<'_>,
    credential: Fields<'_>,
    prompt: &mut impl LoginPrompt,
) -> Result<Option<Account>, LoginError> {
    let (lookups, http) = (&means.request.account_lookups, means.http);
    match check_token(lookups, credential, http).await {
        TokenCheck::Refused => Err(LoginError::KeyRefused {
            host: lookups
                .first()
                .map(|lookup| host_of(&lookup.url))
                .unwrap_or_default(),
            what: "key",
        }),
        TokenCheck::Accepted => Ok(look_up_account(lookups, credential, http).await),
        TokenCheck::Unknown(reason) => {
            prompt.say(&format!(
                "the key could not be checked ({reason}); it is stored"
            ));
            Ok(None)
        }
    }
}

/// What requests carry.
struct Carried {
    tokens: Tokens,
    /// What asks for the next token, if the key is exchanged.
    client: Option<OAuthClient>,
    /// Whose key it is, if the exchange has shown it.
    account: Option<Account>,
}

/// The key itself, or the first token that the service gives for it.
async fn carried(means: Means<'_>, request: &KeyRequest, key: &Key) -> Result<Carried, LoginError> {
    let now = Timestamp::now();
    let access = key.key.clone();
    let Some(exchange) = &request.exchange else {
        let tokens = Tokens {
            access,
            ..Tokens::none(now)
        };
        return Ok(Carried {
            tokens,
            client: None,
            account: None,
        });
    };
    let id = id_of(exchange, key);
    let client = OAuthClient {
        client_id: id.clone().unwrap_or_default(),
        client_secret: Some(access),
        token_endpoint: exchange.endpoint.clone(),
        revocation_endpoint: None,
        style: RequestStyle {
            exchange: Some(exchange.form.clone()),
            ..RequestStyle::default()
        },
    };
    let set = client.ask_again(&[], means.http).await;
    let set = set.map_err(|error| refused(error, &client))?;
    Ok(Carried {
        tokens: Tokens::first(set, &[], now),
        account: id.map(|id| Account {
            label: Some(id.clone()),
            id,
        }),
        client: Some(client),
    })
}

fn id_of(exchange: &ExchangeRequest, key: &Key) -> Option<String> {
    let name = exchange.id_part.as_ref()?;
    let mut fields = key.fields.iter();
    let field = fields.find(|field| field.name == *name)?;
    field.public_value().map(str::to_owned)
}

fn refused(error: OAuthError, client: &OAuthClient) -> LoginError {
    match error {
        OAuthError::Refused { .. } => LoginError::KeyRefused {
            host: host_of(&client.token_endpoint),
            what: "key",
        },
        other => other.into(),
    }
}
