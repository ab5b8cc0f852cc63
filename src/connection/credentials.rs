//! The credentials of one session: the pair in force of each connection, ready without a lock, and
//! its renewal.
//!
//! How the pair of a connection stands, and what moves it on:
//!
//! ```text
//! Fresh ── refresh_at ──→ Due ── expires_at ──→ Expired
//!   ↑                      │                       │
//!   └──────────────────────┴───────────────────────┘
//!      a refresh, here or in another process; a new login
//!
//! Fresh ── a 401 of the provider ──→ recovery.rs: refreshed, or left as it is
//!
//! any ── invalid_grant, believed ──→ NeedsLogin ── a new login ──→ Fresh
//!                                    no refresh; the access token is used to its end,
//!                                    unless it is known to be dead too
//! ```
//!
//! What a request gets:
//!
//! | the pair | the request can be repeated | its body can be sent only once |
//! | --- | --- | --- |
//! | fresh | the pair | the pair, if the vault still has that state; else the newer one |
//! | due | the pair; a refresh begins beside it | a refresh first; if that fails, as above |
//! | expired | waits for a refresh; in a pause, a newer pair of the vault, or an error | likewise |

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::closing::Closing;
use super::disk::Reader;
use super::flight::Flight;
use super::freshness::{Freshness, stands};
use super::keep::Unsaved;
use super::pace::{Moment, Pace, Urgency};
use super::recovery::{Recovery, Step};
use super::refresh::Renewal;
use super::source::{CredentialError, CredentialSource, Rejection, UnauthorizedAction, Usage};
use super::store::{ConnectionStore, Stored};
use super::wanted::{Outcome, RefreshReason, credential};
use crate::audit::Audit;
use crate::clock::Timestamp;
use crate::credential::{ConnectionId, Credential};
use crate::oauth::{EXCHANGE_TIMEOUT, HttpClients};

/// How long the end of a session waits for a refresh that has been sent, and for its pair to be
/// durable: a pair that was issued is worth it.
const CLOSE_DEADLINE: Duration = EXCHANGE_TIMEOUT.saturating_add(Duration::from_secs(10));

/// The credentials of the chosen connections.
pub struct Credentials {
    renewal: Arc<Renewal>,
    /// Ordered: a session has few, and to compare names costs less than to hash them.
    slots: BTreeMap<ConnectionId, Arc<Slot>>,
}

/// One connection.
struct Slot {
    current: ArcSwap<Credential>,
    flight: Flight<Outcome>,
    state: Mutex<State>,
}

/// What was tried for a connection, and what came of it. It is locked for a moment, and by no
/// request whose token is fresh.
#[derive(Default)]
struct State {
    pace: Pace,
    recovery: Recovery,
}

impl Credentials {
    /// The credentials of those connections, as they were read.
    pub fn new(
        connections: impl IntoIterator<Item = Stored>,
        store: ConnectionStore,
        audit: Arc<Audit>,
        http: HttpClients,
    ) -> Arc<Self> {
        let renewal = Arc::new(Renewal {
            store,
            audit,
            http,
            closing: Closing::new(),
            reader: Reader::default(),
            unsaved: Unsaved::default(),
        });
        let slots = connections
            .into_iter()
            .map(|stored| (stored.connection.id.clone(), Arc::new(Slot::new(&stored))))
            .collect();
        Arc::new(Self { renewal, slots })
    }

    /// Starts to renew what is due; nobody waits for it.
    pub fn renew_due(&self) {
        let now = Timestamp::now();
        for (id, slot) in &self.slots {
            let current = slot.current.load();
            // A dead grant, or one without a refresh token, has no `refresh_at`: a refresh could
            // only fail.
            if stands(&current, now) != Freshness::Fresh && current.refresh_at.is_some() {
                self.renew_in_background(id, slot);
            }
        }
    }

    /// The session ends: waits for a refresh that has been sent, so that its pair is not lost.
    /// Whether it was stored in time.
    pub async fn close(&self) -> bool {
        self.renewal.closing.close(CLOSE_DEADLINE).await
    }

    /// The connections whose newest pair could not be written into the vault; it waits beside it,
    /// sealed.
    pub fn set_aside(&self) -> Vec<ConnectionId> {
        self.renewal.unsaved.aside()
    }

    /// The connections whose refresh was refused for good in this session, and why.
    pub fn needing_login(&self) -> Vec<(ConnectionId, String)> {
        let reason = |slot: &Slot| slot.state().pace.needs_login().map(str::to_owned);
        self.slots
            .iter()
            .filter_map(|(id, slot)| Some((id.clone(), reason(slot)?)))
            .collect()
    }

    /// While no refresh may be tried: what another process, or a new login, has put into the vault
    /// meanwhile, if that works.
    async fn rescued(&self, id: &ConnectionId, slot: &Slot) -> Option<Arc<Credential>> {
        // One read of the vault and no request to the provider, so a pause does not forbid it.
        // Where the vault fails too, the caller returns the failure that began the pause.
        let current = self.reload(id, slot).await.ok()?;
        (stands(&current, Timestamp::now()) != Freshness::Expired).then(|| {
            // A pair that works ends the pause: what failed was the refresh of an older one.
            slot.note(&Ok(Arc::clone(&current)));
            current
        })
    }

    fn slot(&self, id: &ConnectionId) -> Result<&Arc<Slot>, CredentialError> {
        self.slots
            .get(id)
            .ok_or_else(|| CredentialError::Removed { id: id.clone() })
    }

    /// Joins the renewal under way or starts one.
    async fn renew(&self, id: &ConnectionId, slot: &Arc<Slot>, why: RefreshReason) -> Outcome {
        // A reason that is stronger than that of the refresh under way joins it all the same: there
        // is one refresh token, and whoever spends it spends it for all.
        let outcome = slot.flight.join(|| self.work(id, slot, why)).await;
        // The refresh is a task of its own; if it panicked it has left no outcome.
        let crashed = || CredentialError::Vault {
            reason: "the refresh crashed".to_owned(),
        };
        outcome.unwrap_or_else(|| Err(crashed()))
    }

    fn renew_in_background(&self, id: &ConnectionId, slot: &Arc<Slot>) {
        // Each request over a due token comes here: without the pause, a provider that is away
        // would be asked as often as the user calls its API.
        if slot.paused(Urgency::Background).is_none() {
            // The task has begun when `join` returns; only the wait for its outcome is dropped.
            drop(slot.flight.join(|| self.work(id, slot, RefreshReason::Due)));
        }
    }

    /// The work of a flight: what comes of it is in force, whether anybody waits for it or not.
    fn work(
        &self,
        id: &ConnectionId,
        slot: &Arc<Slot>,
        why: RefreshReason,
    ) -> impl Future<Output = Outcome> + Send + use<> {
        let (renewal, id, slot) = (Arc::clone(&self.renewal), id.clone(), Arc::clone(slot));
        async move {
            let outcome = renewal.run(id.clone(), why).await;
            // Here and not where it is waited for: a refresh in the background has nobody who
            // waits, and a client may have hung up. The next request would go out with the dead
            // token.
            slot.note(&outcome);
            if let Err(CredentialError::NeedsLogin { .. }) = &outcome
                && let Ok(stored) = renewal.load(&id).await
            {
                // The record now says whether the access token is dead too. Such a one must not go
                // out again: on git's paths GitLab counts each failure towards a ban.
                slot.adopt(&credential(&stored));
            }
            outcome
        }
    }

    /// What the vault has now; adopted if it is newer.
    async fn reload(&self, id: &ConnectionId, slot: &Slot) -> Outcome {
        let stored = self.renewal.load(id).await?;
        Ok(slot.adopt(&credential(&stored)))
    }

    /// Whether the vault still has the state in hand: one small read, for requests that cannot be
    /// repeated.
    async fn confirm(
        &self,
        id: &ConnectionId,
        slot: &Arc<Slot>,
        current: Arc<Credential>,
    ) -> Outcome {
        // Every refresh and every login gives the record another number, so an equal one means that
        // no process has replaced this pair.
        if self.renewal.number(id).await? == Some(current.generation) {
            return Ok(current);
        }
        let newer = self.reload(id, slot).await?;
        // Another process may have found the grant dead, and have noted it.
        match stands(&newer, Timestamp::now()) {
            Freshness::Expired => self.renew(id, slot, RefreshReason::Expired).await,
            Freshness::Fresh | Freshness::Due => Ok(newer),
        }
    }

    /// A credential that is due or at its end, or must be surely in force.
    async fn look_closely(
        &self,
        id: &ConnectionId,
        slot: &Arc<Slot>,
        current: Arc<Credential>,
        stands: Freshness,
        usage: Usage,
    ) -> Outcome {
        match (stands, usage) {
            // `get` has returned this one already.
            (Freshness::Fresh, Usage::Repeatable) => Ok(current),
            // A refresh of another process has killed the token at once (GitLab lets
            // none overlap), and after the 401 this request could not be sent again.
            (Freshness::Fresh, Usage::Once) => self.confirm(id, slot, current).await,
            (Freshness::Due, Usage::Repeatable) => {
                // The token works until its end, so nobody waits.
                self.renew_in_background(id, slot);
                Ok(current)
            }
            // A refresh that somebody starts while the body streams would kill the token that the
            // request was sent with. So it is made before. In a pause it would fail again, and the
            // token still works.
            (Freshness::Due, Usage::Once) => match slot.paused(Urgency::Background) {
                Some(_) => self.confirm(id, slot, current).await,
                None => match self.renew(id, slot, RefreshReason::Due).await {
                    // The user has removed it: what is still in memory must not be used.
                    Err(error @ CredentialError::Removed { .. }) => Err(error),
                    // The refresh was tried for so long that the token has reached its end.
                    Err(error) if slot.has_ended() => Err(error),
                    // Read again: the task may have put a newer state in force before it failed.
                    Err(_) => self.confirm(id, slot, slot.current.load_full()).await,
                    renewed => renewed,
                },
            },
            (Freshness::Expired, _) => match slot.paused(Urgency::Waiting) {
                // Another process may have renewed it, or the user may have logged in anew: an
                // error is only for where there is no valid token.
                Some(error) => self.rescued(id, slot).await.ok_or(error),
                None => self.renew(id, slot, RefreshReason::Expired).await,
            },
        }
    }
}

impl CredentialSource for Credentials {
    async fn get(&self, id: &ConnectionId, usage: Usage) -> Outcome {
        let slot = self.slot(id)?;
        // The way of nearly every request: one atomic load and one look at the clock. It does not
        // wait for a refresh under way, for the disk or for another request.
        let current = slot.current.load_full();
        let stands = stands(&current, Timestamp::now());
        if (stands, usage) == (Freshness::Fresh, Usage::Repeatable) {
            return Ok(current);
        }
        // In a box: what may wait is large, and nearly every request has no need of it.
        Box::pin(self.look_closely(id, slot, current, stands, usage)).await
    }

    async fn reject(
        &self,
        id: &ConnectionId,
        refused: &Credential,
        rejection: Rejection,
        attempt: u32,
    ) -> UnauthorizedAction {
        let Ok(slot) = self.slot(id) else {
            // A connection that this session does not have: the 401 is not about a token of ours.
            return UnauthorizedAction::Accept;
        };
        // Somebody else may have renewed, in this process or in another. It is looked for before
        // anything else, as a refresh now would kill the pair that this one brought.
        match self.reload(id, slot).await {
            Ok(current) if current.generation != refused.generation => {
                // Through `get`, since the newer pair may be due or at its end as well.
                return match self.get(id, Usage::Repeatable).await {
                    Ok(current) => UnauthorizedAction::Retry(current),
                    Err(error) => UnauthorizedAction::Fail(error),
                };
            }
            Ok(_) => {}
            Err(error @ CredentialError::Removed { .. }) => return UnauthorizedAction::Fail(error),
            // Where the vault cannot be read, the provider's 401 is the best that is known.
            Err(_) => return UnauthorizedAction::Accept,
        }
        // The state is locked for the decision, and again for the outcome, but not for the refresh
        // between the two: others are refused meanwhile and ask the same.
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

impl Slot {
    fn new(stored: &Stored) -> Self {
        Self {
            current: ArcSwap::new(credential(stored)),
            flight: Flight::new(),
            state: Mutex::default(),
        }
    }

    fn has_ended(&self) -> bool {
        stands(&self.current.load(), Timestamp::now()) == Freshness::Expired
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock can leave a count or a pause behind that is wrong: at worst a try
        // comes too early or too late. The tokens are not in it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to do after a 401.
    fn after(&self, rejection: Rejection, refused: &Credential, attempt: u32) -> Step {
        let mut state = self.state();
        let State { pace, recovery } = &mut *state;
        recovery.after(rejection, refused, attempt, pace, Moment::now())
    }

    /// Takes a credential in, unless the one in hand is newer; returns the one in force.
    fn adopt(&self, candidate: &Arc<Credential>) -> Arc<Credential> {
        // A reload and a refresh may come here at one time. `rcu` compares again where another was
        // faster, so an older state never replaces a newer one.
        self.current.rcu(|current| {
            Arc::clone(if candidate.generation > current.generation {
                candidate
            } else {
                current
            })
        });
        self.current.load_full()
    }

    fn note(&self, outcome: &Outcome) {
        match outcome {
            Ok(renewed) => {
                self.state().pace.succeed();
                self.adopt(renewed);
            }
            // The pair in hand stays: where the refresh failed for a passing reason, it is good
            // until its end.
            Err(error) => self.state().pace.fail(error, Moment::now()),
        }
    }

    /// The last failure, while it is too early for another try.
    fn paused(&self, urgency: Urgency) -> Option<CredentialError> {
        self.state().pace.paused(urgency, Moment::now())
    }
}
