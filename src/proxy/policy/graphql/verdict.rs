//! What the guard says to a request, and why it could not read one.

use thiserror::Error;

use crate::proxy::limits::{MAX_GRAPHQL_BATCH, MAX_GRAPHQL_BODY, MAX_GRAPHQL_TOKENS};

/// What a request does, of which the last applies: `Mutation` if one of its operations is one.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    /// It only reads.
    Query,
    /// It reads until it is ended.
    Subscription,
    /// It may change something.
    Mutation,
}

/// What the guard says to a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// No rule denies it.
    Allowed {
        /// What it does.
        kind: Kind,
    },
    /// A rule denies it.
    Denied {
        /// The rule's name.
        rule: String,
        /// Why.
        reason: String,
        /// The field that the rule names.
        field: String,
    },
    /// It cannot be told what it does, so it is refused.
    Unreadable(Unreadable),
}

/// Why it cannot be told what a request does.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub(crate) enum Unreadable {
    /// More than [`MAX_GRAPHQL_BODY`].
    #[error("its body is larger than {MAX_GRAPHQL_BODY} bytes")]
    TooLarge,
    /// More than [`MAX_GRAPHQL_TOKENS`] or nested too deep.
    #[error("its documents have more than {MAX_GRAPHQL_TOKENS} tokens, or nest too deep")]
    TooComplex,
    /// More than [`MAX_GRAPHQL_BATCH`].
    #[error("it has more than {MAX_GRAPHQL_BATCH} operations")]
    TooMany,
    /// A hash or an id stands for a document ("persisted query").
    #[error("it names a stored document by a hash or an id, so that nobody sees what it does")]
    Persisted,
    /// No document, where one is needed.
    #[error("it has no GraphQL document")]
    NoDocument,
    /// The document does not follow the specification. Where is a byte offset in it.
    #[error("its GraphQL document has a mistake at byte {0}")]
    Syntax(usize),
    /// The body does not follow the format that its type names.
    #[error("its body is not {0}")]
    Malformed(&'static str),
    /// The body's type or coding is none that GraphQL servers agree on.
    #[error("its {0} is none in which GraphQL is sent")]
    Unsupported(&'static str),
    /// Two servers could read it differently.
    #[error("servers may read it differently: {0}")]
    Ambiguous(&'static str),
    /// A field beside `query` that could have a meaning.
    #[error("it has a field `{0}`, which is none of query, operationName, variables, extensions")]
    UnknownField(String),
    /// A WebSocket, whose messages the guard does not read.
    #[error("it opens a WebSocket, in which operations are not seen")]
    WebSocket,
}
