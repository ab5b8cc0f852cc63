//! Why the whole of a push is refused, whatever its refs.

/// What is wrong with a push that is no matter of one of its refs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::proxy) enum Problem {
    /// The bytes are not what git sends.
    #[error("this is no push as git makes it: {0}")]
    Malformed(&'static str),
    /// The commands are in a certificate (`git push --signed`).
    #[error("signed pushes are not read; push with --no-signed")]
    Signed,
    /// A limit of `src/proxy/limits.rs` was reached before there was a verdict.
    #[error("{0}")]
    TooLarge(&'static str),
}
