//! What each machine has sent, in the order in which the provider has issued its tokens.

use std::collections::BTreeMap;

use authsome_test_support::{Arrived, FakeGitLab};

use crate::kit::refresh::user;
use crate::kit::session::Session;

/// A request in the name of a machine, so that the server can tell who uses which token.
pub(super) fn curl_as(machine: &str, gitlab: &FakeGitLab) -> String {
    let to = user(gitlab);
    format!("curl -sS --max-time 60 -A {machine} -o /dev/null -w '%{{http_code}}' '{to}'")
}

/// The status of such a request.
pub(super) fn call_as(machine: &str, session: &mut Session, gitlab: &FakeGitLab) -> String {
    session.tell(&curl_as(machine, gitlab))
}

/// For each machine, which of the provider's tokens it has sent, by their numbers; fails the test
/// if one has gone back to an older token than it had sent before.
#[track_caller]
pub(super) fn never_back(gitlab: &FakeGitLab) -> BTreeMap<String, Vec<usize>> {
    let issued = gitlab.issued();
    let mut sent: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for seen in gitlab.seen() {
        let Arrived::Bearer { token } = &seen.credential else {
            continue;
        };
        let number = issued.iter().position(|pair| pair.access == *token);
        let machine = seen.header("user-agent").unwrap_or_default().to_owned();
        sent.entry(machine).or_default().push(number.unwrap());
    }
    for (machine, tokens) in &sent {
        assert!(tokens.is_sorted(), "{machine} has gone back: {tokens:?}");
    }
    sent
}
