//! Scopes that a provider asks for and a grant does not have (RFC 6750 §3.1,
//! `insufficient_scope`). Only the user can widen a grant, so all that is done here is to remember
//! it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::credential::ConnectionId;

/// How much of a server's words is remembered: scopes of one challenge, bytes of a scope, and
/// different challenges of a session.
const MAX_SCOPES: usize = 64;
const MAX_LENGTH: usize = 200;
const MAX_KEPT: usize = 64;

/// Scopes that were asked for, of each connection.
pub(super) type Wanted = BTreeMap<ConnectionId, BTreeSet<String>>;

/// Which scopes were asked for, each set once for a connection.
#[derive(Default)]
pub(super) struct Lacking(Mutex<Challenges>);

#[derive(Default)]
struct Challenges {
    known: BTreeSet<(ConnectionId, BTreeSet<String>)>,
    /// What was asked for since it was last taken.
    new: Wanted,
}

impl Lacking {
    /// Remembers a challenge. Whether it is a new one.
    pub(super) fn note(&self, id: &ConnectionId, scopes: &str) -> bool {
        let scopes: BTreeSet<_> = scopes.split(' ').filter(|scope| is_scope(scope)).collect();
        if scopes.is_empty() || scopes.len() > MAX_SCOPES {
            return false;
        }
        let scopes: BTreeSet<_> = scopes.into_iter().map(str::to_owned).collect();
        let mut challenges = self.challenges();
        let is_new = challenges.known.len() < MAX_KEPT
            && challenges.known.insert((id.clone(), scopes.clone()));
        if is_new {
            let of_connection = challenges.new.entry(id.clone()).or_default();
            of_connection.extend(scopes);
        }
        is_new
    }

    /// Takes out what was asked for since the last time.
    pub(super) fn take_new(&self) -> Wanted {
        std::mem::take(&mut self.challenges().new)
    }

    /// All that was asked for.
    pub(super) fn all(&self) -> Wanted {
        let mut all = Wanted::new();
        for (id, scopes) in &self.challenges().known {
            let of_connection = all.entry(id.clone()).or_default();
            of_connection.extend(scopes.iter().cloned());
        }
        all
    }

    fn challenges(&self) -> MutexGuard<'_, Challenges> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A scope of RFC 6749 §3.3.
fn is_scope(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.len() <= MAX_LENGTH && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_scopes_is_new_once() {
        let lacking = Lacking::default();
        let id = ConnectionId {
            provider: "mcp".parse().unwrap(),
            name: "default".parse().unwrap(),
        };
        assert!(lacking.note(&id, "a b"));
        assert!(!lacking.note(&id, "b a"));
        assert!(lacking.note(&id, "a"));
        for nothing in ["", " ", "\u{202e}", "\"", &"x".repeat(MAX_LENGTH + 1)] {
            assert!(!lacking.note(&id, nothing), "{nothing}");
        }
        for number in 0..2 * MAX_KEPT {
            lacking.note(&id, &number.to_string());
        }
        let asked = lacking.take_new();
        assert_eq!((asked.len(), asked[&id].len()), (1, MAX_KEPT));
        assert!(lacking.take_new().is_empty());
        assert_eq!(lacking.all(), asked);
    }
}
