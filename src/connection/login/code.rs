//! The authorization code flow (RFC 6749 §4.1): the form, the provider's page, and the way back.
//!
//! ```text
//! application known ──────────────────────────┐
//!                                             ↓
//! unknown ──→ form ── the user names one ──→ pending ←───────────────┐
//!              ↑                              │ a redirect, a paste  │
//!              │                              ├─ for another request ┘ the wait goes on
//!              ├─ about the application (*) ──┼─ an error ──→ the end
//!              │                              └─ a code ──→ exchange ──→ the account ──→ granted
//!              └─ about the application (*) ──────────────────┴─ an error ──→ the end
//!
//! (*) unless the command line has named the application; then this is the end too
//! ```
//!
//! Each authorization request has its own `state` and PKCE verifier (RFC 7636 §4.1, RFC 9700 §2.1).
//! So a response to an earlier request of the same login is not accepted for a later one.

mod form;
mod redirect;

use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use url::Url;

use super::error::{DEADLINE, Left, LoginError};
use super::prompt::{FinishedBy, LoginPrompt, LoginStep, PageAddress};
use super::request::{LoginRequest, OAuthRequest};
use crate::connection::record::ClientCredentials;
use crate::credential::Fields;
use crate::loopback::{Listener, Outcome, Visitor};
use crate::oauth::{
    Account, AuthorizationResponse, HttpClient, OAuthClient, OAuthError, PendingAuthorization,
    TokenSet, look_up_account,
};
use crate::secret::Secret;
use crate::text::host_of;

/// How long the browser gets to load the last page before the listener is closed.
pub(super) const LAST_PAGE: Duration = Duration::from_millis(300);

/// How often the user is told how much time is left.
const TICK: Duration = Duration::from_secs(1);

/// What the flow results in.
pub(super) struct Granted {
    pub(super) client: OAuthClient,
    pub(super) set: TokenSet,
    pub(super) account: Option<Account>,
    pub(super) by: FinishedBy,
    /// Sends the last page to the browser; nobody receives it if the redirect was pasted.
    pub(super) page: PageReply,
    /// The user has cancelled the login in between, so the grant is only to be revoked.
    pub(super) is_cancelled: bool,
}

pub(super) type PageReply = tokio::sync::oneshot::Sender<Outcome>;

/// A flow that is running.
pub(super) struct CodeFlow<'a, P> {
    pub(super) request: &'a LoginRequest,
    pub(super) code: &'a OAuthRequest,
    pub(super) http: &'a HttpClient,
    pub(super) listener: &'a mut Listener,
    pub(super) prompt: &'a mut P,
}

/// An authorization request that has no response yet, its application, and who named the
/// application.
struct Pending {
    client: OAuthClient,
    authorization: PendingAuthorization,
    /// `None` if the application was known before.
    named_by: Option<Visitor>,
}

/// A redirect that came back.
struct Redirect {
    response: AuthorizationResponse,
    by: FinishedBy,
    page: PageReply,
}

/// Who brought a redirect, and where their browser waits for a page.
struct Redirected {
    by: FinishedBy,
    page: PageReply,
}

/// What follows from a redirect.
enum Step {
    Done(Box<Granted>),
    Wait(Option<Box<Pending>>),
}

impl<P: LoginPrompt> CodeFlow<'_, P> {
    /// From the first page to the tokens.
    pub(super) async fn run(
        mut self,
        known: Option<ClientCredentials>,
        mut cancelled: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Granted, LoginError> {
        let deadline = Instant::now() + DEADLINE;
        let mut nobody_there = pin!(nobody_there(self.http, &self.code.token_endpoint));
        let mut pending = None;
        if let Some(client) = known {
            let begun = self.begin(client, None)?;
            self.open(begun.authorization.url())?;
            pending = Some(begun);
        } else {
            self.ask_for_client();
        }
        loop {
            // Both ways stay open: a browser on another machine, or in a container, cannot reach
            // the listener, and its user pastes the address. The other events end only this wait.
            // They do not end an exchange that has begun: it may bring a grant, which is then
            // stored or revoked.
            let response = tokio::select! {
                arrival = self.listener.next() => self.arrived(arrival, &mut pending)?,
                line = self.prompt.pasted() => match line {
                    Some(line) => self.pasted(&line, &mut pending)?,
                    None => return Err(self.leave(pending)),
                },
                () = sleep(TICK) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    self.prompt.waiting(Some(left));
                    continue;
                }
                // For a user who has closed the tab: nothing reports that no redirect will come.
                () = sleep_until(deadline) => return Err(LoginError::Deadline { revoked: None }),
                error = &mut nobody_there => return Err(error.into()),
                () = cancelled.as_mut() => return Err(LoginError::Cancelled { revoked: None }),
            };
            let Some(response) = response else { continue };
            self.prompt.waiting(None);
            // Taken out, and put back only if the response was to another request: a code is
            // exchanged only once (RFC 6749 §4.1.2).
            match self
                .answered(pending.take(), response, cancelled.as_mut())
                .await?
            {
                Step::Done(granted) => return Ok(*granted),
                Step::Wait(left) => pending = left,
            }
        }
    }

    fn begin(
        &self,
        client: ClientCredentials,
        named_by: Option<Visitor>,
    ) -> Result<Box<Pending>, LoginError> {
        let code = self.code;
        let client = code.client_of(client);
        let endpoint = code.authorization_endpoint.as_ref();
        let authorization = PendingAuthorization::begin(
            client.clone(),
            endpoint.ok_or(LoginError::NoEndpoint("authorization"))?,
            code.issuer.clone(),
            &code.scopes.join(&code.scope_separator),
            &code.extra_parameters,
        )?;
        Ok(Box::new(Pending {
            client,
            authorization,
            named_by,
        }))
    }

    /// Nobody here can go on. Who asked for no browser goes on elsewhere, and comes back with the
    /// address.
    fn leave(&self, pending: Option<Box<Pending>>) -> LoginError {
        let Some(pending) = pending.filter(|_| self.prompt.is_resumable()) else {
            return LoginError::Unattended;
        };
        let Pending {
            client,
            authorization,
            ..
        } = *pending;
        let url = authorization.url().to_string();
        LoginError::Left(Box::new(Left {
            basic: client.style.basic,
            token_endpoint: client.token_endpoint.to_string(),
            client: ClientCredentials {
                client_id: client.client_id,
                client_secret: client.client_secret,
            },
            saved: authorization.save(),
            url,
        }))
    }

    /// Shows the provider's page. Everybody on the machine can see a browser's arguments, so it is
    /// not started with the URL that has the `state`.
    fn open(&mut self, url: &Url) -> Result<(), LoginError> {
        let opened = self.listener.lead_to(url).map_err(OAuthError::from)?;
        let page = PageAddress {
            shown: url.as_str(),
            opened: &opened,
            about: &host_of(url),
            redirect_uri: self.code.style.redirect,
        };
        self.prompt.open(LoginStep::Authorize, page);
        Ok(())
    }

    async fn exchange(
        &mut self,
        pending: Box<Pending>,
        code: Secret<String>,
        Redirected { by, page }: Redirected,
        mut cancelled: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Step, LoginError> {
        let Pending {
            client,
            authorization,
            named_by,
        } = *pending;
        // `exchange` consumes the request. The code is spent whatever the result, so after an error
        // the form begins a new request. Ctrl-C does not end the exchange either: it may bring a
        // grant, which is then revoked.
        let set = match authorization.exchange(code, self.http).await {
            Ok(set) => set,
            Err(ref refused @ OAuthError::Refused { ref code, .. }) if self.may_ask_again(code) => {
                self.ask_again(&client, code, &refused.to_string(), page);
                return Ok(Step::Wait(None));
            }
            Err(error) => {
                let _ = page.send(Outcome::bad("No token", error.to_string()));
                tokio::time::sleep(LAST_PAGE).await;
                return Err(error.into());
            }
        };
        let lookups = &self.request.account_lookups;
        // So that the user can recognize the account. If the provider does not name it, the grant
        // is kept all the same.
        let (account, is_cancelled) = tokio::select! {
            biased;
            () = cancelled.as_mut() => (None, true),
            account = look_up_account(lookups, Fields::of(&set.access_token), self.http) => (account, false),
        };
        Ok(Step::Done(Box::new(Granted {
            client,
            set,
            account,
            by: by.and(named_by.map(FinishedBy::from)),
            page,
            is_cancelled,
        })))
    }
}

/// Ready only if the server cannot be reached: a user who has mistyped its address must not wait
/// for the deadline.
async fn nobody_there(http: &HttpClient, server: &Url) -> OAuthError {
    match http.reach(server).await {
        // Any response shows that the server is there. What it means, the flow finds out.
        Err(error) if error.is_unreachable() => error,
        _ => std::future::pending().await,
    }
}
