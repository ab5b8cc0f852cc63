//! What is done about a pair here, and what is there.

use crate::connection::{Compared, Exported, GrantState};

/// What is done.
pub(super) enum Decision {
    /// What is there is replaced by this.
    Write(Vec<Exported>),
    /// Nothing.
    Nothing,
    /// What is there is taken into the vault.
    TakeIn(Box<Exported>),
    /// Another pair is there that was made from the same one.
    Forked,
    /// Another login is there.
    Other,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// Ours is there now.
    Written,
    /// It was there.
    WasThere,
    /// Theirs is here now.
    TakenIn,
}

/// What follows from what is there. Other connections that are there stay.
pub(super) fn decide(mut there: Vec<Exported>, here: &Exported) -> Decision {
    let is_good = |exported: &Exported| exported.connection.standing == GrantState::Good;
    let Some(at) = there.iter().position(|one| one.id() == here.id()) else {
        there.push(here.clone());
        return Decision::Write(there);
    };
    let Some(found) = there.get_mut(at) else {
        return Decision::Nothing;
    };
    match Compared::of(&found.connection, Some(&here.connection)) {
        // A pair that does not work is of no use to anybody.
        Compared::Earlier if is_good(here) => {
            *found = here.clone();
            Decision::Write(there)
        }
        Compared::Later | Compared::Mends if is_good(found) => {
            Decision::TakeIn(Box::new(there.swap_remove(at)))
        }
        Compared::Forked | Compared::Other if !is_good(found) => {
            *found = here.clone();
            Decision::Write(there)
        }
        Compared::Forked => Decision::Forked,
        Compared::Other => Decision::Other,
        Compared::Earlier | Compared::Later | Compared::Mends | Compared::New | Compared::Same => {
            Decision::Nothing
        }
    }
}

/// What is there of a connection, if it is to be taken in.
pub(super) fn later(there: Vec<Exported>, here: &Exported) -> Option<Exported> {
    match decide(there, here) {
        Decision::TakeIn(found) => Some(*found),
        Decision::Write(_) | Decision::Nothing | Decision::Forked | Decision::Other => None,
    }
}
