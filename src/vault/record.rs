//! What a vault keeps, and the steps that change it.

use crate::secret::Secret;

/// The key of a record: a kind that the program chooses, and a name within it.
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
    /// Greater than the generation of any earlier state of any record.
    pub generation: u64,
    /// The decrypted value.
    pub value: Secret<Vec<u8>>,
}

/// The state that a writer expects a record to be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There is no such record.
    Absent,
    /// Any state, or no record.
    Any,
    /// Exactly this generation: compare and swap.
    Generation(u64),
}

/// One step of a transaction.
#[derive(Debug)]
pub enum Change {
    /// Removes the record, if there is one.
    Delete(RecordKey),
    /// Writes the record.
    Put {
        /// Which record.
        key: RecordKey,
        /// Its new value.
        value: Secret<Vec<u8>>,
        /// What must be there, or the transaction is refused.
        expect: Expect,
    },
}

/// A value that waits beside the vault to be written into it.
#[derive(Debug)]
pub struct Pending {
    /// The generation in the vault that it replaces.
    pub base: u64,
    /// Its number among the values that have replaced that generation, from 1: the value before it
    /// may not have been written into the vault either.
    pub step: u32,
    /// The decrypted value.
    pub value: Secret<Vec<u8>>,
}
