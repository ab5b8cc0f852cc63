//! A rule by which git rewrites the URLs of remotes.

/// `url.<target>.insteadOf = <prefix>`, or `pushInsteadOf`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Rule {
    pub(super) target: String,
    pub(super) prefix: String,
    pub(super) push_only: bool,
}
