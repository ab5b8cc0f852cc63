//! Logins without a browser: with a key that the user has, and as the application itself.

use std::pin::Pin;

use super::check::check;
use super::error::LoginError;
use super::means::Means;
use super::prompt::LoginPrompt;
use super::request::{KeyRequest, OAuthRequest};
use crate::clock::Timestamp;
use crate::connection::record::{Connection, Tokens};
use crate::credential::Fields;
use crate::oauth::{Account, OAuthClient, OAuthError, TokenCheck, check_token, look_up_account};
use crate::text::host_of;

/// Stores a key, after the service has not refused it. A service that cannot be reached, or says
/// nothing of the key, is no reason to refuse it: the user may be offline.
pub(super) async fn by_key(
    means: Means<'_>,
    key: &KeyRequest,
    prompt: &mut impl LoginPrompt,
    cancelled: Pin<&mut impl Future<Output = ()>>,
) -> Result<Connection, LoginError> {
    let others = key.fields.iter();
    let others = others.map(|field| (field.name.clone(), field.value.clone()));
    let others: Vec<_> = others.collect();
    let credential = Fields {
        credential: &key.key,
        others: &others,
    };
    let asked = identify(means, credential, prompt);
    let account = tokio::select! {
        account = asked => account?,
        () = cancelled => return Err(LoginError::Cancelled { revoked: None }),
    };
    let now = Timestamp::now();
    let connection = Connection {
        fields: key.fields.clone(),
        tokens: Tokens {
            access: key.key.clone(),
            refresh: None,
            obtained_at: now,
            expires_at: None,
            scopes: Vec::new(),
        },
        ..means.connection(None, account, now)
    };
    means.keep(&connection)?;
    Ok(connection)
}

/// Logs in as the application itself (RFC 6749 §4.4).
pub(super) async fn by_client(
    means: Means<'_>,
    server: &OAuthRequest,
    client: OAuthClient,
    prompt: &mut impl LoginPrompt,
    mut cancelled: Pin<&mut impl Future<Output = ()>>,
) -> Result<Connection, LoginError> {
    let Means { request, http, .. } = means;
    check(request, server, http, prompt, cancelled.as_mut()).await?;
    let asked = async {
        let set = client.ask_again(&server.scopes, http).await;
        let set = set.map_err(|error| refused(error, &client))?;
        let lookups = &request.account_lookups;
        let account = look_up_account(lookups, Fields::of(&set.access_token), http).await;
        Ok::<_, LoginError>((set, account))
    };
    let (mut set, account) = tokio::select! {
        granted = asked => granted?,
        () = cancelled => return Err(LoginError::Cancelled { revoked: None }),
    };
    // Some servers issue one, against RFC 6749 §4.4.3. Asking again does not end when it does.
    set.refresh_token = None;
    means.keep_granted(server, client, set, account).await
}

/// Whose key it is, unless the service refuses it.
async fn identify(
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

fn refused(error: OAuthError, client: &OAuthClient) -> LoginError {
    match error {
        OAuthError::Refused { code, .. } if code == "invalid_client" => LoginError::KeyRefused {
            host: host_of(&client.token_endpoint),
            what: "application's id or secret",
        },
        other => other.into(),
    }
}
