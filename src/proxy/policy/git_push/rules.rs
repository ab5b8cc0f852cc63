//! What a push may do to each ref.

use super::commands::{Command, CommandList};
use super::pattern::RefPattern;

/// Which refs a run may push to, and how: only forwards, and never to the default branch unless it
/// is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushPolicy {
    patterns: Vec<RefPattern>,
}

/// Why a ref is not pushed, as git prints it behind the ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::proxy) enum Reason {
    /// It is the default branch, and no pattern is its name.
    #[error("it is the default branch, which only its own name allows")]
    DefaultBranch,
    /// It may be the default branch.
    #[error("which branch is the default one is not known, so only its own name allows it")]
    DefaultUnknown,
    /// The ref would be deleted.
    #[error("refs are not deleted from this run")]
    Deletion,
    /// All of the new history is in the push, and the old commit is not in it.
    #[error("not a fast-forward")]
    NotFastForward,
    /// No pattern matches.
    #[error("this run may not push to it")]
    NotMatched,
    /// A tag would be moved.
    #[error("a tag that exists is not moved from this run")]
    TagMoved,
    /// What passes does not show that the old commit is in the new history.
    #[error("this push does not show that it is a fast-forward")]
    Undecided,
}

/// What a command still needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// The proof that its old commit is an ancestor of its new one.
    FastForward,
}

impl PushPolicy {
    /// The policy of these patterns. Without any, nothing is pushed.
    pub fn new(patterns: Vec<RefPattern>) -> Self {
        Self { patterns }
    }

    /// The patterns, as the user gave them.
    pub(super) fn patterns(&self) -> &[RefPattern] {
        &self.patterns
    }

    /// Judges each command. `default_branch` is a full name, `None` if it is not known.
    pub(super) fn judge(
        &self,
        list: &CommandList,
        default_branch: Option<&str>,
    ) -> Vec<Result<Need, Reason>> {
        list.commands
            .iter()
            .map(|command| self.judge_one(command, default_branch))
            .collect()
    }

    fn judge_one(&self, command: &Command, default_branch: Option<&str>) -> Result<Need, Reason> {
        let name = &*command.name;
        if !self.patterns.iter().any(|pattern| pattern.matches(name)) {
            return Err(Reason::NotMatched);
        }
        if command.new.is_zero() {
            return Err(Reason::Deletion);
        }
        let mut named = self.patterns.iter().filter(|pattern| pattern.names(name));
        let is_named = named.clone().next().is_some();
        if !is_named && name.starts_with("refs/heads/") {
            match default_branch {
                None => return Err(Reason::DefaultUnknown),
                // A server may keep its refs where upper and lower case are one.
                Some(default) if default.eq_ignore_ascii_case(name) => {
                    return Err(Reason::DefaultBranch);
                }
                Some(_) => {}
            }
        }
        // A ref that is made replaces nothing: the server checks that there is none.
        let is_kept = command.old.is_zero() || command.old == command.new;
        if is_kept || named.any(RefPattern::allows_force) {
            return Ok(Need::Nothing);
        }
        if name.starts_with("refs/tags/") {
            return Err(Reason::TagMoved);
        }
        Ok(Need::FastForward)
    }
}
