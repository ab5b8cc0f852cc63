//! The smallest policy under which a run could have done what it did.
//!
//! What the log has of a run becomes rules (`suggest/paths.rs`, `suggest/refs.rs`), and the rules
//! are then tried on each of its requests, by the code of the proxy: what they would not have
//! permitted after all is said.

mod paths;
mod refs;
mod trial;

use std::collections::{BTreeMap, BTreeSet};

use authsome_providers::Catalog;

use super::SessionPlan;
use crate::authority::Authority;
use crate::canonical_path::canonical_path;
use crate::credential::ConnectionId;
use crate::proxy::DryRun;

/// The length at which the log may have cut a path, in bytes.
const CUT_PATH: usize = 509;

/// A request of a run, as the log has it.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The connection that it belonged to.
    pub connection: Option<ConnectionId>,
    /// Its method.
    pub method: String,
    /// Host and port.
    pub host: String,
    /// Its path, as it was sent.
    pub path: String,
    /// Whether it was sent with a credential.
    pub is_injected: bool,
    /// The refs that it pushed to.
    pub refs: Vec<String>,
    /// Whether it pushed to more.
    pub more_refs: bool,
}

/// What the log has of a run.
#[derive(Clone, Debug, Default)]
pub struct ObservedRun {
    /// Its requests to hosts of connections.
    pub requests: Vec<Observed>,
    /// The other hosts that it reached, each with its port.
    pub hosts: BTreeSet<String>,
}

/// A policy that permits what a run did, and what has to be said of it.
#[derive(Clone, Debug, Default)]
pub struct Suggestion {
    /// The other hosts.
    pub allow_hosts: Vec<String>,
    /// The requests, and whether the rule permits more than what was seen.
    pub allow_paths: Vec<(String, bool)>,
    /// The connections that were not used.
    pub deny_paths: Vec<String>,
    /// The refs that were pushed to; `None` if nothing was pushed.
    pub git_push: Option<Vec<String>>,
    /// Whether all of it only reads.
    pub read_only: bool,
    /// The scopes that would have sufficed, for each connection whose definition knows them.
    pub scopes: Vec<Sufficient>,
    /// What has to be said.
    pub remarks: Vec<Remark>,
}

/// The scopes that would have sufficed for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sufficient {
    /// The connection.
    pub connection: ConnectionId,
    /// The smallest ones.
    pub scopes: Vec<String>,
    /// How many of its methods and paths no rule of the definition is about.
    pub unknown: usize,
}

/// What has to be said of a suggestion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remark {
    /// A ref was deleted, which no policy permits.
    Deletion(String),
    /// The run had lifted this guard rule.
    Lifted(String),
    /// The log does not name all refs of a push.
    MoreRefs,
    /// One pattern stands for the many refs of a directory.
    ManyRefs,
    /// The suggestion does not permit this request of the run, and why.
    NotPermitted(String, String),
}

/// The smallest policy for what a run did, where the connections of `plan` take part.
pub fn suggest(run: &ObservedRun, plan: SessionPlan<'_>, catalog: &Catalog) -> Suggestion {
    let mut ids: BTreeSet<_> = plan.connections().map(|(id, _)| id.clone()).collect();
    let dry_run = plan.dry_run();
    let mut suggestion = Suggestion::default();
    let mut hosts = run.hosts.clone();
    let mut used: BTreeMap<ConnectionId, Used> = BTreeMap::new();
    for request in &run.requests {
        let places = places(&dry_run, request);
        if places.is_empty() {
            hosts.insert(request.host.clone());
        }
        for (id, path) in places {
            let used = used.entry(id).or_default();
            used.add(request, path);
        }
    }
    ids.extend(used.keys().cloned());
    suggestion.allow_hosts = hosts.into_iter().collect();
    suggestion.add_paths(&used, &ids);
    suggestion.add_refs(run);
    suggestion.add_scopes(&used, catalog);
    suggestion.try_on(run, dry_run);
    suggestion.remarks.sort();
    suggestion.remarks.dedup();
    suggestion
}

/// What a run did with one connection.
#[derive(Debug, Default)]
struct Used {
    /// Methods and paths.
    seen: BTreeSet<(String, String)>,
    /// Those that had a credential, with their hosts, for the scopes.
    at: BTreeSet<(String, String, String)>,
}

impl Used {
    fn add(&mut self, request: &Observed, path: String) {
        if request.is_injected {
            let host = Authority::parse(&request.host, None);
            let host = host.map_or_else(String::new, |host| host.host().to_owned());
            self.at.insert((host, request.method.clone(), path.clone()));
        }
        self.seen.insert((request.method.clone(), path));
    }
}

/// The connections whose rules a request has to keep, each with its path as they see it.
fn places(dry_run: &DryRun, request: &Observed) -> Vec<(ConnectionId, String)> {
    let mut path = request.path.as_str();
    let is_cut = path.len() >= CUT_PATH;
    if is_cut {
        path = path.rsplit_once('/').map_or("", |(kept, _)| kept);
    }
    let whole = |path: String| if is_cut { format!("{path}/**") } else { path };
    let found = dry_run.at(&request.host, path);
    let own = |id: &ConnectionId| request.connection.as_ref().is_none_or(|own| own == id);
    let places: Vec<_> = found.into_iter().filter(|(id, _)| own(id)).collect();
    match (&request.connection, places.is_empty()) {
        // It is not here any more, or has moved.
        (Some(id), true) => {
            let path = canonical_path(path).map_or_else(|_| "/**".to_owned(), Into::into);
            vec![(id.clone(), whole(path))]
        }
        _ => places
            .into_iter()
            .map(|(id, path)| (id, whole(path)))
            .collect(),
    }
}

impl Suggestion {
    fn add_paths(&mut self, used: &BTreeMap<ConnectionId, Used>, ids: &BTreeSet<ConnectionId>) {
        for id in ids {
            let same = |other: &&ConnectionId| other.provider == id.provider;
            let is_only = ids.iter().filter(same).count() == 1;
            let is_provider_used = used.keys().any(|other| other.provider == id.provider);
            let whole = id.provider.to_string();
            let subject = if is_only {
                whole.clone()
            } else {
                id.to_string()
            };
            let Some(used) = used.get(id) else {
                let subject = if is_provider_used { subject } else { whole };
                let rule = format!("{subject}=/**");
                if !self.deny_paths.contains(&rule) {
                    self.deny_paths.push(rule);
                }
                continue;
            };
            for pattern in paths::patterns(&used.seen) {
                let methods: Vec<_> = pattern.methods.into_iter().collect();
                let rule = format!("{subject}={} {}", methods.join(","), pattern.path);
                self.allow_paths.push((rule, pattern.is_wide));
            }
        }
    }

    fn add_refs(&mut self, run: &ObservedRun) {
        let pushes = run.requests.iter().filter(|request| {
            let has_refs = !request.refs.is_empty() || request.more_refs;
            has_refs || (request.method == "POST" && request.path.ends_with("/git-receive-pack"))
        });
        let mut names = BTreeSet::new();
        let mut has_pushed = false;
        for request in pushes {
            has_pushed = true;
            if request.more_refs {
                self.remarks.push(Remark::MoreRefs);
            }
            for name in &request.refs {
                match name.strip_prefix(':') {
                    Some(deleted) => self.remarks.push(Remark::Deletion(deleted.to_owned())),
                    None => drop(names.insert(name.as_str())),
                }
            }
        }
        if has_pushed {
            let (patterns, is_wide) = refs::patterns(&names);
            self.git_push = Some(patterns);
            self.remarks.extend(is_wide.then_some(Remark::ManyRefs));
        }
    }

    fn add_scopes(&mut self, used: &BTreeMap<ConnectionId, Used>, catalog: &Catalog) {
        for (id, used) in used {
            let Ok(definition) = catalog.get(&id.provider) else {
                continue;
            };
            let rules = &definition.provider.scope_rules;
            if rules.is_empty() {
                continue;
            }
            let (mut scopes, mut unknown) = (BTreeSet::new(), 0);
            for (host, method, path) in &used.at {
                match rules.scope_of(host, method, path) {
                    Some(scope) => drop(scopes.insert(scope)),
                    None => unknown += 1,
                }
            }
            if used.at.is_empty() {
                continue; // it needed no credential
            }
            let scopes = rules.smallest(&scopes).into_iter();
            self.scopes.push(Sufficient {
                connection: id.clone(),
                scopes: scopes.map(str::to_owned).collect(),
                unknown,
            });
        }
    }
}
