//! Transactions that write.
//!
//! Each begins with the vault's own line, which holds the last generation: so writers come one
//! after the other, and what they check afterwards is what the writer before has left. A
//! transaction waits for no other machine than for such a writer, and never for a provider.

use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

use super::lease::{HOLDS, parameters};
use super::link::{CHANNEL, Link, Parameter};
use super::schema::VERSION;
use crate::vault::store::{Reseal, SealedChange};
use crate::vault::{Expect, RecordKey, VaultError};

/// The next generations. They also follow the clock, in milliseconds: if a replica takes over that
/// lacks the last writes, it does not give their generations again.
const NEXT: &str = "UPDATE authsome.vault SET generation = greatest(generation + $1, $2 + $1, \
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint) WHERE one = 1 \
    RETURNING generation, readable_by";

impl Link {
    /// Makes all changes in one transaction, or none. `floor` is a generation that was seen.
    pub(super) fn apply(
        &self,
        changes: &[SealedChange<'_>],
        floor: i64,
    ) -> Result<Vec<u64>, VaultError> {
        let notifies = self.notifies();
        self.with(|client| {
            let transaction = self.wait(client.transaction())?;
            let writing = Writing {
                link: self,
                transaction: &transaction,
            };
            let puts = changes.iter().filter(|change| change.is_put()).count();
            let mut generation = writing.next(puts, floor)?;
            let mut generations = Vec::new();
            for change in changes {
                writing.change(change, generation)?;
                if change.is_put() {
                    generations.push(generation);
                    generation += 1;
                }
                if let (true, Some(name)) = (notifies, change.changes()) {
                    let notify = "SELECT pg_notify($1, $2)";
                    writing.rows(notify, &[(&CHANNEL, Type::TEXT), (&name, Type::TEXT)])?;
                }
            }
            self.wait(transaction.commit())?;
            Ok(generations)
        })
    }

    /// Replaces all sealed values in one transaction, or none.
    pub(super) fn seal_anew(&self, seal: &mut Reseal<'_>) -> Result<(), VaultError> {
        self.with(|client| {
            let transaction = self.wait(client.transaction())?;
            let writing = Writing {
                link: self,
                transaction: &transaction,
            };
            writing.next(1, 0)?;
            let all = "SELECT kind, name, generation, sealed FROM authsome.record";
            for row in writing.rows(all, &[])? {
                let kind: String = self.column(&row, 0)?;
                let name: String = self.column(&row, 1)?;
                let generation: i64 = self.column(&row, 2)?;
                let sealed: Vec<u8> = self.column(&row, 3)?;
                let sealed = seal(&kind, &name, generation.cast_unsigned(), &sealed)?;
                let update = "UPDATE authsome.record SET sealed = $3 WHERE kind = $1 AND name = $2";
                let text = Type::TEXT;
                writing.rows(
                    update,
                    &[(&kind, text.clone()), (&name, text), (&sealed, Type::BYTEA)],
                )?;
            }
            self.wait(transaction.commit())
        })
    }
}

struct Writing<'a> {
    link: &'a Link,
    transaction: &'a Transaction<'a>,
}

impl Writing<'_> {
    fn rows(
        &self,
        text: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<tokio_postgres::Row>, VaultError> {
        self.link
            .wait(self.transaction.query_typed(text, parameters))
    }

    /// How many lines a statement has changed.
    fn count(&self, text: &str, parameters: &[Parameter<'_>]) -> Result<u64, VaultError> {
        self.link
            .wait(self.transaction.execute_typed(text, parameters))
    }

    /// The first of so many generations that are given now.
    fn next(&self, puts: usize, floor: i64) -> Result<u64, VaultError> {
        let many = i64::try_from(puts).unwrap_or(i64::MAX).max(1);
        let rows = self.rows(NEXT, &[(&many, Type::INT8), (&floor, Type::INT8)])?;
        let Some(row) = rows.first() else {
            let path = self.link.address.shown.clone().into();
            let reason = "it has no line of its own".to_owned();
            return Err(VaultError::Corrupt { path, reason });
        };
        let (last, readable_by): (i64, i32) =
            (self.link.column(row, 0)?, self.link.column(row, 1)?);
        super::schema::refuse_later(readable_by)?;
        Ok((last - many + 1).cast_unsigned())
    }

    fn change(&self, change: &SealedChange<'_>, generation: u64) -> Result<(), VaultError> {
        match change {
            SealedChange::Delete(key) => {
                let delete = "DELETE FROM authsome.record WHERE kind = $1 AND name = $2";
                self.count(delete, &of(key)).map(drop)
            }
            SealedChange::Holds(claim) => {
                if self.rows(HOLDS, &parameters(claim))?.is_empty() {
                    return Err(VaultError::LeaseLost(claim.name.clone()));
                }
                let note = "INSERT INTO authsome.refresh (name, fence, machine, at) \
                    VALUES ($1, $2, $3, clock_timestamp()) ON CONFLICT DO NOTHING";
                let machine = &self.link.machine;
                let parameters: [Parameter<'_>; 3] = [
                    (&claim.name, Type::TEXT),
                    (&claim.fence, Type::INT8),
                    (machine, Type::TEXT),
                ];
                self.count(note, &parameters).map(drop)
            }
            SealedChange::Keeps { key, sealed } => {
                let stored = "SELECT sealed FROM authsome.record WHERE kind = $1 AND name = $2";
                let rows = self.rows(stored, &of(key))?;
                let stored = rows.first().map(|row| self.link.column::<Vec<u8>>(row, 0));
                if stored.transpose()?.as_deref() != Some(*sealed) {
                    return Err(VaultError::KeyChanged);
                }
                Ok(())
            }
            SealedChange::Put { key, expect, seal } => {
                self.put(key, *expect, (generation, &seal(generation)?))
            }
        }
    }

    fn put(
        &self,
        key: &RecordKey,
        expect: Expect,
        (generation, sealed): (u64, &Vec<u8>),
    ) -> Result<(), VaultError> {
        const INSERT: &str = "INSERT INTO authsome.record (kind, name, generation, sealed) \
            VALUES ($1, $2, $3, $4) ON CONFLICT (kind, name) DO NOTHING";
        const REPLACE: &str = "INSERT INTO authsome.record (kind, name, generation, sealed) \
            VALUES ($1, $2, $3, $4) ON CONFLICT (kind, name) \
            DO UPDATE SET generation = excluded.generation, sealed = excluded.sealed";
        const SWAP: &str = "UPDATE authsome.record SET generation = $3, sealed = $4 \
            WHERE kind = $1 AND name = $2 AND generation = $5";
        let generation = generation.cast_signed();
        let [kind, name] = of(key);
        let mut parameters: Vec<Parameter<'_>> =
            vec![kind, name, (&generation, Type::INT8), (sealed, Type::BYTEA)];
        let before;
        let text = match expect {
            Expect::Absent => INSERT,
            Expect::Any => REPLACE,
            Expect::Generation(expected) => {
                before = expected.cast_signed();
                parameters.push((&before, Type::INT8));
                SWAP
            }
        };
        match self.count(text, &parameters)? {
            0 => Err(VaultError::Conflict),
            _ => Ok(()),
        }
    }
}

fn of(key: &RecordKey) -> [Parameter<'_>; 2] {
    [(&key.kind, Type::TEXT), (&key.name, Type::TEXT)]
}

impl SealedChange<'_> {
    fn is_put(&self) -> bool {
        matches!(self, Self::Put { .. })
    }

    /// The name of the record that it changes.
    fn changes(&self) -> Option<&str> {
        match self {
            Self::Delete(key) | Self::Put { key, .. } => Some(&key.name),
            Self::Holds(_) | Self::Keeps { .. } => None,
        }
    }
}

/// The version is named here so that a change of the tables is a change of this file, too.
const _: () = assert!(VERSION == 1);
