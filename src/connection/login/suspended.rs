//! A login in two steps: the first prints a URL and ends, the second is given the address that the
//! browser has ended at. In between, the request is in the vault.
//!
//! ```text
//! authorization request --> nobody here can go on --> sealed, under a code --> the end
//! code, address --> read, ten minutes at most --> verify --> taken out --> exchange --> stored
//! ```

use std::pin::Pin;

use super::browser::{confirmed, store_granted};
use super::code::Granted;
use super::error::LoginError;
use super::means::Means;
use super::prompt::{FinishedBy, LoginPrompt};
use super::request::{OAuthRequest, Resumed, SuspendedLogin};
use crate::connection::record::Connection;
use crate::credential::Fields;
use crate::oauth::{
    AuthorizationResponse, OAuthError, PendingAuthorization, RequestStyle, look_up_account,
};
use crate::text::host_of;

/// Finishes a login that was suspended.
pub(super) async fn by_resumption(
    means: Means<'_>,
    server: &OAuthRequest,
    resumed: &Resumed,
    prompt: &mut impl LoginPrompt,
    cancelled: Pin<&mut impl Future<Output = ()>>,
) -> Result<Connection, LoginError> {
    let Means { request, http, .. } = means;
    let SuspendedLogin {
        client,
        basic,
        token_endpoint,
        saved,
        ..
    } = &resumed.login;
    let server = OAuthRequest {
        style: RequestStyle {
            basic: *basic,
            ..server.style.clone()
        },
        ..server.clone()
    };
    // What was discovered anew may be another server, which must get neither code nor secret.
    if server.token_endpoint.as_str() != token_endpoint {
        return Err(LoginError::OAuth(OAuthError::Metadata {
            host: host_of(&server.token_endpoint),
            reason: "the token endpoint is another one than when the login began".to_owned(),
        }));
    }
    let client = server.client_of(client.clone());
    let endpoint = server.authorization_endpoint.as_ref();
    let endpoint = endpoint.ok_or(LoginError::NoEndpoint("authorization"))?;
    let issuer = server.issuer.clone();
    let pending = PendingAuthorization::resume(client.clone(), endpoint, issuer, saved);
    let response = AuthorizationResponse::from_pasted(resumed.address.expose());
    // An address of another login leaves this one as it is.
    let code = pending.verify(response.unwrap_or_default())?;
    let is_taken = means.store.take_suspended(&resumed.code);
    if !is_taken.map_err(LoginError::Store)? {
        return Err(LoginError::NothingToResume);
    }
    let set = pending.exchange(code, http).await?;
    let lookups = &request.account_lookups;
    let account = look_up_account(lookups, Fields::of(&set.access_token), http).await;
    let granted = Granted {
        client,
        set,
        account,
        by: FinishedBy::Paste,
        // Nobody waits for a page.
        page: tokio::sync::oneshot::channel().0,
        is_cancelled: false,
    };
    let granted = confirmed(request, granted, http, prompt, cancelled).await?;
    store_granted(means, &server, granted).await
}
