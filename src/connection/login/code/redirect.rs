//! Redirects that arrive, or are pasted: whose they are, and what they say.

use std::pin::Pin;

use super::super::error::LoginError;
use super::super::prompt::{FinishedBy, LoginPrompt};
use super::{CodeFlow, LAST_PAGE, Pending, Redirect, Redirected, Step, is_about_the_application};
use crate::connection::record::ClientCredentials;
use crate::loopback::{Arrival, Outcome};
use crate::oauth::{AuthorizationResponse, ResponseRefused};

impl<P: LoginPrompt> CodeFlow<'_, P> {
    /// Handles what the browser sent; returns the redirect, if it was one.
    pub(super) fn arrived(
        &mut self,
        arrival: Arrival,
        pending: &mut Option<Box<Pending>>,
    ) -> Result<Option<Redirect>, LoginError> {
        match arrival {
            Arrival::Client {
                client_id,
                client_secret,
                visitor,
                reply,
            } => {
                let client = ClientCredentials {
                    client_id,
                    client_secret,
                };
                // A form that is sent again replaces the earlier request: the tab of that request
                // can no longer end this login.
                let begun = self.begin(client, Some(visitor))?;
                self.open(begun.authorization.url())?;
                let _ = reply.send(Ok(begun.authorization.url().clone()));
                *pending = Some(begun);
                Ok(None)
            }
            Arrival::Redirect {
                query,
                visitor,
                reply,
            } => Ok(Some(Redirect {
                response: AuthorizationResponse::from_redirect(&query),
                by: visitor.into(),
                page: reply,
            })),
            Arrival::Stranger { of_another_user } => {
                self.prompt.stranger(of_another_user);
                Ok(None)
            }
        }
    }

    pub(super) fn pasted(&mut self, line: &str) -> Option<Redirect> {
        let response = AuthorizationResponse::from_pasted(line);
        if response.is_none() {
            self.prompt.say(
                "that is not a URL with a query; paste the whole address that the browser ended at",
            );
        }
        Some(Redirect {
            response: response?,
            by: FinishedBy::Paste,
            // Nobody receives from it: the browser of a pasted address has not reached this
            // listener.
            page: tokio::sync::oneshot::channel().0,
        })
    }

    pub(super) async fn answered(
        &mut self,
        pending: Option<Box<Pending>>,
        response: Redirect,
        cancelled: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Step, LoginError> {
        // No request is waiting for a response: this comes from a tab of an earlier login, or from
        // somebody who guesses.
        let Some(pending) = pending else {
            let _ = response.page.send(Outcome::Bad(
                "Not yet".to_owned(),
                "The login has not reached the provider.".to_owned(),
            ));
            return Ok(Step::Wait(None));
        };
        // First `state`, then the issuer, then the error (RFC 6749 §10.12, RFC 9207 §2.4): an error
        // without the right `state` may be forged, and must not end the login.
        match pending.authorization.verify(response.response) {
            Ok(code) => {
                let Redirect { by, page, .. } = response;
                let redirected = Redirected { by, page };
                self.exchange(pending, code, redirected, cancelled).await
            }
            Err(ResponseRefused::Denied { code, description })
                // Only if the user named the application in the form: then the user has that page
                // open, and can correct it.
                if pending.named_by.is_some() && is_about_the_application(&code) =>
            {
                let refused = ResponseRefused::Denied { code, description };
                self.ask_again(&pending.client, &refused.to_string(), response.page);
                Ok(Step::Wait(None))
            }
            // The `state` is right, so the provider says this, or the user at the provider's page.
            Err(refused @ ResponseRefused::Denied { .. }) => {
                let outcome = Outcome::Bad("Refused".to_owned(), refused.to_string());
                let _ = response.page.send(outcome);
                tokio::time::sleep(LAST_PAGE).await;
                Err(refused.into())
            }
            Err(refused) => {
                // It is not the response to this login. A forged one must not end the login (RFC
                // 8252 §8.9).
                self.prompt.say(&format!(
                    "a redirect was not accepted: {refused}; still waiting"
                ));
                let outcome = Outcome::Bad("Not accepted".to_owned(), refused.to_string());
                let _ = response.page.send(outcome);
                Ok(Step::Wait(Some(pending)))
            }
        }
    }
}
