//! What a user says about a request that waits.

/// What a user says about a request that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is refused. The reason is told to the program that has sent it.
    No {
        /// Why, in the user's words; empty for none.
        reason: String,
    },
    /// This request is sent, and no other one.
    Once,
    /// This request is sent, and in this run each further one of its connection, method and path.
    Run,
}

/// Why a decision has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDecided {
    /// No such request waits. It may have been decided, have timed out, or have been broken off.
    #[error("no request of that ID waits any more")]
    Gone,
    /// The request waits for a login, which nobody can say yes to.
    #[error("that request waits for a login, not for a decision")]
    NeedsLogin,
}
