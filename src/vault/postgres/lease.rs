//! The lease: which machine renews a record, and until when.
//!
//! ```text
//! free ── claim: fence + 1 ──→ held ── extend ──→ held, until later
//!  ↑                            │ │
//!  ├──────── release ───────────┘ │
//!  └──────── it expires ──────────┘ the holder is told by `extend` and by its write: LeaseLost
//! ```
//!
//! All times are of the database's clock. A holder counts its own time from *before* it asked, on a
//! clock that is never set, so that it takes its lease to be over before the database does. Between
//! two statements, nothing is held in the server. Only SQL that other servers know as well is used:
//! no advisory lock, no `SKIP LOCKED`.
//!
//! The fence grows with each claim, whoever makes it. A write names owner and fence and is refused
//! once either has changed; so who was stopped beyond its lease overwrites nothing.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio_postgres::types::Type;

use super::link::{LOOK_INTERVAL_TOLD, Link, Parameter};
use super::schema;
use crate::vault::VaultError;
use crate::vault::lock::{Claim, Held};

/// The pause before another try where the server tells no changes; a random part is added.
const TRY_AGAIN: Duration = Duration::from_millis(150);

/// The part of a lease that a request may not use: the answer must be written before the end.
const MARGIN: u32 = 5;

/// How long a lease may have run before it is extended for another request, as a part of it.
const EXTEND_AFTER: u32 = 4;

const IS_HELD: &str = "SELECT machine FROM authsome.lease \
    WHERE name = $1 AND until > clock_timestamp()";

const CLAIM: &str = "INSERT INTO authsome.lease (name, owner, machine, until, fence) \
    VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 millisecond', 1) \
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, machine = excluded.machine, \
    until = clock_timestamp() + $4 * interval '1 millisecond', fence = authsome.lease.fence + 1 \
    WHERE authsome.lease.until <= clock_timestamp() OR authsome.lease.owner = excluded.owner \
    RETURNING fence";

const EXTEND: &str = "UPDATE authsome.lease \
    SET until = clock_timestamp() + $4 * interval '1 millisecond' \
    WHERE name = $1 AND owner = $2 AND fence = $3 AND until > clock_timestamp() RETURNING fence";

const RELEASE: &str = "UPDATE authsome.lease SET until = clock_timestamp() \
    WHERE name = $1 AND owner = $2 AND fence = $3";

/// Whether a claim still holds, for a transaction that writes under it.
pub(super) const HOLDS: &str = "SELECT fence FROM authsome.lease \
    WHERE name = $1 AND owner = $2 AND fence = $3 AND until > clock_timestamp() FOR UPDATE";

/// The right to renew a record until then.
#[derive(Debug)]
pub(super) struct Lease {
    link: LinkOf,
    claim: Claim,
    /// Counted from before the claim was sent, so it is over no later than in the database.
    until: Instant,
}

/// The link, which does not print.
struct LinkOf(Arc<Link>);

impl std::fmt::Debug for LinkOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.address.shown)
    }
}

/// Claims the lease of that record, waiting at most that long. If the server tells of a change
/// meanwhile, a short wait ends with it: the record may be renewed.
pub(super) fn claim(link: &Arc<Link>, name: &str, wait: Duration) -> Result<Lease, VaultError> {
    let begun = Instant::now();
    loop {
        let seen = link.told.seen();
        let held = match try_claim(link, name) {
            Err(error) if error.is_held() => error,
            other => return other,
        };
        let left = wait.saturating_sub(begun.elapsed());
        if left.is_zero() {
            link.waits.add(begun.elapsed());
            return Err(held.after(begun.elapsed()));
        }
        if link.tells_changes() {
            link.told.wait(seen, left);
            if wait <= LOOK_INTERVAL_TOLD && link.told.seen() != seen {
                link.waits.add(begun.elapsed());
                return Err(held.after(begun.elapsed()));
            }
        } else {
            thread::sleep((TRY_AGAIN + jitter()?).min(left));
        }
    }
}

fn try_claim(link: &Arc<Link>, name: &str) -> Result<Lease, VaultError> {
    // Those who wait only read: a claim that fails would write all the same, to lock the line.
    let holder = link.repeatable(IS_HELD, &[(&name, Type::TEXT)])?;
    if let Some(row) = holder.first() {
        return Err(VaultError::LeaseHeld {
            name: name.to_owned(),
            machine: link.column(row, 0)?,
            waited: Duration::ZERO,
        });
    }
    // In a rolling upgrade, the tables may have become too new for this program since its start. It
    // spends no refresh token then: it could not write the new pair.
    schema::check(link)?;
    let owner = owner()?;
    let milliseconds = link.address.lease.as_secs_f64() * 1000.0;
    let asked = Instant::now();
    // If the connection breaks off, perhaps the lease is ours already: the same owner claims it
    // again.
    let claimed = link.repeatable(
        CLAIM,
        &[
            (&name, Type::TEXT),
            (&owner, Type::TEXT),
            (&link.machine, Type::TEXT),
            (&milliseconds, Type::FLOAT8),
        ],
    );
    let claimed = match claimed {
        Err(VaultError::RoleMayNot { .. }) => {
            return Err(VaultError::MayNotRenew {
                name: name.to_owned(),
                waited: Duration::ZERO,
            });
        }
        other => other?,
    };
    let Some(row) = claimed.first() else {
        return Err(VaultError::LeaseHeld {
            name: name.to_owned(),
            machine: "another machine".to_owned(),
            waited: Duration::ZERO,
        });
    };
    Ok(Lease {
        claim: Claim {
            name: name.to_owned(),
            owner,
            fence: link.column(row, 0)?,
        },
        until: asked + link.address.lease,
        link: LinkOf(Arc::clone(link)),
    })
}

impl Held for Lease {
    fn claim(&self) -> Option<Claim> {
        Some(self.claim.clone())
    }

    fn extend(&mut self) -> Result<Option<Duration>, VaultError> {
        let link = &self.link.0;
        let whole = link.address.lease;
        if self.left() < whole.saturating_sub(whole / EXTEND_AFTER) {
            let milliseconds = whole.as_secs_f64() * 1000.0;
            let asked = Instant::now();
            let [name, owner, fence] = parameters(&self.claim);
            let rows =
                link.repeatable(EXTEND, &[name, owner, fence, (&milliseconds, Type::FLOAT8)])?;
            if rows.is_empty() {
                return Err(VaultError::LeaseLost(self.claim.name.clone()));
            }
            self.until = asked + whole;
        }
        Ok(Some(self.left().saturating_sub(whole / MARGIN)))
    }
}

impl Lease {
    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // If the server cannot be reached, the lease expires.
        let _ = self.link.0.repeatable(RELEASE, &parameters(&self.claim));
    }
}

/// What names a claim in a statement.
pub(super) fn parameters(claim: &Claim) -> [Parameter<'_>; 3] {
    [
        (&claim.name, Type::TEXT),
        (&claim.owner, Type::TEXT),
        (&claim.fence, Type::INT8),
    ]
}

/// A name for one claim, which no other claim has.
fn owner() -> Result<String, VaultError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// Up to as much again as [`TRY_AGAIN`], so that machines do not ask in step.
fn jitter() -> Result<Duration, VaultError> {
    let mut byte = [0];
    getrandom::fill(&mut byte)?;
    Ok(TRY_AGAIN * u32::from(byte[0]) / 255)
}
