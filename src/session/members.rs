//! Collects the connections that take part in a session, in a single pass over the vault.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use authsome_providers::Scheme;

use super::error::SessionError;
use super::made_with::{self, Present};
use super::member::Member;
use super::notice::Notice;
use super::options::{Join, Options};
use super::parent::Parent;
use super::scrub::{Scrub, Scrubbed};
use super::user_data::UserData;
use crate::connection::{DefinitionUsed, Found, GrantState, StoreError, Stored};
use crate::credential::{ConnectionId, ConnectionName};
use crate::proxy::Preference;

/// All members, and the parent's variables with the vault's secrets replaced.
pub(super) struct Gathered {
    pub(super) members: Vec<Member>,
    /// Which connections there are, if others may join.
    pub(super) there: Option<There>,
    pub(super) scrubbed: Scrubbed,
}

/// Which connections there were when they were read.
pub(super) struct There {
    /// Those that take part.
    pub(super) members: BTreeSet<ConnectionId>,
    pub(super) all: BTreeSet<ConnectionId>,
}

/// Reads the connections from the vault, limits each to the terms that it was made with, and sets
/// which is preferred where several match.
pub(super) fn gather(
    options: &Options,
    data: &UserData,
    parent: &Parent,
    notify: &dyn Fn(Notice),
) -> Result<Gathered, SessionError> {
    check_names(options, data, notify)?;
    let mut gathering = Gathering {
        data,
        notify,
        scrub: Scrub::new(parent),
        members: Vec::new(),
        providers: HashMap::new(),
        error: None,
    };
    let only_named = data.settings.joins_named(options.join);
    let takes_part = |id: &ConnectionId| match options.only.contains(&id.provider) {
        true => true,
        false if only_named => options.chosen.contains(id),
        false => options.only.is_empty(),
    };
    let mut all = (options.join == Join::New).then(BTreeSet::new);
    data.store.each(takes_part, |id, found| {
        if let Some(all) = &mut all {
            all.insert(id.clone());
        }
        gathering.add(id, found, takes_part);
    })?;
    let Gathering {
        mut members,
        providers,
        scrub,
        error,
        ..
    } = gathering;
    if let Some(error) = error {
        return Err(error);
    }
    made_with::hold(&mut members, &providers, data, notify)?;
    let defaults = data.store.defaults_of(&providers.keys().collect())?;
    for member in &mut members {
        let id = &member.stored.connection.id;
        member.preference = preference(options, id, defaults.get(&id.provider));
    }
    Ok(Gathered {
        there: all.map(|all| There {
            members: ids(&members),
            all,
        }),
        members,
        scrubbed: scrub.apply(),
    })
}

/// Checks that the names given by the user exist. A misspelled name would silently leave out, or
/// choose, another connection than the user meant.
fn check_names(
    options: &Options,
    data: &UserData,
    notify: &dyn Fn(Notice),
) -> Result<(), SessionError> {
    for id in &options.chosen {
        if data.store.generation(id)?.is_none() {
            return Err(SessionError::NoConnection(id.clone()));
        }
    }
    for provider in &options.only {
        data.definition_of(provider, notify)?;
    }
    Ok(())
}

/// The state of a pass over the vault.
struct Gathering<'a> {
    data: &'a UserData,
    notify: &'a dyn Fn(Notice),
    scrub: Scrub,
    members: Vec<Member>,
    /// The definition of each provider, for all of its connections.
    providers: Present,
    /// The first error that concerns more than one connection.
    error: Option<SessionError>,
}

impl Gathering<'_> {
    fn add(
        &mut self,
        id: ConnectionId,
        found: Result<Found, StoreError>,
        takes_part: impl Fn(&ConnectionId) -> bool,
    ) {
        let member = match found {
            // No managed secret reaches the child, not even one of a connection that takes no part.
            Ok(Found::Secrets(secrets)) => {
                for secret in &secrets {
                    self.scrub.look_for(secret);
                }
                return;
            }
            Ok(Found::Whole(stored)) => {
                for secret in stored.connection.secrets() {
                    self.scrub.look_for(secret);
                }
                self.member(*stored)
            }
            Err(error) => Err(error.into()),
        };
        match member {
            Ok(member) => self.members.push(member),
            Err(SessionError::Catalog(_)) if !takes_part(&id) => {}
            // An error of one connection does not exclude the others.
            Err(error) if error.is_of_one_connection() => {
                if takes_part(&id) {
                    (self.notify)(Notice::LeftOut { id, error });
                }
            }
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
    }

    fn member(&mut self, stored: Stored) -> Result<Member, SessionError> {
        member_of(stored, &mut self.providers, self.data, self.notify)
    }
}

/// The connection with its present definition, which is then limited to what the connection was
/// made with. Its preference is still to be set.
pub(super) fn member_of(
    stored: Stored,
    providers: &mut Present,
    data: &UserData,
    notify: &dyn Fn(Notice),
) -> Result<Member, SessionError> {
    let id = &stored.connection.id;
    let definition = if let Some((definition, _)) = providers.get(&id.provider) {
        Arc::clone(definition)
    } else {
        let definition = Arc::new(data.definition_of(&id.provider, notify)?);
        let used = DefinitionUsed::of(&definition);
        let entry = (Arc::clone(&definition), used);
        providers.insert(id.provider.clone(), entry);
        definition
    };
    let provider = definition.placed(&stored.connection.params)?;
    let service = provider.at(stored.connection.base_url.as_ref())?;
    Ok(Member {
        stored,
        provider,
        service,
        preference: Preference::None,
    })
}

fn preference(
    options: &Options,
    id: &ConnectionId,
    default: Option<&ConnectionName>,
) -> Preference {
    if options.chosen.contains(id) {
        Preference::Chosen
    } else if default == Some(&id.name) {
        Preference::Default
    } else {
        Preference::None
    }
}

/// Which they are.
fn ids(members: &[Member]) -> BTreeSet<ConnectionId> {
    let members = members.iter();
    members
        .map(|member| member.stored.connection.id.clone())
        .collect()
}

/// The connections that are known to need a new login.
pub(super) fn needing_login(members: &[Member]) -> Vec<ConnectionId> {
    let connections = members.iter().map(|member| &member.stored.connection);
    let dead = connections.filter(|connection| connection.standing != GrantState::Good);
    dead.map(|connection| connection.id.clone()).collect()
}

/// Reports what the user has to know about the connections before the command starts.
pub(super) fn announce(members: &[Member], notify: &dyn Fn(Notice)) {
    if members.is_empty() {
        notify(Notice::NoConnection);
    }
    for member in members {
        announce_one(member, notify);
    }
}

/// The same for one of them.
pub(super) fn announce_one(member: &Member, notify: &dyn Fn(Notice)) {
    let connection = &member.stored.connection;
    let id = &connection.id;
    match &connection.standing {
        GrantState::Good => {}
        GrantState::NeedsLogin { reason, .. } => notify(Notice::NeedsLogin {
            id: id.clone(),
            reason: reason.clone(),
        }),
    }
    let routes = member.service.routes.iter();
    for route in routes.filter(|route| route.scheme == Scheme::Http) {
        notify(Notice::NotHttps {
            id: id.clone(),
            route: route.to_string(),
        });
    }
}
