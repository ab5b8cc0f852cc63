//! Guard rules that the user has lifted while the run goes on, after one of them has refused a
//! request.
//!
//! A lift is about a request that was refused: the next one of its connection, method and path, or
//! every one that the same rule denies. It ends with the run; what is to hold for all of them is in
//! `config.toml`.

use std::collections::HashSet;

use super::request::RefusedRequest;
use crate::proxy::limits::MAX_LIFTS;

/// A request that was refused, and the rule that has refused it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lift {
    /// The rule, as the log names it.
    pub rule: String,
    /// The connection, as `provider/name`.
    pub connection: String,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
}

impl Lift {
    /// Whether that is the request.
    pub(super) fn is_of(&self, refused: &RefusedRequest) -> bool {
        refused.rule.as_ref() == Some(&self.rule)
            && refused.connection.as_ref() == Some(&self.connection)
            && (&refused.method, &refused.path) == (&self.method, &self.path)
    }
}

/// For how much a rule is lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiftExtent {
    /// For the next such request.
    Once,
    /// For each request of the run.
    Run,
}

/// Why a rule is not lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLifted {
    /// It is about what the request sends, which is decided once for a run, or something else
    /// denies the request as well.
    #[error(
        "that cannot be lifted in this run: the rule is about what the request sends, or another one denies it as well"
    )]
    NotAlone,
    /// No such request is among the latest that were refused.
    #[error("no such request was refused of late")]
    Gone,
    /// As many are lifted as may be.
    #[error("as many requests are lifted in this run as may be")]
    TooMany,
}

/// What the user has lifted in one session.
#[derive(Debug, Default)]
pub(super) struct Lifts {
    once: HashSet<Lift>,
    rules: HashSet<String>,
}

impl Lifts {
    pub(super) fn add(&mut self, lift: Lift, extent: LiftExtent) -> Result<(), NotLifted> {
        if self.once.len() + self.rules.len() >= MAX_LIFTS {
            return Err(NotLifted::TooMany);
        }
        match extent {
            LiftExtent::Once => self.once.insert(lift),
            LiftExtent::Run => self.rules.insert(lift.rule),
        };
        Ok(())
    }

    pub(super) fn take(&mut self, lift: &Lift) -> bool {
        self.rules.contains(&lift.rule) || self.once.remove(lift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lift(rule: &str, path: &str) -> Lift {
        Lift {
            rule: rule.to_owned(),
            connection: "gitlab/default".to_owned(),
            method: "POST".to_owned(),
            path: path.to_owned(),
        }
    }

    #[test]
    fn a_rule_is_lifted_once_for_one_request_or_for_the_run() {
        let mut lifts = Lifts::default();
        lifts.add(lift("gitlab/a", "/a"), LiftExtent::Once).unwrap();
        assert!(!lifts.take(&lift("gitlab/a", "/b")) && !lifts.take(&lift("gitlab/b", "/a")));
        assert!(lifts.take(&lift("gitlab/a", "/a")));
        assert!(!lifts.take(&lift("gitlab/a", "/a")));
        lifts.add(lift("gitlab/a", "/a"), LiftExtent::Run).unwrap();
        assert!(lifts.take(&lift("gitlab/a", "/a")) && lifts.take(&lift("gitlab/a", "/b")));
        assert!(!lifts.take(&lift("gitlab/b", "/a")));
        let mut all = (0..MAX_LIFTS).map(|number| lift("gitlab/c", &format!("/{number}")));
        assert!(all.any(|lift| lifts.add(lift, LiftExtent::Once) == Err(NotLifted::TooMany)));
    }
}
