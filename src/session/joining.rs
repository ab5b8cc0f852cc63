//! Connections that are made while a session runs, and join it (`--join new`).
//!
//! A connection joins by its hosts, which must be no other's: from then on, tunnels to them are
//! ended here. What a child has had from its start stays as it is: its variables, the files that it
//! was given, a tunnel that is open.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use authsome_providers::ProviderId;
use tokio::sync::Mutex;

use super::control::RunState;
use super::error::SessionError;
use super::facts::{Guards, https_places};
use super::made_with::{self, Present};
use super::member::Member;
use super::members::member_of;
use super::notice::Notice;
use super::options::Options;
use super::routes::managed;
use super::user_data::UserData;
use crate::connection::{Arrivals, Credentials};
use crate::credential::ConnectionId;
use crate::os::home::Home;
use crate::proxy::Serving;

/// How many connections may join a session.
const MAX_JOINED: usize = 256;

/// What lets connections join.
pub(super) struct Joining {
    only: Vec<ProviderId>,
    arrivals: Mutex<Arrivals>,
    guards: Guards,
    home: Home,
    state: Arc<RunState>,
}

impl Joining {
    /// `None` if none may join. `known` are those that were there when the members were read.
    pub(super) fn of(
        known: Option<BTreeSet<ConnectionId>>,
        (options, guards): (&Options, Guards),
        data: &UserData,
        state: &Arc<RunState>,
    ) -> Option<Self> {
        Some(Self {
            only: options.only.clone(),
            arrivals: Mutex::new(Arrivals::beside(known?, &data.store)),
            guards,
            home: data.home.clone(),
            state: Arc::clone(state),
        })
    }

    fn admits(&self, id: &ConnectionId) -> bool {
        self.only.is_empty() || self.only.contains(&id.provider)
    }
}

/// Lets connections join until it is dropped.
pub(super) async fn attend(
    joining: Option<&Joining>,
    (serving, credentials): (&Serving, &Credentials),
    data: &UserData,
    notify: &dyn Fn(Notice),
) -> Infallible {
    let Some(joining) = joining else {
        return pending().await;
    };
    let mut arrivals = joining.arrivals.lock().await;
    let mut places = MAX_JOINED;
    while places > 0 {
        for id in arrivals.next().await {
            if places == 0 || !joining.admits(&id) {
                continue;
            }
            match join(joining, &id, (serving, credentials), data, notify) {
                Ok(()) => places -= 1,
                Err(error) => notify(Notice::LeftOut { id, error }),
            }
        }
    }
    pending().await
}

fn join(
    joining: &Joining,
    id: &ConnectionId,
    (serving, credentials): (&Serving, &Credentials),
    data: &UserData,
    notify: &dyn Fn(Notice),
) -> Result<(), SessionError> {
    let member = read(id, data, notify)?;
    let places = https_places(&member).collect();
    let facts = joining.state.facts().with(&member, &joining.guards);
    let (managed, stored) = managed(member);
    serving.join(managed, || credentials.join(stored))?;
    joining.state.replace_facts(facts, &joining.home);
    notify(Notice::Joined {
        id: id.clone(),
        places,
    });
    Ok(())
}

/// The connection as the sessions that start now have it.
fn read(
    id: &ConnectionId,
    data: &UserData,
    notify: &dyn Fn(Notice),
) -> Result<Member, SessionError> {
    let stored = data.store.load(id)?;
    let stored = stored.ok_or_else(|| SessionError::NoConnection(id.clone()))?;
    let mut present = Present::new();
    let mut members = vec![member_of(stored, &mut present, data, notify)?];
    made_with::hold(&mut members, &present, data, notify)?;
    members
        .pop()
        .ok_or_else(|| SessionError::NoConnection(id.clone()))
}
