//! Renews the token of a connection for a command that hands it out. The renewal is the one that
//! all runs share: one request to the provider, however many processes ask at one time.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::args::Named;
use super::context::{Context, interrupt};
use super::failure::{Exit, Failure, not_found};
use super::notices::tell;
use super::printer::Printer;
use crate::connection::{
    Connection, CredentialError, CredentialSource, Credentials, Rejection, Stored,
    UnauthorizedAction, Usage,
};
use crate::credential::{ConnectionId, Credential};
use crate::session::{UserData, finish};

/// No further try with the same token is wanted: whoever was refused has given up.
const LAST_ATTEMPT: u32 = u32::MAX;

impl UserData {
    /// The connection that the flags name, renewed if it expires soon: a token that is handed out
    /// should work for a while.
    pub(super) fn fresh(&self, named: &Named, printer: &Printer) -> Result<Connection, Failure> {
        self.renewed(self.connection(named)?, printer)
    }

    /// That connection, renewed if it expires soon.
    pub(super) fn renewed(&self, stored: Stored, printer: &Printer) -> Result<Connection, Failure> {
        self.with_credentials(stored, printer, async |credentials, id| {
            credentials.get(id, Usage::Once).await.map(drop)
        })
    }

    /// Renews a connection because its provider has refused a token, if that is still the one in
    /// force. A token that was renewed a moment ago stays: it was refused for another reason.
    pub(super) fn renew_rejected(
        &self,
        stored: Stored,
        is_rejected: impl Fn(&Credential) -> bool,
        printer: &Printer,
    ) -> Result<(), Failure> {
        let renew = async |credentials: &Credentials, id: &ConnectionId| {
            let current = credentials.get(id, Usage::Repeatable).await?;
            if !is_rejected(&current) {
                return Ok(());
            }
            let rejected = credentials.reject(id, &current, Rejection::Unspecific, LAST_ATTEMPT);
            match rejected.await {
                UnauthorizedAction::Fail(error) => Err(error),
                _ => Ok(()),
            }
        };
        self.with_credentials(stored, printer, renew).map(drop)
    }

    /// The connection as it is stored after `ask` has made what it wants of its credentials.
    fn with_credentials(
        &self,
        stored: Stored,
        printer: &Printer,
        ask: impl AsyncFnOnce(&Credentials, &ConnectionId) -> Result<(), CredentialError>,
    ) -> Result<Connection, Failure> {
        let id = stored.connection.id.clone();
        let credentials = Credentials::new(
            [stored],
            self.store.clone(),
            Arc::clone(&self.audit),
            Context::clients(&[]),
            None,
        );
        let runtime = Context::runtime()?;
        let renewed = runtime.block_on(async {
            let outcome = tokio::select! {
                outcome = ask(&credentials, &id) => outcome.map_err(Failure::from),
                failure = interrupted() => Err(failure),
            };
            // Also after an interrupt: a token pair that the provider has issued must be stored.
            let notify = |notice| tell(notice, printer);
            (outcome, finish(&credentials, &notify, interrupt()).await)
        });
        runtime.shutdown_background();
        let (outcome, is_stored) = renewed;
        outcome?;
        if !is_stored {
            let reason = "a new pair could not be written, neither into it nor beside it";
            return Err(Failure::from(CredentialError::Vault {
                reason: reason.to_owned(),
            }));
        }
        let stored = self
            .store
            .load(&id)?
            .ok_or_else(|| not_found(&id.provider, Some(&id.name)))?;
        Ok(stored.connection)
    }
}

/// Waits for SIGINT, SIGHUP, SIGQUIT or SIGTERM.
async fn interrupted() -> Failure {
    let wait = async || -> std::io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut quit = signal(SignalKind::quit())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
            _ = quit.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    };
    match wait().await {
        Ok(()) => Failure::new(Exit::Usage, "cancelled", "interrupted", "try again"),
        Err(error) => error.into(),
    }
}
