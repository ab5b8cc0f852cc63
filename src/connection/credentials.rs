//! The credentials of one session: for each connection the current pair, which is read without a
//! lock, and its renewal.
//!
//! The states of a connection's pair, and what moves it from one to the next:
//!
//! ```text
//! Fresh ── refresh_at ──→ Due ── expires_at ──→ Expired
//!   ↑                      │                       │
//!   └──────────────────────┴───────────────────────┘
//!      a refresh, here or in another process; a new login
//!
//! Fresh ── a 401 of the provider ──→ recovery.rs: refreshed, or left as it is
//!
//! any ── invalid_grant, confirmed ──→ NeedsLogin ── a new login ──→ Fresh
//!                                     no refresh; the access token is used until it expires,
//!                                     unless it is known to be dead too
//! ```
//!
//! What a request gets:
//!
//! | the pair | the request can be repeated | its body can be sent only once |
//! | --- | --- | --- |
//! | fresh | the pair | the pair, if the vault still has that state; else the newer one |
//! | due | the pair; a refresh begins in the background | a refresh first; if that fails, as for a fresh pair |
//! | expired | waits for a refresh; in a pause after a failure, a newer pair of the vault, or an error | the same |

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::elsewhere::Elsewhere;
use super::freshness::{Freshness, stands};
use super::lacking::Lacking;
use super::pace::Urgency;
use super::recovery::Step;
use super::refresh::Renewal;
use super::slot::Slot;
use super::source::{CredentialError, CredentialSource, Rejection, UnauthorizedAction, Usage};
use super::store::{ConnectionStore, Stored};
use super::wanted::{Outcome, RefreshReason, credential};
use crate::audit::Audit;
use crate::clock::Timestamp;
use crate::credential::{ConnectionId, Credential};
use crate::growing::Growing;
use crate::oauth::{EXCHANGE_TIMEOUT, HttpClients};
use crate::secret::Secret;

/// How long the end of a session waits for a refresh whose request was sent, and for its pair to be
/// durable. Without this wait the new pair would be lost.
const CLOSE_DEADLINE: Duration = EXCHANGE_TIMEOUT.saturating_add(Duration::from_secs(10));

/// The credentials of the connections that a session uses.
pub struct Credentials {
    pub(super) renewal: Arc<Renewal>,
    pub(super) lacking: Lacking,
    /// Counts what changes the secrets of the slots.
    changes: Arc<AtomicU64>,
    /// Whether the vault's changes are followed already.
    pub(super) is_following: AtomicBool,
    /// Sorted maps, since a session has few connections: comparing names costs less than hashing
    /// them. The first has those of the start, each other one a connection that has joined.
    slots: Growing<BTreeMap<ConnectionId, Arc<Slot>>>,
}

impl Credentials {
    /// The credentials of those connections, as they were read from the vault. Their newest pairs
    /// may be kept elsewhere too.
    pub fn new(
        connections: impl IntoIterator<Item = Stored>,
        store: ConnectionStore,
        audit: Arc<Audit>,
        http: HttpClients,
        elsewhere: Option<Arc<dyn Elsewhere>>,
    ) -> Arc<Self> {
        let renewal = Arc::new(Renewal::new(store, audit, http, elsewhere));
        let changes = Arc::<AtomicU64>::default();
        let slot = |stored: Stored| {
            let slot = Slot::new(&stored, Arc::clone(&changes));
            (stored.connection.id, Arc::new(slot))
        };
        let slots = connections.into_iter().map(slot).collect();
        let lacking = Lacking::default();
        Arc::new(Self {
            renewal,
            lacking,
            changes,
            is_following: AtomicBool::new(false),
            slots: Growing::new(slots),
        })
    }

    /// A connection joins the session.
    pub fn join(&self, stored: Stored) {
        let slot = Slot::new(&stored, Arc::clone(&self.changes));
        let joined = (stored.connection.id, Arc::new(slot));
        self.slots.push(BTreeMap::from([joined]));
    }

    /// All connections, as they are known here.
    pub(super) fn slots(&self) -> impl Iterator<Item = (&ConnectionId, &Arc<Slot>)> {
        self.slots.iter().flatten()
    }

    /// Starts to renew the pairs that are due, in the background, and to follow what others renew.
    pub fn renew_due(self: &Arc<Self>) {
        self.follow_changes();
        let now = Timestamp::now();
        for (id, slot) in self.slots() {
            let current = slot.current.load();
            // A dead grant, or one without a refresh token, has no `refresh_at`: a refresh could
            // only fail.
            if stands(&current, now) != Freshness::Fresh && current.refresh_at.is_some() {
                self.renew_in_background(id, slot);
            }
        }
    }

    /// Ends the session: waits for a refresh whose request was sent, so that its pair is not lost.
    /// Returns whether that was done in time.
    pub async fn close(&self) -> bool {
        self.renewal.closing.close(CLOSE_DEADLINE).await
    }

    /// The connections whose newest pair is in a sealed file beside the vault, since the vault
    /// could not be written.
    pub fn set_aside(&self) -> Vec<ConnectionId> {
        self.renewal.unsaved.aside()
    }

    /// The connections that were found to need a new login in this session, with the reason.
    pub fn needing_login(&self) -> Vec<(ConnectionId, String)> {
        let reason = |slot: &Slot| slot.state().pace.needs_login().map(str::to_owned);
        self.slots()
            .filter_map(|(id, slot)| Some((id.clone(), reason(slot)?)))
            .collect()
    }

    /// In a pause after a failed refresh: the pair that another process or a new login has put into
    /// the vault in the meantime, if it works.
    pub(super) async fn rescued(&self, id: &ConnectionId, slot: &Slot) -> Option<Arc<Credential>> {
        // This reads the vault once and sends no request to the provider, so it may be done in a
        // pause. If the vault fails too, the caller returns the failure that began the pause.
        let current = self.reload(id, slot).await.ok()?;
        (stands(&current, Timestamp::now()) != Freshness::Expired).then(|| {
            // A pair that works ends the pause: the refresh that failed was that of an older pair.
            slot.note(&Ok(Arc::clone(&current)));
            current
        })
    }

    pub(super) fn slot(&self, id: &ConnectionId) -> Result<&Arc<Slot>, CredentialError> {
        let known = self.slots.iter().find_map(|slots| slots.get(id));
        known.ok_or_else(|| CredentialError::Removed { id: id.clone() })
    }

    /// Joins the running refresh, or starts one.
    pub(super) async fn renew(
        &self,
        id: &ConnectionId,
        slot: &Arc<Slot>,
        why: RefreshReason,
    ) -> Outcome {
        // This joins a running refresh even if its reason is weaker than `why`: there is one
        // refresh token, and one refresh spends it for all.
        let outcome = slot.flight.join(|| self.work(id, slot, why)).await;
        // The refresh is a task of its own. If it panicked, there is no outcome.
        let crashed = || CredentialError::Vault {
            reason: "the refresh crashed".to_owned(),
        };
        outcome.unwrap_or_else(|| Err(crashed()))
    }

    pub(super) fn renew_in_background(&self, id: &ConnectionId, slot: &Arc<Slot>) {
        // Each request with a token that is due comes here. Without the pause, a provider that is
        // unavailable would get a token request for every API request of the user.
        if slot.paused(Urgency::Background).is_none() {
            // `join` has started the task; only the future that waits for its outcome is dropped.
            drop(slot.flight.join(|| self.work(id, slot, RefreshReason::Due)));
        }
    }

    /// The work of a flight. Its outcome takes effect even if nobody waits for it.
    fn work(
        &self,
        id: &ConnectionId,
        slot: &Arc<Slot>,
        why: RefreshReason,
    ) -> impl Future<Output = Outcome> + Send + use<> {
        let (renewal, id, slot) = (Arc::clone(&self.renewal), id.clone(), Arc::clone(slot));
        async move {
            let known = slot.current.load().generation;
            let outcome = renewal.run(id.clone(), why, known).await;
            // Noted here and not by those who wait: nobody waits for a refresh in the background,
            // and a client may have disconnected. Otherwise the next request would be sent with the
            // old token, which is dead.
            slot.note(&outcome);
            // A later state may have come while the pair was being stored; nobody goes back from
            // it.
            let outcome = outcome.and_then(|renewed| slot.take(&id, &renewed));
            if let Err(CredentialError::NeedsLogin { .. }) = &outcome
                && let Ok(stored) = renewal.load(&id).await
            {
                // The record now says whether the access token is dead too. A dead token must not
                // be sent again: on git's paths GitLab counts each failed login towards a ban.
                slot.adopt(&credential(&stored));
                renewal.needed.notify_one();
            }
            outcome
        }
    }

    /// Reads the newest stored state, and takes it if it is newer than the current one.
    pub(super) async fn reload(&self, id: &ConnectionId, slot: &Slot) -> Outcome {
        let stored = self.renewal.load(id).await?;
        slot.take(id, &credential(&stored))
    }
}

impl CredentialSource for Credentials {
    async fn get(&self, id: &ConnectionId, usage: Usage) -> Outcome {
        let slot = self.slot(id)?;
        slot.use_now();
        // The path of nearly every request: one atomic load and one look at the clock. It does not
        // wait for a running refresh, for the disk or for another request.
        let current = slot.current.load_full();
        let stands = stands(&current, Timestamp::now());
        if (stands, usage) == (Freshness::Fresh, Usage::Repeatable) {
            return Ok(current);
        }
        // Boxed: the future that may wait is large, and few requests need it.
        Box::pin(self.look_closely(id, slot, current, stands, usage)).await
    }

    async fn until_login(&self, id: &ConnectionId) {
        self.look_for_login(id).await;
    }

    fn secrets_version(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    fn secrets(&self) -> Vec<Secret<String>> {
        self.slots().flat_map(|(_, slot)| slot.secrets()).collect()
    }

    fn lacks(&self, id: &ConnectionId, scopes: &str) {
        self.note_lacking(id, scopes);
    }

    async fn reject(
        &self,
        id: &ConnectionId,
        refused: &Credential,
        rejection: Rejection,
        attempt: u32,
    ) -> UnauthorizedAction {
        let Ok(slot) = self.slot(id) else {
            // This session does not have the connection, so the 401 is not about one of its tokens.
            return UnauthorizedAction::Accept;
        };
        // Another request or another process may have renewed the pair already. This is checked
        // first: a refresh now would invalidate that new pair.
        match self.reload(id, slot).await {
            Ok(current) if current.generation != refused.generation => {
                // Through `get`, since the newer pair may be due or expired as well.
                return match self.get(id, Usage::Repeatable).await {
                    Ok(current) => UnauthorizedAction::Retry(current),
                    Err(error) => UnauthorizedAction::Fail(error),
                };
            }
            Ok(_) => {}
            Err(error @ (CredentialError::Moved { .. } | CredentialError::Removed { .. })) => {
                return UnauthorizedAction::Fail(error);
            }
            // If the vault cannot be read, nothing better is known than the provider's 401.
            Err(_) => return UnauthorizedAction::Accept,
        }
        // The state is locked for the decision and again for the outcome, but not during the
        // refresh in between: other requests may get a 401 meanwhile and come here too.
        match slot.after(rejection, refused, attempt) {
            Step::Accept => UnauthorizedAction::Accept,
            Step::Fail(error) => UnauthorizedAction::Fail(error),
            Step::RetrySame(pause) => UnauthorizedAction::RetrySame(pause),
            Step::Renew(why) => {
                let outcome = self.renew(id, slot, why).await;
                let has_ended = slot.has_ended();
                slot.state().recovery.renewed(why, outcome, has_ended)
            }
        }
    }
}
