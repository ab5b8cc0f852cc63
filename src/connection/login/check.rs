//! The check of the server before a browser opens: a user who has mistyped its address must not be
//! sent to a page of somebody else.

use std::pin::Pin;

use super::error::LoginError;
use super::prompt::LoginPrompt;
use super::request::{LoginRequest, OAuthRequest};
use crate::oauth::{HttpClient, OAuthError, Recognized, recognize};
use crate::text::host_of;

/// Fails if the server cannot be reached or trusted, or certainly is something else.
pub(super) async fn check(
    request: &LoginRequest,
    server: &OAuthRequest,
    http: &HttpClient,
    prompt: &mut impl LoginPrompt,
    cancelled: Pin<&mut impl Future<Output = ()>>,
) -> Result<(), LoginError> {
    let recognized = tokio::select! {
        recognized = ask(server, http) => recognized?,
        () = cancelled => return Err(LoginError::Cancelled { revoked: None }),
    };
    let (host, provider) = (host_of(&server.token_endpoint), &request.provider);
    match recognized {
        Recognized::ByMetadata => Ok(()),
        Recognized::Hidden(reason) => {
            prompt.say(&format!(
                "{host} does not tell whether it is {provider} ({reason}); going on"
            ));
            Ok(())
        }
        Recognized::Other(reason) => Err(LoginError::AnotherService {
            host,
            provider: provider.clone(),
            reason,
        }),
    }
}

async fn ask(server: &OAuthRequest, http: &HttpClient) -> Result<Recognized, OAuthError> {
    if let Some(metadata) = &server.metadata {
        return recognize(http, metadata, &server.token_endpoint).await;
    }
    // The definition names nothing to be recognized by.
    http.connect(&server.token_endpoint).await?;
    Ok(Recognized::ByMetadata)
}
