//! Redirects that arrive, or are pasted: whose they are, and what they say.

use std::pin::Pin;

use super::super::error::LoginError;
use super::super::prompt::{FinishedBy, LoginPrompt};
use super::{CodeFlow, LAST_PAGE, Pending, Redirect, Redirected, Step};
use crate::connection::record::ClientCredentials;
use crate::loopback::{Arrival, Outcome, Visitor};
use crate::oauth::{AuthorizationResponse, ResponseRefused};
use crate::text::is_deceptive;

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
            Arrival::Key { reply, .. } => {
                let words = "This login asks for no key.".to_owned();
                let _ = reply.send(Outcome::bad("Not for this login", words));
                Ok(None)
            }
            Arrival::Stranger { of_another_user } => {
                self.prompt.stranger(of_another_user);
                Ok(None)
            }
        }
    }

    /// Handles a line that was pasted: the address that a browser has ended at, or instead of the
    /// form an application's ID.
    pub(super) fn pasted(
        &mut self,
        line: &str,
        pending: &mut Option<Box<Pending>>,
    ) -> Result<Option<Redirect>, LoginError> {
        let response = AuthorizationResponse::from_pasted(line);
        if let Some(response) = response {
            return Ok(Some(Redirect {
                response,
                by: FinishedBy::Paste,
                // Nobody receives from it: the browser of a pasted address has not reached this
                // listener.
                page: tokio::sync::oneshot::channel().0,
            }));
        }
        if pending.is_none() && is_like_an_id(line.trim()) {
            let client = ClientCredentials {
                client_id: line.trim().to_owned(),
                client_secret: None,
            };
            let begun = self.begin(client, Some(Visitor::ThisUser))?;
            self.open(begun.authorization.url())?;
            *pending = Some(begun);
            return Ok(None);
        }
        self.prompt.say(
            "that is not a URL with a query; paste the whole address that the browser ended at",
        );
        Ok(None)
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
            let words = "The login has not reached the provider.".to_owned();
            let _ = response.page.send(Outcome::bad("Not yet", words));
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
            Err(ref refused @ ResponseRefused::Denied { ref code, .. })
                if self.may_ask_again(code) =>
            {
                self.ask_again(&pending.client, code, &refused.to_string(), response.page);
                Ok(Step::Wait(None))
            }
            // The `state` is right, so the provider says this, or the user at the provider's page.
            Err(refused @ ResponseRefused::Denied { .. }) => {
                let outcome = Outcome::bad("Refused", refused.to_string());
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
                let outcome = Outcome::bad("Not accepted", refused.to_string());
                let _ = response.page.send(outcome);
                Ok(Step::Wait(Some(pending)))
            }
        }
    }
}

/// Whether a line can be an application's ID: one word, no address, and no word that a user types
/// to see what happens.
fn is_like_an_id(line: &str) -> bool {
    let is_odd = |character: char| {
        character.is_whitespace() || is_deceptive(character) || "/?&#".contains(character)
    };
    (MIN_ID..=MAX_ID).contains(&line.len()) && !line.contains(is_odd)
}

/// The lengths of IDs.
const MIN_ID: usize = 8;
const MAX_ID: usize = 512;
