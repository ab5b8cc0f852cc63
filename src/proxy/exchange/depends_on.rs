//! What the outcome of a request depends on beside its method and URL.

use std::fmt;

/// What the outcome depends on that a method and a URL do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DependsOn {
    /// The address that the host's name leads to.
    Address,
    /// The user's yes.
    Decision,
    /// Whether a field of its body is denied.
    Fields,
    /// The GraphQL document.
    Graphql,
    /// Whether git-lfs downloads.
    LfsBatch,
    /// Which refs the push names, and how it moves them.
    Push,
}

impl DependsOn {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Decision => "decision",
            Self::Fields => "fields",
            Self::Graphql => "graphql",
            Self::LfsBatch => "lfs_batch",
            Self::Push => "push",
        }
    }
}

impl fmt::Display for DependsOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => {
                "the address that the host's name leads to, which is looked at when it is dialled"
            }
            Self::Decision => "your yes, for which it waits",
            Self::Fields => "whether a field of its body is one that is denied",
            Self::Graphql => "what the GraphQL document in its body does",
            Self::LfsBatch => "whether git-lfs downloads, which its body says",
            Self::Push => "the refs that the push names and the commits in it, which its body says",
        })
    }
}
