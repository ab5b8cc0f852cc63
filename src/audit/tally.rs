//! What has happened since the log was opened, in numbers: for the end of a run.

use std::collections::BTreeMap;

use super::event::Kind;
use super::run::RunEnd;

/// The name that the log gives to the policy of a run where it gives that of a guard rule.
pub const POLICY: &str = "policy";

/// The maximum number of rules, and of hosts, that are counted apart from the others. A command
/// chooses the hosts.
const MAX_NAMES: usize = 64;

/// How many requests were injected, denied and failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that went out with a credential.
    pub injected: u64,
    /// Requests that were refused.
    pub denied: u64,
    /// Requests that failed.
    pub failed: u64,
    /// How many of the denied ones each guard rule refused, by `provider/rule`.
    pub rules: BTreeMap<String, u64>,
    /// How many of them the policy refused, by host and port.
    pub hosts: BTreeMap<String, u64>,
}

impl Tally {
    /// The end of a run in which this has happened.
    pub fn end(&self, exit: Option<u8>, signal: Option<i32>) -> RunEnd {
        RunEnd {
            exit,
            signal,
            injected: self.injected,
            denied: self.denied,
            failed: self.failed,
        }
    }

    /// Counts an event. `host` is called only if it is needed.
    pub(super) fn count(&mut self, kind: Kind, rule: Option<&str>, host: impl FnOnce() -> String) {
        match kind {
            Kind::Injected => self.injected += 1,
            Kind::Failed => self.failed += 1,
            Kind::Denied => {
                self.denied += 1;
                match rule {
                    Some(POLICY) => add(&mut self.hosts, host()),
                    Some(rule) => add(&mut self.rules, rule.to_owned()),
                    None => {}
                }
            }
            _ => {}
        }
    }
}

fn add(names: &mut BTreeMap<String, u64>, name: String) {
    if let Some(count) = names.get_mut(&name) {
        *count += 1;
    } else if names.len() < MAX_NAMES {
        names.insert(name, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denied_requests_are_told_apart_to_a_bound() {
        let mut tally = Tally::default();
        for number in 0..=MAX_NAMES {
            tally.count(Kind::Denied, Some(POLICY), || format!("h{number}:443"));
        }
        tally.count(Kind::Denied, Some("gitlab/deploy-key"), String::new);
        tally.count(Kind::Denied, None, String::new);
        tally.count(Kind::Injected, None, String::new);
        tally.count(Kind::Login, None, String::new);
        assert_eq!((tally.injected, tally.denied), (1, MAX_NAMES as u64 + 3));
        assert_eq!(tally.hosts.len(), MAX_NAMES);
        assert_eq!(tally.rules.get("gitlab/deploy-key"), Some(&1));
    }
}
