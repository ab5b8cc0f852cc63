//! A vault moves to a database and back, and gets another key.

use authsome_test_support::{FakeGitLab, Postgres};

use super::kit::{Fleet, KEY};
use crate::kit::refresh::user;
use crate::kit::session::Session;
use crate::kit::{Outcome, Setup, World, until};

#[test]
fn a_vault_moves_to_a_database_and_back() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let Setup { world, pair, .. } = Setup::connected();
    let fleet = Fleet::on(server);
    let call = |shared: bool, arguments: &[&str]| {
        let mut command = world.authsome(arguments);
        if shared {
            command.env("AUTHSOME_VAULT", &fleet.url);
        }
        Outcome::of(command.output().unwrap())
    };
    let moved = call(false, &["vault", "move", "--to", &fleet.url]).expect(0);
    assert!(
        moved.stderr.contains("Moved 1 connection"),
        "{}",
        moved.stderr
    );
    call(false, &["get", "gitlab"]).expect(3);
    let exported = call(true, &["export", "gitlab"]).expect(0);
    assert!(exported.stdout.contains(&pair.access));
    call(true, &["vault", "move", "--to", &fleet.url]).expect(2);
    call(false, &["vault", "move", "--to", "home"]).expect(2);
    let with_password = fleet.url.replace("postgres@", "postgres:hunter2@");
    call(false, &["vault", "move", "--to", &with_password]).expect(2);
    call(true, &["vault", "move", "--to", "home"]).expect(0);
    call(true, &["get", "gitlab"]).expect(3);
    let exported = call(false, &["export", "gitlab"]).expect(0);
    assert!(exported.stdout.contains(&pair.access));
}

#[test]
fn a_fleet_gets_a_new_key_while_it_lives() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let fleet = Fleet::on(server);
    let Setup { world, gitlab, .. } = Setup::connected();
    let (_, pair) = fleet.connect(&gitlab, 7200);
    let mut session = Session::start_with(&world, |command| {
        fleet.join(command);
    });
    assert_eq!(session.call(&gitlab), "200");
    fleet
        .call(&world, &["vault", "rekey", "--to", "file"])
        .expect(2);
    let printed = fleet.call(&world, &["vault", "rekey", "--to", "env", "--show-secret"]);
    let key = printed.expect(0).stdout.trim().to_owned();
    assert_ne!(key, KEY);
    assert_eq!(session.call(&gitlab), "200", "with the token that it has");
    fleet.call(&world, &["list"]).expect(9);
    let mut command = world.authsome(["export", "gitlab"]);
    command.env("AUTHSOME_VAULT", &fleet.url);
    let exported = Outcome::of(command.env("AUTHSOME_MASTER_KEY", key).output().unwrap());
    assert!(exported.expect(0).stdout.contains(&pair.access));
    session.end(0);
}

/// Its tokens have to end for that, so they live for seconds.
#[test]
fn a_run_whose_token_ends_after_a_new_key_says_what_to_do() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let (fleet, world) = (Fleet::on(server), World::new());
    let gitlab = FakeGitLab::builder().expires_in(Some(6)).start();
    fleet.connect(&gitlab, 6);
    let mut session = Session::start_with(&world, |command| fleet.join(command));
    assert_eq!(session.call(&gitlab), "200");
    let printed = fleet.call(&world, &["vault", "rekey", "--to", "env", "--show-secret"]);
    let key = printed.expect(0).stdout.trim().to_owned();
    let renewed = gitlab.token_requests();
    until("the token has ended", || session.call(&gitlab) == "503");
    let told = session.tell(&format!("curl -sS '{}'", user(&gitlab)));
    assert!(told.contains("vault_unavailable"), "{told}");
    assert!(told.contains("start it again with the new key"), "{told}");
    // It cannot read the refresh token, so it spends none.
    assert_eq!(gitlab.token_requests(), renewed);
    session.end(0);
    let mut again = Session::start_with(&world, |command| {
        fleet.join(command);
        command.env("AUTHSOME_MASTER_KEY", &key);
    });
    assert_eq!(again.call(&gitlab), "200");
    again.end(0);
}

#[test]
fn doctor_shows_the_fleet() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let fleet = Fleet::on(server);
    let Setup { world, gitlab, .. } = Setup::connected();
    fleet.connect(&gitlab, 7200);
    let mut session = Session::start_with(&world, |command| {
        fleet.join(command);
    });
    assert_eq!(session.call(&gitlab), "200");
    let machines = "SELECT count(*) FROM authsome.machine";
    until("it is noted", || {
        server.sql(fleet.database(), machines) == "1"
    });
    let lease = "INSERT INTO authsome.lease VALUES \
        ('gitlab/other', 'x', 'runner-7', clock_timestamp() + interval '1 hour', 3)";
    server.sql(fleet.database(), lease);
    let words = fleet.call(&world, &["doctor"]).stdout;
    for expected in [
        "0 renewals within the last hour",
        "seen",
        "runner-7 renews gitlab/other",
    ] {
        assert!(words.contains(expected), "{words}");
    }
    session.end(0);
}
