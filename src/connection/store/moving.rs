//! Moves everything to another vault.

use std::time::Duration;

use super::keys::{CLIENT, CONNECTION, DEFAULT, DEFINITION};
use super::{ConnectionStore, StoreError, conflict};
use crate::vault::{Change, Expect, RecordKey};

/// How long to wait for a renewal that is under way.
const RENEWAL_WAIT: Duration = Duration::from_secs(45);

/// What moves. A login that is suspended does not: its second step is on this machine.
const KINDS: [&str; 4] = [CONNECTION, CLIENT, DEFAULT, DEFINITION];

impl ConnectionStore {
    /// Moves all connections to another vault, which must have none of their names. Returns how
    /// many there are. If this is interrupted between the two transactions, both vaults have them.
    pub fn move_to(&self, other: &Self) -> Result<usize, StoreError> {
        let ids = self.list()?;
        let locks: Result<Vec<_>, _> = ids.iter().map(|id| self.lock(id, RENEWAL_WAIT)).collect();
        let _renewals = locks?;
        for id in &ids {
            self.take_in(id)?;
        }
        let (mut puts, mut deletes) = (Vec::new(), Vec::new());
        for kind in KINDS {
            let mut failed = None;
            self.vault.each(kind, &mut |name, record| match record {
                Ok(record) => {
                    puts.push(Change::Put {
                        key: RecordKey::new(kind, name),
                        value: record.value,
                        expect: if kind == CONNECTION {
                            Expect::Absent
                        } else {
                            Expect::Any
                        },
                    });
                    deletes.push(Change::Delete(RecordKey::new(kind, name)));
                }
                Err(error) => failed = Some(error),
            })?;
            if let Some(error) = failed {
                return Err(error.into());
            }
        }
        other.vault.apply(&puts).map_err(conflict)?;
        self.vault.apply(&deletes)?;
        Ok(ids.len())
    }
}
