//! What a session tells about itself to the commands inside it: which hosts get which connection's
//! credential, what is denied, since when. It is in the file `sessions/ID.json` while the session
//! lives, and contains no secret.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::Path;

use authsome_providers::Scheme;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::member::Member;
use super::options::{Join, Options};
use super::policy::Permitted;
use crate::clock::Timestamp;
use crate::credential::ConnectionId;
use crate::os::home::{create_private_file, open_file, remove_if_present};
use crate::os::private_file::replace_private_file;
use crate::proxy::Preference;

/// How many places and rules are named. The rest are counted.
const MAX_NAMED: usize = 1000;

/// The longest file that is read, in bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// What a session tells about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the JSON")]
pub struct Facts {
    /// When it started (RFC 3339).
    pub since: String,
    /// The process ID of its authsome.
    pub pid: u32,
    /// Whether its commands may print and change secrets.
    pub allows_export: bool,
    /// Whether it has rules that a run within it would not have.
    #[serde(default)]
    pub has_rules: bool,
    /// Whether connections that are made now join it.
    #[serde(default)]
    pub joins_new: bool,
    /// Whether hosts that belong to no connection are refused.
    pub denies_other_hosts: bool,
    /// The places that belong to connections, sorted.
    pub places: Vec<PlaceFact>,
    /// How many places are not named.
    pub unnamed_places: usize,
    /// The guard rules that are in force, sorted.
    pub guards: Vec<GuardFact>,
    /// The rules of the policy: those of the flags, of a file, of `config.toml`.
    #[serde(default)]
    pub rules: Vec<RuleFact>,
}

/// A place that belongs to a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceFact {
    /// Scheme, host, port and path prefix.
    pub place: String,
    /// Whose credential it gets. If there are several, it gets none: they match equally well.
    pub connections: Vec<String>,
}

/// A rule of the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFact {
    /// The name of its flag, without the dashes.
    pub rule: String,
    /// Its value.
    pub value: String,
    /// Where it is from.
    pub by: String,
}

/// A guard rule that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardFact {
    /// Its name, with the provider.
    pub rule: String,
    /// Why it denies.
    pub reason: String,
    /// Whether it lets a request wait for the user's yes instead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asks: bool,
}

impl Facts {
    /// What is known of a session with those members before it starts.
    pub(super) fn of(members: &[Member], options: &Options, permitted: &Permitted) -> Self {
        let mut places: BTreeMap<String, Best> = BTreeMap::new();
        let mut guards = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let rules = Guards::of(permitted);
        for member in members {
            let id = &member.stored.connection.id;
            for place in https_places(member) {
                let best = places.entry(place).or_default();
                best.add(id, member.preference);
            }
            // All connections of a provider have the same rules.
            if seen.insert(&id.provider) {
                guards.extend(rules.in_force(member));
            }
        }
        let unnamed_places = places.len().saturating_sub(MAX_NAMED);
        let places = places.into_iter().take(MAX_NAMED);
        let guards = guards.into_iter().take(MAX_NAMED);
        Self {
            since: Timestamp::now().to_string(),
            pid: std::process::id(),
            allows_export: options.allows_export,
            has_rules: options.has_rules(),
            joins_new: options.join == Join::New,
            denies_other_hosts: permitted.policy.denies_unmanaged(),
            places: places
                .map(|(place, best)| PlaceFact {
                    place,
                    connections: best.connections,
                })
                .collect(),
            unnamed_places,
            guards: guards
                .map(|(rule, reason)| GuardFact {
                    asks: permitted.asked_guards.contains(&rule),
                    rule,
                    reason,
                })
                .collect(),
            rules: rules_of(permitted),
        }
    }

    /// What is known once that member has joined, whose places are no other's.
    pub(super) fn with(&self, member: &Member, permitted: &Guards) -> Self {
        let mut facts = self.clone();
        let id = &member.stored.connection.id;
        for place in https_places(member) {
            facts.places.push(PlaceFact {
                place,
                connections: vec![id.to_string()],
            });
        }
        facts
            .places
            .sort_by(|one, other| one.place.cmp(&other.place));
        facts.unnamed_places += facts.places.len().saturating_sub(MAX_NAMED);
        facts.places.truncate(MAX_NAMED);
        for (rule, reason) in permitted.in_force(member) {
            if !facts.guards.iter().any(|known| known.rule == rule) {
                let asks = permitted.asked.contains(&rule);
                facts.guards.push(GuardFact { rule, reason, asks });
            }
        }
        facts.guards.sort_by(|one, other| one.rule.cmp(&other.rule));
        facts.guards.truncate(MAX_NAMED);
        facts
    }

    /// What of them the agent's API tells; `id` is the run's.
    pub(super) fn for_agent(&self, id: &str) -> Value {
        let mut facts = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = facts.as_object_mut() {
            fields.insert("id".to_owned(), id.into());
        }
        facts
    }

    /// Writes them to a private file. One that is there is what a killed session has left.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        remove_if_present(path).map_err(io::Error::other)?;
        let mut file = create_private_file(path).map_err(io::Error::other)?;
        file.write_all(&text)
    }

    /// Writes them in place of those that are there: a reader finds the one or the other.
    pub(super) fn replace(&self, path: &Path) -> io::Result<()> {
        replace_private_file(path, &serde_json::to_vec(self)?).map_err(io::Error::other)
    }

    /// Reads them. `None` if they are not there, or not whole.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let file = open_file(OpenOptions::new().read(true), path).ok()?;
        let mut text = Vec::new();
        file.take(MAX_FILE).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

/// Which guard rules the user has changed.
#[derive(Clone, Debug)]
pub(super) struct Guards {
    lifted: HashSet<String>,
    asked: HashSet<String>,
}

impl Guards {
    pub(super) fn of(permitted: &Permitted) -> Self {
        Self {
            lifted: permitted.allowed_guards.clone(),
            asked: permitted.asked_guards.clone(),
        }
    }

    /// The rules of that member's provider which stand, each with its reason.
    fn in_force(&self, member: &Member) -> Vec<(String, String)> {
        let provider = &member.stored.connection.id.provider;
        let rules = member.service.rules.guard_reasons();
        let named = rules.map(|(name, reason)| ([provider.as_str(), "/", name].concat(), reason));
        let standing = named.filter(|(name, _)| !self.lifted.contains(name));
        standing
            .map(|(name, reason)| (name, reason.to_owned()))
            .collect()
    }
}

/// The places where a connection's credential is put on.
pub(super) fn https_places(member: &Member) -> impl Iterator<Item = String> {
    let routes = member.service.routes.iter();
    let https = routes.filter(|route| route.scheme == Scheme::Https);
    https.map(ToString::to_string)
}

/// The rules of the policy, layer by layer.
fn rules_of(permitted: &Permitted) -> Vec<RuleFact> {
    let layers = permitted.policy.layers().iter();
    let rules = layers.flat_map(|layer| {
        let rules = layer.rules().into_iter();
        rules.map(|(rule, value)| RuleFact {
            rule: rule.to_owned(),
            value,
            by: layer.source.to_string(),
        })
    });
    rules.take(MAX_NAMED).collect()
}

/// The connections that match one place best.
#[derive(Default)]
struct Best {
    preference: Option<Preference>,
    connections: Vec<String>,
}

impl Best {
    fn add(&mut self, id: &ConnectionId, preference: Preference) {
        if self.preference < Some(preference) {
            self.connections.clear();
            self.preference = Some(preference);
        }
        if self.preference == Some(preference) {
            self.connections.push(id.to_string());
        }
    }
}
