//! What the head of a request cannot tell.

/// What is still to be looked into before a request may be served: what only its body can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing to look at, and none excludes another"
)]
pub(in crate::proxy) struct Need {
    /// The user has to say yes.
    pub(in crate::proxy) ask: bool,
    /// The body has to be one that only reads.
    pub(in crate::proxy) only_read: bool,
    /// No body makes it one that only reads, unless it is a GraphQL document.
    pub(in crate::proxy) writes: bool,
    /// The body is a GraphQL document, for which the definition has rules.
    pub(in crate::proxy) graphql: bool,
    /// The body is a push with git, whose refs the user has named.
    pub(in crate::proxy) push: bool,
}

impl Need {
    /// Whether the head has said it all.
    pub(in crate::proxy) fn is_nothing(self) -> bool {
        self == Self::default()
    }

    /// Both needs.
    pub(in crate::proxy) fn and(self, other: Self) -> Self {
        Self {
            ask: self.ask || other.ask,
            only_read: self.only_read || other.only_read,
            graphql: self.graphql || other.graphql,
            push: self.push || other.push,
            writes: self.writes || other.writes,
        }
    }

    /// What of the body has to be read.
    pub(in crate::proxy) fn asked(self) -> Asked {
        if self.push {
            return Asked::Push;
        }
        if self.graphql {
            return Asked::Graphql;
        }
        // What is left is a request that may only read.
        match (self.only_read, self.writes) {
            (false, _) => Asked::Nothing,
            (true, false) => Asked::LfsBatch,
            (true, true) => Asked::Refused,
        }
    }
}

/// What of a body tells whether its request may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Asked {
    /// Nothing: the head has said it all.
    Nothing,
    /// The GraphQL document.
    Graphql,
    /// Whether git-lfs downloads.
    LfsBatch,
    /// The refs of the push.
    Push,
    /// No body of such a request only reads.
    Refused,
}
