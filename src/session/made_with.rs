//! Limits the members of a session to the terms that their connections were made with, and reports
//! what has changed since then.
//!
//! The present definition applies, with two limits. It cannot add a route that the connection was
//! not made for: whoever can write a definition file could otherwise send the credential to another
//! host. And it cannot drop a guard rule that the connection was made with. Only a new login lifts
//! these limits, and a process of a run cannot log in, unless the run allows it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use authsome_providers::{Catalog, Definition, Provider, ProviderId, RoutePattern, Scheme, Source};
use url::Url;

use super::error::SessionError;
use super::member::Member;
use super::notice::{Change, Notice};
use super::user_data::UserData;
use crate::canonical_path::canonical_path;
use crate::connection::{
    Connection, ConnectionStore, DefinitionUsed, StoreError, Terms, replace_beside_renewals,
};
use crate::credential::ConnectionId;
use crate::defence::Defence;

/// The maximum number of kinds of changes that are reported.
const MAX_CHANGES: usize = 12;

/// The present definitions, one for all connections of a provider.
pub(super) type Present = HashMap<ProviderId, (Arc<Definition>, DefinitionUsed)>;

/// What names a connection's place.
type Params = BTreeMap<String, String>;

/// Limits each member to its terms, and reports each kind of change with its connections.
pub(super) fn hold(
    members: &mut [Member],
    present: &Present,
    data: &UserData,
    notify: &dyn Fn(Notice),
) -> Result<(), SessionError> {
    let mut holding = Holding {
        data,
        present,
        earlier: HashMap::new(),
        allowed: HashMap::new(),
        changes: BTreeMap::new(),
    };
    for member in members
        .iter_mut()
        .filter(|_| Defence::ConnectionTerms.stands())
    {
        holding.hold(member)?;
    }
    let more = holding.changes.len().saturating_sub(MAX_CHANGES);
    for (change, connections) in holding.changes.into_iter().take(MAX_CHANGES) {
        notify(Notice::Changed {
            change,
            connections,
        });
    }
    if more > 0 {
        notify(Notice::MoreChanges(more));
    }
    Ok(())
}

/// A definition that connections were made with and that is not the present one.
#[derive(Clone)]
struct EarlierDefinition {
    provider: Option<Arc<Provider>>,
    /// The present provider with the guard rules of this definition added, and the names of the
    /// added rules. `None` if there is nothing to add.
    guarded: Option<(Arc<Provider>, Vec<String>)>,
}

struct Holding<'a> {
    data: &'a UserData,
    present: &'a Present,
    /// By provider, by digest if the definition is a custom one, and by place.
    earlier: HashMap<(ProviderId, Option<String>, Params), EarlierDefinition>,
    allowed: HashMap<ProviderId, Vec<String>>,
    changes: BTreeMap<Change, Vec<ConnectionId>>,
}

impl Holding<'_> {
    fn hold(&mut self, member: &mut Member) -> Result<(), SessionError> {
        let id = member.stored.connection.id.clone();
        let Some((_, used)) = self.present.get(&id.provider) else {
            return Ok(());
        };
        let terms = match &member.stored.connection.terms {
            Some(terms) => terms.clone(),
            None => self.first_terms(member, used)?,
        };
        let base = member.stored.connection.base_url.clone();
        if terms.definition != *used {
            let earlier = self.earlier(member, &terms.definition)?;
            let mut denied = Vec::new();
            if let Some((guarded, names)) = earlier.guarded {
                member.service = guarded.at(base.as_ref())?;
                denied = names;
            }
            self.note(&id, Change::Replaced { denied });
            let named = &member.service.routes;
            if !named
                .iter()
                .any(|route| terms.routes.iter().any(|known| known.covers(route)))
                && let Some(provider) = earlier.provider
            {
                let places = named.iter().map(ToString::to_string).collect();
                self.note(&id, Change::Elsewhere(places));
                member.service = provider.at(base.as_ref())?;
            }
        }
        let left_out = member.service.keep_to(&terms.routes);
        if !left_out.is_empty() {
            let places = left_out.iter().map(ToString::to_string).collect();
            self.note(&id, Change::LeftOut(places));
        }
        self.note_allowed(&id, &terms);
        Ok(())
    }

    /// The terms of a connection that was stored before authsome kept terms. The routes come from
    /// the definition that is bundled with authsome, if there is one, else from the present
    /// definition. The terms are stored, so that they apply from now on.
    fn first_terms(
        &self,
        member: &mut Member,
        used: &DefinitionUsed,
    ) -> Result<Terms, SessionError> {
        let connection = &mut member.stored.connection;
        let bundled = bundled(&connection.id.provider, &connection.params);
        let bundled = bundled.filter(|bundled| bundled.at(connection.base_url.as_ref()).is_ok());
        let terms = Terms {
            routes: match &bundled {
                Some(bundled) => bundled.at(connection.base_url.as_ref())?.routes,
                None => member.service.routes.clone(),
            },
            definition: match bundled {
                Some(_) => DefinitionUsed::Bundled,
                None => used.clone(),
            },
            allowed_guards: self
                .data
                .settings
                .allowed_guards_of(&connection.id.provider),
        };
        connection.terms = Some(terms.clone());
        // If the vault cannot be written, or a renewal is under way, the session goes on without
        // storing the terms; the next session tries again.
        let store = &self.data.store;
        if let Ok(generation) = replace_beside_renewals(store, &member.stored) {
            (member.stored.generation, member.stored.step) = (generation, 0);
        }
        Ok(terms)
    }

    fn earlier(
        &mut self,
        member: &Member,
        made_with: &DefinitionUsed,
    ) -> Result<EarlierDefinition, SessionError> {
        let (id, present) = (&member.provider.id, &member.provider);
        let params = &member.stored.connection.params;
        let digest = match made_with {
            DefinitionUsed::Bundled => None,
            DefinitionUsed::Custom(custom) => Some(custom.digest.clone()),
        };
        let key = (id.clone(), digest, params.clone());
        if let Some(known) = self.earlier.get(&key) {
            return Ok(known.clone());
        }
        let stored = match &key.1 {
            Some(digest) => sealed(&self.data.store, digest, params)?,
            None => None,
        };
        let provider = stored.or_else(|| bundled(id, params));
        let guarded = provider.as_ref().and_then(|earlier| {
            let (provider, added) = present.guarded_like(earlier)?;
            Some((Arc::new(provider), added))
        });
        let found = EarlierDefinition { provider, guarded };
        self.earlier.insert(key, found.clone());
        Ok(found)
    }

    fn note_allowed(&mut self, id: &ConnectionId, terms: &Terms) {
        let settings = &self.data.settings;
        let now = self
            .allowed
            .entry(id.provider.clone())
            .or_insert_with(|| settings.allowed_guards_of(&id.provider));
        let new = now
            .iter()
            .filter(|rule| !terms.allowed_guards.contains(rule));
        let new: Vec<_> = new.map(|rule| format!("{}/{rule}", id.provider)).collect();
        if !new.is_empty() {
            self.note(id, Change::Allowed(new));
        }
    }

    fn note(&mut self, id: &ConnectionId, change: Change) {
        self.changes.entry(change).or_default().push(id.clone());
    }
}

/// The provider by the definition that a connection was made with, for requests outside of a
/// session: a definition that was changed later cannot send the credential elsewhere. `None` if the
/// vault does not have that definition.
pub(crate) fn provider_made_with(
    store: &ConnectionStore,
    connection: &Connection,
) -> Result<Option<Arc<Provider>>, StoreError> {
    let params = &connection.params;
    match connection.terms.as_ref().map(|terms| &terms.definition) {
        Some(DefinitionUsed::Custom(custom)) => sealed(store, &custom.digest, params),
        // A connection of before authsome kept terms gets those of the bundled definition.
        Some(DefinitionUsed::Bundled) | None => Ok(bundled(&connection.id.provider, params)),
    }
}

/// Whether a URL is on one of these routes, in the spelling that a run compares.
pub(crate) fn is_on_route(url: &Url, routes: &[RoutePattern]) -> bool {
    let scheme = match url.scheme() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return false,
    };
    let host = url.host_str().map(|host| host.trim_matches(['[', ']']));
    let (Some(host), Some(port)) = (host, url.port_or_known_default()) else {
        return false;
    };
    let Ok(path) = canonical_path(url.path()) else {
        return false;
    };
    routes
        .iter()
        .any(|route| route.matches(scheme, host, port, &path))
}

/// The provider by a definition whose text is in the vault.
fn sealed(
    store: &ConnectionStore,
    digest: &str,
    params: &Params,
) -> Result<Option<Arc<Provider>>, StoreError> {
    let text = store.definition(digest)?;
    Ok(text.and_then(|text| {
        let source = Source::Custom("the vault".into());
        Definition::parse(&text, source).ok()?.placed(params).ok()
    }))
}

fn bundled(id: &ProviderId, params: &Params) -> Option<Arc<Provider>> {
    Catalog::new(None).get(id).ok()?.placed(params).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_on_a_route_by_its_whole_place() {
        let route = RoutePattern {
            scheme: Scheme::Https,
            host: "a.test".parse().unwrap(),
            port: 443,
            path_prefix: "/v4".to_owned(),
        };
        for (url, expected) in [
            ("https://a.test/v4/user", true),
            ("https://a.test/v4", true),
            ("https://a.test/v44", false),
            ("https://a.test/", false),
            ("https://a.test/v4/../user", false),
            ("https://a.test/v4/..;/user", false),
            ("https://a.test/v4/%252e%252e/user", false),
            ("https://a.test:8443/v4/user", false),
            ("http://a.test/v4/user", false),
            ("https://b.test/v4/user", false),
        ] {
            let is_on = is_on_route(&url.parse().unwrap(), std::slice::from_ref(&route));
            assert_eq!(is_on, expected, "{url}");
        }
    }
}
