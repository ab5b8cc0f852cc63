//! What the home knows of pairs that left it, from one run to the next.
//!
//! | file | what it has |
//! | --- | --- |
//! | `not-handed-back` | the connections whose newest pair may be only here, one in a line; it is there only while there are some |
//! | `handed-back.json` | which pair of a connection is known to be elsewhere: at a target that cannot be read, or in the export that it came with |
//!
//! A script that makes a home for one job may remove it once `not-handed-back` is absent and
//! authsome has ended. So a connection gets into that file before its refresh is requested, and out
//! of it when the new pair is at the target, or when there is no new pair.
//!
//! ```text
//!             request            a new pair             at the target
//! (absent) ────────────→ present ─────────→ present ──────────────────→ (absent)
//!    ↑                      │                  └─ cannot be handed back, or a kill: it stays, and
//!    └── no new pair ───────┘                     the next run with --on-rotate tries again
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::target::Target;
use crate::connection::{Exported, Lineage};
use crate::credential::ConnectionId;
use crate::os::home::{Home, HomeError, io_error, remove_if_present};

/// The names of the files.
const NOT_HANDED_BACK: &str = "not-handed-back";
const HANDED_BACK: &str = "handed-back.json";

/// The lock for a change of either file, and how long it is waited for.
const LOCK: &str = "hand-back";
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// The two files of a home.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    home: Home,
}

/// Where a pair stands among those of its grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pair {
    grant: String,
    rotation: u64,
}

/// What is known of the pairs of one connection.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Known {
    /// The pair of the export that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    imported: Option<Pair>,
    /// The pair that a target got, by a digest of the target: a command may have a secret in it.
    #[serde(default)]
    targets: BTreeMap<String, Pair>,
}

type All = BTreeMap<String, Known>;

impl From<&Lineage> for Pair {
    fn from(lineage: &Lineage) -> Self {
        Self {
            grant: lineage.grant.clone(),
            rotation: lineage.rotation,
        }
    }
}

impl Ledger {
    pub(super) fn of(home: &Home) -> Self {
        Self { home: home.clone() }
    }

    /// The connections whose newest pair may be only here.
    pub(super) fn not_handed_back(&self) -> Result<BTreeSet<String>, HomeError> {
        let path = self.home.path(NOT_HANDED_BACK);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(io_error("read", &path)(error)),
        }
    }

    /// Writes connections into `not-handed-back`, and takes others out of it, durably: those that
    /// `marks` returns, which is called under the lock of the file. Blocks the thread.
    pub(super) fn mark(
        &self,
        marks: impl FnOnce() -> (BTreeSet<ConnectionId>, BTreeSet<ConnectionId>),
    ) -> Result<(), HomeError> {
        let _lock = self.home.lock(LOCK, LOCK_TIMEOUT)?;
        let (present, absent) = marks();
        let before = self.not_handed_back()?;
        let mut now = before.clone();
        now.extend(present.iter().map(ToString::to_string));
        for id in &absent {
            now.remove(&id.to_string());
        }
        if now == before {
            return Ok(());
        }
        if now.is_empty() {
            remove_if_present(&self.home.path(NOT_HANDED_BACK))?;
            return self.home.sync();
        }
        let lines: String = now.iter().flat_map(|name| [name.as_str(), "\n"]).collect();
        self.home.write_private(NOT_HANDED_BACK, lines.as_bytes())
    }

    /// Whether that pair is known to be elsewhere.
    pub(super) fn has(&self, target: &Target, id: &ConnectionId, lineage: &Lineage) -> bool {
        let pair = Pair::from(lineage);
        self.read().get(&id.to_string()).is_some_and(|known| {
            known.imported.as_ref() == Some(&pair)
                || known.targets.get(&name_of(target)) == Some(&pair)
        })
    }

    /// Notes that a target has got those pairs.
    pub(super) fn note_handed_back(&self, target: &Target, pairs: &[(ConnectionId, Lineage)]) {
        self.change(|all| {
            for (id, lineage) in pairs {
                let pair = Pair::from(lineage);
                let known = all.entry(id.to_string()).or_default();
                // Targets with an earlier pair will not have the present one again.
                known.targets.retain(|_, handed_back| *handed_back == pair);
                known.targets.insert(name_of(target), pair);
            }
        });
    }

    fn note_imported(&self, exported: &[&Exported]) {
        self.change(|all| {
            for exported in exported {
                let known = all.entry(exported.id().to_string()).or_default();
                known.imported = Some(Pair::from(&exported.lineage()));
            }
        });
    }

    /// If this fails, a pair is handed back once more than it has to be.
    fn change(&self, change: impl FnOnce(&mut All)) {
        let Ok(_lock) = self.home.lock(LOCK, LOCK_TIMEOUT) else {
            return;
        };
        let mut all = self.read();
        change(&mut all);
        if let Ok(text) = serde_json::to_vec(&all) {
            let _ = self.home.write_private(HANDED_BACK, &text);
        }
    }

    fn read(&self) -> All {
        let text = fs::read(self.home.path(HANDED_BACK)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

/// Notes that those connections came with an export, which has their pairs.
pub fn note_imported(home: &Home, exported: &[&Exported]) {
    if !exported.is_empty() {
        Ledger::of(home).note_imported(exported);
    }
}

fn name_of(target: &Target) -> String {
    STANDARD.encode(digest(&SHA256, target.to_string().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> ConnectionId {
        ConnectionId {
            provider: "gitlab".parse().unwrap(),
            name: name.parse().unwrap(),
        }
    }

    #[test]
    fn the_file_is_there_only_while_it_names_a_connection() {
        let (_directory, home) = Home::temporary();
        let ledger = Ledger::of(&home);
        let ids = |names: &[&str]| names.iter().map(|name| id(name)).collect::<BTreeSet<_>>();
        let file = home.path(NOT_HANDED_BACK);
        ledger.mark(|| (ids(&[]), ids(&["a"]))).unwrap();
        assert!(!file.exists());
        ledger.mark(|| (ids(&["a", "b"]), ids(&[]))).unwrap();
        ledger.mark(|| (ids(&[]), ids(&["a"]))).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "gitlab/b\n");
        ledger.mark(|| (ids(&[]), ids(&["b"]))).unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn a_pair_is_known_for_the_target_that_got_it() {
        let (_directory, home) = Home::temporary();
        let ledger = Ledger::of(&home);
        let pair = |rotation| Lineage {
            grant: "00".to_owned(),
            rotation,
        };
        let target = |command: &str| Target::Command(command.to_owned());
        let has = |command, rotation| ledger.has(&target(command), &id("a"), &pair(rotation));
        assert!(!has("one", 0));
        let note = |command, rotation| {
            ledger.note_handed_back(&target(command), &[(id("a"), pair(rotation))]);
        };
        note("one", 0);
        assert!(has("one", 0) && !has("two", 0) && !has("one", 1));
        note("two", 0);
        assert!(has("one", 0) && has("two", 0));
        note("two", 1);
        assert!(!has("one", 0) && !has("one", 1) && has("two", 1));
        let text = fs::read_to_string(home.path(HANDED_BACK)).unwrap();
        assert!(!text.contains("two"), "{text}");
    }
}
