//! What `authsome doctor` shows of those who share a vault.

use tokio_postgres::types::Type;

use super::link::Link;
use crate::vault::VaultError;

/// Those who share a vault.
#[derive(Debug, Default)]
pub struct FleetView {
    /// Machines that were seen within a day, the last one first.
    pub machines: Vec<FleetMachine>,
    /// Leases that are held.
    pub leases: Vec<FleetLease>,
    /// Renewals within the last hour.
    pub refreshes_an_hour: i64,
}

/// A machine that has used the vault.
#[derive(Debug)]
pub struct FleetMachine {
    /// Its name in its network.
    pub name: String,
    /// Seconds since it was last seen.
    pub seen_seconds: i64,
    /// How often it has waited for another one's renewal.
    pub waits: i64,
    /// For how long altogether, in milliseconds.
    pub waited_ms: i64,
}

/// A lease that is held.
#[derive(Debug)]
pub struct FleetLease {
    /// The record.
    pub name: String,
    /// Who holds it.
    pub machine: String,
    /// Seconds until it ends.
    pub left_seconds: i64,
}

impl Link {
    /// Notes that this machine lives. It is of no importance if that fails, as it does for a role
    /// that may only read.
    pub(super) fn note_machine(&self) {
        let (waits, waited) = self.waits.take();
        let note = "INSERT INTO authsome.machine (machine, seen, waits, waited_ms) \
            VALUES ($1, clock_timestamp(), $2, $3) ON CONFLICT (machine) DO UPDATE SET \
            seen = excluded.seen, waits = authsome.machine.waits + excluded.waits, \
            waited_ms = authsome.machine.waited_ms + excluded.waited_ms";
        let _ = self.rows(
            note,
            &[
                (&self.machine, Type::TEXT),
                (&waits, Type::INT8),
                (&waited, Type::INT8),
            ],
        );
        let prune = "DELETE FROM authsome.refresh WHERE at < clock_timestamp() - interval '1 day'";
        let _ = self.rows(prune, &[]);
    }

    /// Those who share the vault.
    pub(super) fn fleet(&self) -> Result<FleetView, VaultError> {
        let link = self;
        let machines = "SELECT machine, extract(epoch FROM clock_timestamp() - seen)::bigint, \
            waits, waited_ms FROM authsome.machine \
            WHERE seen > clock_timestamp() - interval '1 day' ORDER BY seen DESC";
        let machines: Result<_, VaultError> = link
            .rows(machines, &[])?
            .iter()
            .map(|row| {
                Ok(FleetMachine {
                    name: link.column(row, 0)?,
                    seen_seconds: link.column(row, 1)?,
                    waits: link.column(row, 2)?,
                    waited_ms: link.column(row, 3)?,
                })
            })
            .collect();
        let leases = "SELECT name, machine, extract(epoch FROM until - clock_timestamp())::bigint \
            FROM authsome.lease WHERE until > clock_timestamp() ORDER BY name";
        let leases: Result<_, VaultError> = link
            .rows(leases, &[])?
            .iter()
            .map(|row| {
                Ok(FleetLease {
                    name: link.column(row, 0)?,
                    machine: link.column(row, 1)?,
                    left_seconds: link.column(row, 2)?,
                })
            })
            .collect();
        let refreshes = "SELECT count(*) FROM authsome.refresh \
            WHERE at > clock_timestamp() - interval '1 hour'";
        let refreshes = link.rows(refreshes, &[])?;
        Ok(FleetView {
            machines: machines?,
            leases: leases?,
            refreshes_an_hour: match refreshes.first() {
                Some(row) => link.column(row, 0)?,
                None => 0,
            },
        })
    }
}
