//! Scopes that a provider asks for and a grant does not have (RFC 6750 §3.1, `insufficient_scope`).
//! Only the user can widen a grant, so all that is done here is to remember it.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::credentials::Credentials;
use crate::credential::ConnectionId;

/// How much of a server's words is remembered: scopes of one challenge, bytes of a scope, and
/// different challenges of a session.
const MAX_SCOPES: usize = 64;
const MAX_LENGTH: usize = 200;
const MAX_KEPT: usize = 64;

/// Which scopes were asked for, each set once for a connection.
#[derive(Default)]
pub(super) struct Lacking(Mutex<BTreeSet<(ConnectionId, BTreeSet<String>)>>);

impl Lacking {
    /// Remembers a challenge. Whether it is a new one.
    fn note(&self, id: &ConnectionId, scopes: &str) -> bool {
        let scopes: BTreeSet<_> = scopes.split(' ').filter(|scope| is_scope(scope)).collect();
        if scopes.is_empty() || scopes.len() > MAX_SCOPES {
            return false;
        }
        let scopes = scopes.into_iter().map(str::to_owned).collect();
        let mut kept = self.kept();
        kept.len() < MAX_KEPT && kept.insert((id.clone(), scopes))
    }

    fn kept(&self) -> MutexGuard<'_, BTreeSet<(ConnectionId, BTreeSet<String>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A scope of RFC 6749 §3.3.
fn is_scope(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.len() <= MAX_LENGTH && text.bytes().all(is_plain)
}

impl Credentials {
    /// A provider wants these scopes of a connection.
    pub(super) fn note_lacking(&self, id: &ConnectionId, scopes: &str) {
        if self.slot(id).is_ok() && self.renewal.lacking.note(id, scopes) {
            self.renewal.needed.notify_one();
        }
    }

    /// The connections whose grant lacks what was asked for in this session, each with the scopes
    /// that it has and those that it lacks. A login in the meantime may have brought them.
    pub async fn lacking(&self) -> Vec<(ConnectionId, Vec<String>)> {
        let kept = self.renewal.lacking.kept().clone();
        let mut lacking = Vec::new();
        for (id, wanted) in kept {
            let Ok(stored) = self.renewal.load(&id).await else {
                continue;
            };
            let mut scopes = stored.connection.tokens.scopes;
            let missing = wanted.into_iter().filter(|scope| !scopes.contains(scope));
            let missing: Vec<_> = missing.collect();
            if !missing.is_empty() {
                scopes.extend(missing);
                lacking.push((id, scopes));
            }
        }
        lacking
    }
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
        assert_eq!(lacking.kept().len(), MAX_KEPT);
    }
}
