//! A login of the application itself, without a user.

use std::pin::Pin;

use super::check::check;
use super::error::LoginError;
use super::means::Means;
use super::prompt::LoginPrompt;
use super::request::OAuthRequest;
use crate::connection::record::Connection;
use crate::credential::Fields;
use crate::oauth::{OAuthClient, OAuthError, look_up_account};
use crate::text::host_of;

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

fn refused(error: OAuthError, client: &OAuthClient) -> LoginError {
    match error {
        OAuthError::Refused { code, .. } if code == "invalid_client" => LoginError::KeyRefused {
            host: host_of(&client.token_endpoint),
            what: "application's id or secret",
        },
        other => other.into(),
    }
}
