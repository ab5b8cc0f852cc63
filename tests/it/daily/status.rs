//! `authsome status`.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use authsome::clock::Timestamp;
use authsome::connection::GrantState;

use crate::kit::{Setup, World};

#[test]
fn a_connection_works_until_its_server_refuses_it() {
    let setup = Setup::connected();
    let state = || setup.world.call(["status", "--json"]).expect(0).json();
    let shown = state();
    assert_eq!(shown["connections"][0]["state"], "works", "{shown}");
    assert_eq!(shown["connections"][0]["renews"], true);
    let asked = setup.gitlab.seen().len();
    // Once more within seconds: the server is not asked again.
    assert_eq!(state()["connections"][0]["state"], "works");
    assert_eq!(setup.gitlab.seen().len(), asked);
    setup.gitlab.revoke_all();
    std::fs::remove_file(setup.world.home().join("status.json")).unwrap();
    let shown = state();
    assert_eq!(shown["connections"][0]["state"], "refused", "{shown}");
    let remedy = "authsome login gitlab --connection default --force";
    assert_eq!(shown["connections"][0]["remedy"], remedy);
    let offline = setup
        .world
        .call(["status", "--offline", "--json"])
        .expect(0);
    assert_eq!(offline.json()["connections"][0]["state"], "not_asked");
}

#[test]
fn a_dead_connection_is_shown_with_what_mends_it() {
    let setup = Setup::connected();
    let store = setup.world.store();
    let mut stored = store.load(&crate::kit::id("default")).unwrap().unwrap();
    stored.connection.standing = GrantState::NeedsLogin {
        reason: "revoked".to_owned(),
        since: Timestamp::now(),
        access_ended: true,
    };
    store
        .replace(&stored.connection, stored.generation)
        .unwrap();
    let shown = setup.world.call(["status"]).expect(0).stdout;
    assert!(shown.contains("needs a new login"), "{shown}");
    assert!(
        shown.contains("authsome login gitlab --connection default --force"),
        "{shown}"
    );
}

#[test]
fn servers_that_hang_do_not_hold_up_the_others() {
    let setup = Setup::connected();
    // The kernel takes their connections, and nobody serves them.
    let silent: Vec<_> = (0..3)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let (world, gitlab) = (&setup.world, &setup.gitlab);
    for (number, listener) in silent.iter().enumerate() {
        let base = format!("https://{}", listener.local_addr().unwrap());
        world.connect_as(&format!("silent{number}"), gitlab, &base, 7200);
    }
    for number in 0..16 {
        world.connect_as(&format!("n{number}"), gitlab, &gitlab.base_url(), 7200);
    }
    let began = Instant::now();
    let shown = setup.world.call(["status", "--json"]).expect(0).json();
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "it waits for each of them"
    );
    let states = |wanted: &str| {
        let connections = shown["connections"].as_array().unwrap();
        connections
            .iter()
            .filter(|one| one["state"] == wanted)
            .count()
    };
    assert_eq!((states("works"), states("unreachable")), (17, 3), "{shown}");
}

#[test]
fn the_runs_that_are_alive_are_named() {
    let setup = Setup::connected();
    let inner = setup.world.authsome(["status", "--json"]);
    let program = inner.get_program().to_str().unwrap().to_owned();
    let shown = setup
        .world
        .run([&program, "status", "--offline", "--json"])
        .expect(0);
    assert_eq!(
        shown.json()["runs"].as_array().unwrap().len(),
        1,
        "{shown:?}"
    );
    let shown = World::call(&setup.world, ["status", "--offline", "--json"]).expect(0);
    assert_eq!(shown.json()["runs"].as_array().unwrap().len(), 0);
}
