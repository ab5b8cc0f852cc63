//! What the servers have said a moment ago, so that a prompt or a status bar that asks each second
//! does not ask the servers each second. No secret is in it.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::credential::ConnectionId;
use crate::oauth::TokenCheck;
use crate::os::home::Home;

/// The file in the home directory.
const FILE: &str = "status.json";

/// How long an answer counts.
const LIFETIME: Duration = Duration::from_secs(5);

/// The answers that are kept, by connection.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Kept(HashMap<String, Answer>);

#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    /// In seconds since 1970.
    at: u64,
    /// The generation of the connection that was asked about. A later one has another token.
    generation: u64,
    is_accepted: bool,
}

impl Kept {
    /// Reads them. A file that cannot be read or understood counts as none.
    pub(super) fn load(home: &Home) -> Self {
        let text = fs::read(home.path(FILE)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub(super) fn get(&self, id: &ConnectionId, generation: u64) -> Option<TokenCheck> {
        let answer = self.0.get(&id.to_string())?;
        let age = Timestamp::now().seconds().checked_sub(answer.at)?;
        let counts = answer.generation == generation && age < LIFETIME.as_secs();
        counts.then_some(if answer.is_accepted {
            TokenCheck::Accepted
        } else {
            TokenCheck::Refused
        })
    }

    /// Adds an answer. That a server could not be asked is not kept: it may be back.
    pub(super) fn add(&mut self, id: &ConnectionId, generation: u64, check: &TokenCheck) {
        let is_accepted = match check {
            TokenCheck::Accepted => true,
            TokenCheck::Refused => false,
            TokenCheck::Unknown(_) => return,
        };
        let at = Timestamp::now().seconds();
        let answer = Answer {
            at,
            generation,
            is_accepted,
        };
        self.0.insert(id.to_string(), answer);
    }

    /// Writes them. If that fails, the next command asks again.
    pub(super) fn store(&mut self, home: &Home) {
        let now = Timestamp::now().seconds();
        self.0
            .retain(|_, answer| now.saturating_sub(answer.at) < LIFETIME.as_secs());
        if let Ok(text) = serde_json::to_vec(self) {
            let _ = home.write_private(FILE, &text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_for_its_token_and_for_a_moment() {
        let (_directory, home) = Home::temporary();
        let id = ConnectionId {
            provider: "gitlab".parse().unwrap(),
            name: "default".parse().unwrap(),
        };
        let mut kept = Kept::load(&home);
        assert_eq!(kept.get(&id, 1), None);
        kept.add(&id, 1, &TokenCheck::Accepted);
        kept.store(&home);
        let kept = Kept::load(&home);
        assert_eq!(kept.get(&id, 1), Some(TokenCheck::Accepted));
        assert_eq!(kept.get(&id, 2), None);
        let old = serde_json::json!({ "gitlab/default": { "at": 1, "generation": 1, "is_accepted": true } });
        home.write_private(FILE, old.to_string().as_bytes())
            .unwrap();
        assert_eq!(Kept::load(&home).get(&id, 1), None);
        home.write_private(FILE, b"[]").unwrap();
        assert_eq!(Kept::load(&home).get(&id, 1), None);
    }
}
