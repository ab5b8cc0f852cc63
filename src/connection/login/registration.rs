//! Logins of an application that registers itself (RFC 7591), where the authorization server may
//! have to be discovered first.
//!
//! ```text
//! registered at an earlier login of this connection? -- yes --> still known? -- yes --> code flow
//!            | no                                                    | no                    |
//!            +--> register --> code flow        register, once <-----+---- invalid_client, --+
//!                                                                          invalid_scope
//! ```

use std::pin::Pin;
use std::time::Duration;

use super::browser::by_browser;
use super::error::LoginError;
use super::means::Means;
use super::prompt::LoginPrompt;
use super::request::{DiscoverRequest, OAuthRequest};
use crate::connection::record::{ClientCredentials, Connection};
use crate::loopback::FormWords;
use crate::oauth::{HttpClient, OAuthClient, OAuthError, RequestStyle, discover, register};
use crate::text::host_of;
use crate::waiting::at_most;

/// How long all requests of a discovery may take together.
const DISCOVERY_TIMEOUT: Duration = Duration::from_mins(1);

/// Finds the authorization server of a resource.
pub(super) async fn discovered(
    wanted: &DiscoverRequest,
    http: &HttpClient,
    cancelled: Pin<&mut impl Future<Output = ()>>,
) -> Result<OAuthRequest, LoginError> {
    let found = tokio::select! {
        found = at_most(DISCOVERY_TIMEOUT, discover(&wanted.resource, http)) => found,
        () = cancelled => return Err(LoginError::Cancelled { revoked: None }),
    };
    let found = found.ok_or_else(|| OAuthError::Timeout {
        host: host_of(&wanted.resource),
        sent: true,
    })??;
    Ok(OAuthRequest {
        client: wanted.client.clone(),
        authorization_endpoint: Some(found.authorization_endpoint),
        device_endpoint: None,
        device_json: false,
        token_endpoint: found.token_endpoint,
        style: RequestStyle {
            resource: Some(found.resource),
            basic: found.basic,
            ..RequestStyle::default()
        },
        metadata: None,
        revocation_endpoint: found.revocation_endpoint,
        issuer: Some(found.issuer),
        extra_parameters: Vec::new(),
        applications_url: None,
        form_words: FormWords::default(),
        scopes: wanted.scopes.clone().unwrap_or(found.scopes),
        scope_separator: " ".to_owned(),
        instance: None,
        registration_endpoint: found.registration_endpoint,
    })
}

/// Leads the user through the pages, as an application that has registered itself.
pub(super) async fn by_registration(
    means: Means<'_>,
    server: &OAuthRequest,
    prompt: &mut impl LoginPrompt,
    mut cancelled: Pin<&mut impl Future<Output = ()>>,
) -> Result<Connection, LoginError> {
    if server.client.is_some() || server.registration_endpoint.is_none() {
        let known = server.client.clone();
        return by_browser(means, server, known, prompt, cancelled).await;
    }
    if let Some(earlier) = earlier(means, server) {
        let is_known = tokio::select! {
            is_known = earlier.is_registered(means.http) => is_known,
            () = cancelled.as_mut() => return Err(LoginError::Cancelled { revoked: None }),
        };
        let known = Some(ClientCredentials {
            client_id: earlier.client_id.clone(),
            client_secret: earlier.client_secret.clone(),
        });
        let mut unfit = "The server no longer knows the application; registering it anew.";
        if is_known {
            let server = styled(server, &earlier);
            let tried = by_browser(means, &server, known, prompt, cancelled.as_mut());
            match tried.await {
                Err(ref error) if is_refused(error, &["invalid_scope"]) => {
                    unfit = "The application is registered for other scopes; registering it anew.";
                }
                Err(ref error) if is_refused(error, &UNKNOWN_CLIENT) => {}
                other => return other,
            }
        }
        prompt.start_over(unfit);
    }
    let endpoint = server.registration_endpoint.as_ref();
    let endpoint = endpoint.ok_or(LoginError::NoEndpoint("registration"))?;
    let registered = tokio::select! {
        registered = register(endpoint, &server.scopes, server.style.redirect, means.http) => registered,
        () = cancelled.as_mut() => return Err(LoginError::Cancelled { revoked: None }),
    };
    let registered = registered.map_err(|error| refused(error, &host_of(endpoint)))?;
    let client = OAuthClient {
        style: RequestStyle {
            basic: registered.basic,
            ..server.style.clone()
        },
        ..server.client_of(ClientCredentials {
            client_id: registered.client_id.clone(),
            client_secret: registered.client_secret.clone(),
        })
    };
    let server = styled(server, &client);
    let known = Some(ClientCredentials {
        client_id: registered.client_id,
        client_secret: registered.client_secret,
    });
    by_browser(means, &server, known, prompt, cancelled).await
}

/// The application of this connection's earlier login at the same server.
fn earlier(means: Means<'_>, server: &OAuthRequest) -> Option<OAuthClient> {
    let stored = means.store.load(&means.request.id).ok()??;
    let client = stored.connection.client?;
    let is_at = client.token_endpoint == server.token_endpoint;
    // It is registered with the redirect URI of that time.
    let fits = is_at && client.style.redirect == server.style.redirect;
    fits.then_some(client)
}

/// The same server, asked as that application wants it.
fn styled(server: &OAuthRequest, client: &OAuthClient) -> OAuthRequest {
    OAuthRequest {
        style: RequestStyle {
            basic: client.style.basic,
            ..server.style.clone()
        },
        // The form is of no use: the user does not know the application.
        client: Some(ClientCredentials {
            client_id: client.client_id.clone(),
            client_secret: client.client_secret.clone(),
        }),
        ..server.clone()
    }
}

/// `invalid_grant` is not among them: it is about the code, or the user.
const UNKNOWN_CLIENT: [&str; 2] = ["invalid_client", "unauthorized_client"];

/// Whether either endpoint has refused with one of these codes.
fn is_refused(error: &LoginError, codes: &[&str]) -> bool {
    match error {
        LoginError::OAuth(OAuthError::Refused { code, .. }) => codes.contains(&code.as_str()),
        LoginError::Denied(refused) => refused.code().is_some_and(|code| codes.contains(&code)),
        _ => false,
    }
}

fn refused(error: OAuthError, host: &str) -> LoginError {
    match error {
        OAuthError::Refused {
            code, description, ..
        } => LoginError::NotRegistered {
            host: host.to_owned(),
            reason: description.unwrap_or(code),
        },
        other => other.into(),
    }
}
