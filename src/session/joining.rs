//! Connections that are made while a session runs, and join it (`--join new`).
//!
//! A connection joins by its hosts, which must be no other's: from then on, tunnels to them are
//! ended here. What a child has had from its start stays as it is: its variables, the files that it
//! was given, a tunnel that is open.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};

use authsome_providers::ProviderId;

use super::control::RunState;
use super::error::SessionError;
use super::facts::{Guards, https_places};
use super::living::tell_again;
use super::made_with::{self, Present};
use super::member::Member;
use super::members::{There, announce_one, member_of};
use super::notice::Notice;
use super::options::Options;
use super::routes::managed;
use super::user_data::UserData;
use crate::audit::{Event, Kind};
use crate::connection::{Arrivals, Credentials, StoreError};
use crate::credential::ConnectionId;
use crate::os::home::Home;
use crate::proxy::Serving;
use crate::text::with_causes;

/// How many connections may join a session.
const MAX_JOINED: usize = 256;

/// What lets connections join.
pub(super) struct Joining {
    only: Vec<ProviderId>,
    arrivals: tokio::sync::Mutex<Arrivals>,
    guards: Guards,
    home: Home,
    state: Arc<RunState>,
}

/// A connection as it was read, and the generation of its record.
struct Read {
    member: Result<Member, SessionError>,
    generation: Option<u64>,
    notices: Vec<Notice>,
}

impl Joining {
    /// `None` if none may join.
    pub(super) fn of(
        there: Option<There>,
        (options, guards): (&Options, Guards),
        data: &UserData,
        state: &Arc<RunState>,
    ) -> Option<Box<Self>> {
        let There { members, all } = there?;
        let arrivals = Arrivals::beside(members, all, &data.store);
        Some(Box::new(Self {
            only: options.only.clone(),
            arrivals: tokio::sync::Mutex::new(arrivals),
            guards,
            home: data.home.clone(),
            state: Arc::clone(state),
        }))
    }

    fn admits(&self, id: &ConnectionId) -> bool {
        self.only.is_empty() || self.only.contains(&id.provider)
    }
}

/// Lets connections join until it is dropped.
pub(super) async fn attend(
    joining: Option<&Joining>,
    session: (&Serving, &Credentials),
    data: &Arc<UserData>,
    notify: &dyn Fn(Notice),
) -> Infallible {
    let Some(joining) = joining else {
        return pending().await;
    };
    let mut arrivals = joining.arrivals.lock().await;
    let mut places = MAX_JOINED;
    while places > 0 {
        for id in arrivals.next().await {
            let admits = places > 0 && joining.admits(&id);
            if admits && take_in(joining, &mut arrivals, id, session, data, notify).await {
                places -= 1;
            }
        }
    }
    pending().await
}

/// Whether that connection has joined.
async fn take_in(
    joining: &Joining,
    arrivals: &mut Arrivals,
    id: ConnectionId,
    session: (&Serving, &Credentials),
    data: &Arc<UserData>,
    notify: &dyn Fn(Notice),
) -> bool {
    // The vault and the disk may take long, and requests must not wait for them.
    let read = {
        let (id, data) = (id.clone(), Arc::clone(data));
        arrivals.work(move || read(&id, &data)).await
    };
    let Some(read) = read else {
        arrivals.again(&id).await;
        return false;
    };
    let join = |member| join(joining, member, session, read.notices, notify);
    match read.member.and_then(join) {
        Ok(()) => {
            let (home, state) = (joining.home.clone(), Arc::clone(&joining.state));
            let tell = move || tell_again(&home, &state.id, &state.facts());
            let _ = arrivals.work(tell).await; // the agent's API has them already
            arrivals.joined(id);
            true
        }
        Err(error) if is_passing(&error) => {
            arrivals.again(&id).await;
            false
        }
        // It has gone again.
        Err(SessionError::NoConnection(_)) => false,
        Err(error) => {
            if arrivals.left_out(&id, read.generation, with_causes(&error)) {
                notify(Notice::LeftOut { id, error });
            }
            false
        }
    }
}

fn join(
    joining: &Joining,
    member: Member,
    (serving, credentials): (&Serving, &Credentials),
    notices: Vec<Notice>,
    notify: &dyn Fn(Notice),
) -> Result<(), SessionError> {
    let id = member.stored.connection.id.clone();
    let places: Vec<_> = https_places(&member).collect();
    let facts = joining.state.facts().with(&member, &joining.guards);
    let notices = RefCell::new(notices);
    announce_one(&member, &|notice| notices.borrow_mut().push(notice));
    let (managed, stored) = managed(member);
    serving.join(managed, || credentials.join(stored))?;
    joining.state.replace_facts(facts);
    notices.into_inner().into_iter().for_each(notify);
    // Nothing is sent with it where all of its routes are plain HTTP, which was just said.
    if !places.is_empty() {
        let event = Event::new(Kind::Joined).of(&id);
        let event = event.because(places.join(", "));
        joining.state.audit.record(&event);
        notify(Notice::Joined { id, places });
    }
    Ok(())
}

/// Whether the vault may be read in a while.
fn is_passing(error: &SessionError) -> bool {
    matches!(error, SessionError::Store(StoreError::Vault(error)) if error.is_unreachable())
}

/// The connection as the sessions that start now have it. Blocks the thread.
fn read(id: &ConnectionId, data: &UserData) -> Read {
    let notices = Mutex::new(Vec::new());
    let lock = || notices.lock().unwrap_or_else(PoisonError::into_inner);
    let mut generation = None;
    let member = member(id, data, &mut generation, &|notice| lock().push(notice));
    Read {
        member,
        generation,
        notices: notices.into_inner().unwrap_or_else(PoisonError::into_inner),
    }
}

fn member(
    id: &ConnectionId,
    data: &UserData,
    generation: &mut Option<u64>,
    notify: &dyn Fn(Notice),
) -> Result<Member, SessionError> {
    let absent = || SessionError::NoConnection(id.clone());
    *generation = data.store.generation(id)?;
    let stored = data.store.load(id)?.ok_or_else(absent)?;
    let mut present = Present::new();
    let mut members = vec![member_of(stored, &mut present, data, notify)?];
    made_with::hold(&mut members, &present, data, notify)?;
    members.pop().ok_or_else(absent)
}
