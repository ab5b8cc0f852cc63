//! A request that a guard rule denies and that the user lets go all the same: once, or for the run.

use super::attempt::Attempt;
use crate::proxy::pending::Lift;
use crate::proxy::policy::decide::{self, Decision, Rules};
use crate::proxy::refusal::Refusal;

impl<'a, S> Attempt<'a, S> {
    /// The decision without the guard rule that denies the request, if the user has lifted the
    /// rule; else the one that is there, with a note of whether the user can.
    pub(super) fn unless_lifted(
        &mut self,
        denied: Decision<'a>,
        rules: Rules<'a, '_>,
        path: &str,
    ) -> Decision<'a> {
        let rule = denied.plan.as_ref().err().and_then(Refusal::rule);
        let (Some(rule), Some(route)) = (rule, denied.owner) else {
            return denied;
        };
        let rules = Rules {
            lifted: Some(&rule),
            ..rules
        };
        let without = decide::decide(rules, &self.parts, path, self.flags);
        // Something else may deny it as well, and that is not lifted.
        if without.plan.is_err() {
            return denied;
        }
        let lift = Lift {
            connection: route.label.clone(),
            method: self.parts.method.to_string(),
            path: self.parts.uri.path().to_owned(),
            rule: rule.clone(),
        };
        if self.session.pending.takes_lift(&lift) {
            self.entry.let_go(rule, "the user has lifted the rule");
            return without;
        }
        self.is_liftable = true;
        denied
    }
}
