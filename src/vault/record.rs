//! What a vault keeps, and the steps that change it.

use crate::secret::Secret;

/// Which record: a kind that the program chooses and a name within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordKey {
    pub(super) kind: &'static str,
    pub(super) name: String,
}

impl RecordKey {
    /// The record `name` among those of `kind`.
    pub fn new(kind: &'static str, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }
}

/// A record as it is stored now.
#[derive(Debug)]
pub struct Record {
    /// Greater than that of any earlier state of any record.
    pub generation: u64,
    /// The opened value.
    pub value: Secret<Vec<u8>>,
}

/// The state that a writer believes a record to be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There must be none.
    Absent,
    /// Whatever there is.
    Any,
    /// Exactly this state: compare and swap.
    Generation(u64),
}

/// One step of a transaction.
#[derive(Debug)]
pub enum Change {
    /// Removes the record, if there is one.
    Delete(RecordKey),
    /// Writes the record.
    Put {
        /// Which.
        key: RecordKey,
        /// Its new value.
        value: Secret<Vec<u8>>,
        /// What must be there for the write to happen.
        expect: Expect,
    },
}

/// A value that the vault does not have yet: it waits beside it.
#[derive(Debug)]
pub struct Pending {
    /// The state in the vault that it replaces.
    pub base: u64,
    /// How many states have replaced that one, this one included: the vault may not have had the
    /// one before either.
    pub step: u32,
    /// The opened value.
    pub value: Secret<Vec<u8>>,
}
