//! A disk that is full, or busy.

use authsome_test_support::Endpoint;
use authsome_test_support::kit::port_7998;

use crate::kit::doors::{Door, Doors};
use crate::kit::faults::{EDQUOT, EIO, ENOSPC, EROFS, Faults, SLOW, expect_kept};
use crate::kit::refresh::{expired, expired_at_the_server, pair, user, wait_for_refresh};
use crate::kit::session::{Session, spawn};
use crate::kit::{Outcome, Setup, until};

#[test]
fn a_refresh_while_another_process_writes_the_vault_keeps_its_pair() {
    let (world, gitlab) = expired();
    gitlab.fault(Endpoint::Token, SLOW, 1);
    let mut session = Session::start(&world);
    wait_for_refresh(&gitlab);
    let held = rusqlite::Connection::open(world.home().join("vault.db")).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(session.call(&gitlab), "200");
    // Another process has the new pair although the vault has not, and spends nothing.
    let export = world.call(["export", "gitlab"]).expect(0);
    let newest = gitlab.live_pairs().pop().unwrap();
    assert!(export.stdout.contains(&newest.access));
    session.end(0);
    assert_eq!(pair(&world), newest, "kept beyond the session's end");
    drop(held);
    expect_kept(&world, &gitlab, "a lock");
}

#[test]
fn a_refresh_on_a_disk_that_is_full_keeps_its_pair_beyond_the_session() {
    for errno in [ENOSPC, EDQUOT] {
        let (world, gitlab) = expired();
        let (faults, mut session) = Faults::in_session(&world, &gitlab);
        faults.order("grow", errno.into());
        assert_eq!(session.call(&gitlab), "200", "{errno}");
        assert!(faults.take_hits() > 0, "{errno}");
        session.end(0);
        expect_kept(&world, &gitlab, &format!("errno {errno}"));
    }
}

#[test]
fn a_pair_that_can_be_written_nowhere_serves_the_session_and_is_written_later() {
    for (what, errno) in [
        ("write", EIO),
        ("write", ENOSPC),
        ("write", EROFS),
        ("write", EDQUOT),
        ("fsync", EIO),
        ("fsync", ENOSPC),
    ] {
        let (world, gitlab) = expired();
        let (faults, mut session) = Faults::in_session(&world, &gitlab);
        faults.order(what, errno.into());
        assert_eq!(session.call(&gitlab), "200", "{what} {errno}");
        assert!(faults.take_hits() > 0, "{what} {errno}");
        // Nobody else spends the old token meanwhile.
        let other = spawn(&mut world.authsome(["export", "gitlab"]));
        assert_eq!(session.call(&gitlab), "200", "{what} {errno}");
        faults.end();
        Outcome::of(other.wait_with_output().unwrap()).expect(0);
        session.end(0);
        expect_kept(&world, &gitlab, &format!("{what} {errno}"));
    }
}

#[test]
fn nothing_is_spent_where_there_is_no_room_for_what_would_come() {
    let (world, gitlab) = expired_at_the_server();
    let faults = Faults::new(&world);
    let mut session = Session::start_with(&world, |command| faults.prepare(command));
    session.tell("unset LD_PRELOAD");
    faults.order("grow", ENOSPC.into());
    let words = session.tell(&format!("curl -sS '{}'", user(&gitlab)));
    assert!(words.contains("No space left on device"), "{words}");
    assert_eq!(gitlab.token_requests(), 0);
    faults.end();
    until("room", || session.call(&gitlab) == "200");
    session.end(0);
    expect_kept(&world, &gitlab, "no room at first");
}

#[test]
fn a_login_that_cannot_be_stored_leaves_no_grant_behind() {
    let (world, gitlab) = Setup::unconnected();
    let (app, before) = world.connect(&gitlab);
    let doors = Doors::new(&world, &gitlab, &app);
    let faults = Faults::new(&world);
    gitlab.fault(Endpoint::Token, SLOW, 1);
    let _port = port_7998();
    let mut login = doors.command(Door::Login);
    faults.prepare(&mut login);
    let login = spawn(&mut login);
    wait_for_refresh(&gitlab); // it is the same endpoint
    faults.order("write", ENOSPC.into());
    let outcome = Outcome::of(login.wait_with_output().unwrap()).expect(9);
    assert!(faults.take_hits() > 0);
    assert!(outcome.stderr.contains("revoked"), "{}", outcome.stderr);
    assert_eq!(gitlab.live_pairs(), std::slice::from_ref(&before));
    assert_eq!(pair(&world), before);
}
