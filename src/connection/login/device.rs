//! A login on another device (RFC 8628).

use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::check::check;
use super::error::LoginError;
use super::means::{Means, revoke};
use super::prompt::{DeviceCode, LoginPrompt};
use super::request::OAuthRequest;
use crate::connection::record::Connection;
use crate::credential::Fields;
use crate::oauth::{OAuthClient, OAuthError, look_up_account};

/// How often the user is told how much time is left.
const TICK: Duration = Duration::from_secs(1);

/// Shows a code, and waits until the user has entered it elsewhere.
pub(super) async fn by_device(
    means: Means<'_>,
    server: &OAuthRequest,
    client: OAuthClient,
    prompt: &mut impl LoginPrompt,
    mut cancelled: Pin<&mut impl Future<Output = ()>>,
) -> Result<Connection, LoginError> {
    let Means { request, http, .. } = means;
    let endpoint = server.device_endpoint.as_ref();
    let endpoint = endpoint.ok_or(LoginError::NoEndpoint("device authorization"))?;
    check(request, server, http, prompt, cancelled.as_mut()).await?;
    let scopes = server.scopes.join(&server.scope_separator);
    let begun = tokio::select! {
        begun = client.clone().begin_device(endpoint, &scopes, http) => begun?,
        () = cancelled.as_mut() => return Err(LoginError::Cancelled { revoked: None }),
    };
    let (code, uri) = (begun.user_code(), begun.verification_uri());
    let complete = begun.complete_uri();
    prompt.code(&DeviceCode {
        code: &code,
        uri: &uri,
        complete_uri: complete.as_ref().map(|uri| uri.expose().as_str()),
    });
    let deadline = Instant::now() + begun.lifetime();
    let mut is_cancelled = false;
    let stopped = async {
        cancelled.as_mut().await;
        is_cancelled = true;
    };
    let set = told(
        begun.wait(http, server.device_json, stopped),
        deadline,
        prompt,
    )
    .await;
    prompt.waiting(None);
    let set = set.map_err(|error| match error {
        OAuthError::Refused { ref code, .. } if code == "expired_token" => {
            LoginError::CodeExpired { uri: uri.clone() }
        }
        other => other.into(),
    })?;
    // A grant that the user makes from now on ends by itself: nobody asks for its token.
    let set = set.ok_or(LoginError::Cancelled { revoked: None })?;
    let lookups = &request.account_lookups;
    let account = tokio::select! {
        biased;
        () = async {}, if is_cancelled => None,
        () = cancelled, if !is_cancelled => None,
        account = look_up_account(lookups, Fields::of(&set.access_token), http) => Some(account),
    };
    let Some(account) = account else {
        let revoked = revoke(&client, &set.access_token, set.refresh_token.as_ref(), http).await;
        return Err(LoginError::Cancelled {
            revoked: Some(revoked.is_ok()),
        });
    };
    means.keep_granted(server, client, set, account).await
}

/// Waits, and tells the user every moment how much time is left.
async fn told<T>(
    waiting: impl Future<Output = T>,
    deadline: Instant,
    prompt: &mut impl LoginPrompt,
) -> T {
    let mut waiting = pin!(waiting);
    loop {
        tokio::select! {
            ended = &mut waiting => return ended,
            () = sleep(TICK) => {
                let left = deadline.saturating_duration_since(Instant::now());
                prompt.waiting(Some(left));
            }
        }
    }
}
