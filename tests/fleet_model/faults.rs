//! Deliberate faults in the protocol, each of which the search must find.

/// What is wrong with the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// A write compares the record's generation, and neither owner nor fence.
    GuardByGenerationOnly,
    /// A machine judges by its own clock whether a lease has ended.
    ClientClock,
    /// A lock of the database connection is held during the call, and ends with the connection.
    LockOverCall,
}
