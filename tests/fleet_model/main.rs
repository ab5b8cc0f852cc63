//! A model of the lease: every order of steps of a few machines, a provider that accepts each
//! refresh token once, and a database, with everything that may go wrong at each step. It is
//! searched in full, to the bounds that are printed.
//!
//! The transitions carry the names of the functions that they stand for (`vault/postgres/lease.rs`,
//! `vault/postgres/apply.rs`, `connection/keep.rs`, `connection/turn.rs`).
//!
//! What is shown: no state is reached from which a live pair cannot come back into the vault, no
//! refresh token is accepted twice, and no machine hands out an older pair after a newer one. What
//! cannot be ruled out, and is left out: a response that is lost after the rotation, or that comes
//! to a machine which dies before it has written the pair anywhere. The last write that a failover
//! forgets counts as one, unless a machine still has it.
//!
//! `cargo test --test fleet_model`; `FLEET_MODEL_STEPS=N` searches deeper.

mod faults;
mod search;
mod state;

use self::faults::Fault;
use self::search::search;

/// How many steps are searched if the variable does not say it.
const STEPS: usize = 14;

fn steps() -> usize {
    let steps = std::env::var("FLEET_MODEL_STEPS").ok();
    steps.map_or(STEPS, |steps| steps.parse().expect("a number of steps"))
}

#[test]
fn the_lease_keeps_its_promises() {
    let found = search(Fault::None, steps());
    println!("{} states, {} steps deep", found.states, found.depth);
    assert!(found.broken.is_none(), "{:#?}", found.broken);
    assert!(
        found.states > 10_000,
        "it searches too little: {}",
        found.states
    );
}

#[test]
fn a_write_that_names_only_the_generation_is_found() {
    let found = search(Fault::GuardByGenerationOnly, steps());
    let (promise, steps) = found.broken.expect("the fault is found");
    println!("{promise}: {steps:#?}");
}

#[test]
fn a_lease_by_the_machines_own_clock_is_found() {
    let found = search(Fault::ClientClock, steps());
    let (promise, steps) = found.broken.expect("the fault is found");
    println!("{promise}: {steps:#?}");
}

#[test]
fn a_lock_that_is_held_over_the_call_is_found() {
    let found = search(Fault::LockOverCall, steps());
    let (promise, steps) = found.broken.expect("the fault is found");
    println!("{promise}: {steps:#?}");
}
