//! The request for a new pair. Under a lease it takes less time than the lease has left.

use std::time::Duration;

use super::Renewal;
use crate::connection::disk::Disk;
use crate::connection::record::Connection;
use crate::connection::source::CredentialError;
use crate::connection::store::Stored;
use crate::connection::tries::{NEXT_TRY, unavailable};
use crate::connection::turn::Turn;
use crate::connection::wanted::{Outcome, RefreshReason, credential};
use crate::credential::ConnectionId;
use crate::oauth::{OAuthError, TokenSet};
use crate::text::with_causes;
use crate::vault::RecordLock;
use crate::waiting::at_most;

impl Renewal {
    /// Makes sure that the lock is held during one request; returns how long that may take. A lease
    /// that was lost allows no request: another machine may be making one.
    pub(super) async fn extend(
        &self,
        disk: &Disk,
        mut lock: RecordLock,
        id: &ConnectionId,
    ) -> Result<(RecordLock, Option<Duration>), CredentialError> {
        let extended = disk.run(move || (lock.extend(), lock)).await;
        let reason = match extended {
            Ok((Ok(limit), lock)) => return Ok((lock, limit)),
            Ok((Err(error), _)) => with_causes(&error),
            Err(error) => error.to_string(),
        };
        Err(unavailable(id, &reason, NEXT_TRY))
    }

    /// The pause between two requests.
    ///
    /// A lock is held during the pause: another process would only get the same failure with the
    /// same token. A lease is not. The machine that had it before may have been stopped, with the
    /// response in its socket, and can write the new pair only under the lease.
    ///
    /// If the state has changed meanwhile, the outcome is that one: the lock keeps no login out,
    /// whose pair must not be renewed because an older one failed.
    pub(super) async fn rest(
        &self,
        disk: &Disk,
        mut lock: RecordLock,
        pause: Duration,
        stored: &Stored,
        (why, known): (RefreshReason, u64),
    ) -> Result<RecordLock, Outcome> {
        let id = &stored.connection.id;
        let is_lease = lock.claim().is_some();
        if is_lease {
            disk.begin(move || drop(lock));
            self.closing.sleep(pause).await;
            lock = match self.turn(disk, id, (why, known)).await.map_err(Err)? {
                Turn::Ours { lock, .. } => lock,
                Turn::Over(outcome) => return Err(outcome),
            };
        } else {
            // It ends early if the session ends; then no other request is begun.
            self.closing.sleep(pause).await;
        }
        self.adopt(disk, stored).await;
        let later = self.load_by(disk, id).await.map_err(Err)?;
        if later.number() != stored.number() {
            return Err(Ok(credential(&later)));
        }
        Ok(lock)
    }

    /// Under a lease, the request takes `limit` at most, so that it ends before the lease does.
    pub(super) async fn request(
        &self,
        connection: &Connection,
        limit: Option<Duration>,
    ) -> Result<TokenSet, OAuthError> {
        let Some(limit) = limit else {
            return self.exchange(connection).await;
        };
        let exchanged = at_most(limit, self.exchange(connection)).await;
        exchanged.unwrap_or_else(|| {
            let client = connection.client.as_ref();
            let host = client.and_then(|client| client.token_endpoint.host_str());
            let host = host.unwrap_or_default().to_owned();
            Err(OAuthError::Timeout { host, sent: true })
        })
    }

    async fn exchange(&self, connection: &Connection) -> Result<TokenSet, OAuthError> {
        // The endpoint and the application are those of the record (RFC 6749 §6 binds a refresh
        // token to its client), even if the provider's definition has changed since.
        let http = self.http.for_connection(
            connection.ca_pem.as_deref(),
            connection.client_certificate.as_ref(),
        )?;
        let tokens = &connection.tokens;
        match (&connection.client, &tokens.refresh) {
            (Some(client), Some(token)) => client.refresh(token, &http).await,
            (Some(client), None) => client.ask_again(&tokens.scopes, &http).await,
            (None, _) => unreachable!("settled() has answered for what cannot be renewed"),
        }
    }
}
