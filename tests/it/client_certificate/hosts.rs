//! Which hosts get it, and over which connections.

use authsome_test_support::{Builder, ClientCa, FakeGitLab};

use super::{all_show, as_stored};
use crate::kit::World;

#[test]
fn it_is_shown_to_the_hosts_of_its_connection_only() {
    let ca = ClientCa::generate();
    let client = ca.issue("ada");
    let asking = |builder: Builder| builder.asks_for_client_certificate(&ca.pem()).start();
    let (here, there, blind) = (
        asking(FakeGitLab::builder()),
        asking(FakeGitLab::builder()),
        asking(FakeGitLab::builder()),
    );
    let world = World::new();
    world.connect_as("default", &here, &here.base_url(), 7200);
    world.connect_as("work", &there, &there.base_url(), 7200);
    let mut connection = world.stored("default");
    connection.client_certificate = Some(as_stored(&client));
    world.store().create(&connection, true).unwrap();
    let urls =
        [&here, &there, &blind].map(|gitlab| format!("{}/api/v4/version", gitlab.base_url()));
    let script =
        "for url in \"$@\"; do curl -sSk \"$url\" \"$url\"; curl -sSk --http2 \"$url\"; done";
    let words = ["sh", "-c", script, "sh"].map(str::to_owned);
    world.run(words.iter().chain(&urls)).expect(0);
    all_show(&here, Some(&client));
    all_show(&there, None);
    all_show(&blind, None);
}

#[test]
fn connections_at_one_host_do_not_share_what_a_certificate_has_opened() {
    let ca = ClientCa::generate();
    let (ada, bob) = (ca.issue("ada"), ca.issue("bob"));
    let gitlab = FakeGitLab::builder()
        .asks_for_client_certificate(&ca.pem())
        .start();
    let world = World::new();
    for (name, client) in [("ada", Some(&ada)), ("bob", Some(&bob)), ("cyd", None)] {
        let base = format!("{}/{name}", gitlab.base_url());
        world.connect_as(name, &gitlab, &base, 7200);
        let mut connection = world.stored(name);
        connection.client_certificate = client.map(as_stored);
        world.store().create(&connection, true).unwrap();
    }
    for version in ["--http1.1", "--http2"] {
        gitlab.clear_seen();
        let url = |name: &str| format!("{}/{name}/api/v4/user", gitlab.base_url());
        let round = ["ada", "bob", "cyd", "nobody"].map(url);
        let words = ["curl", "-sS", "-o", "/dev/null", version].map(str::to_owned);
        let rounds = [&round[..], &round[..]].concat();
        let outputs = rounds
            .iter()
            .flat_map(|url| [url.as_str(), "-o", "/dev/null"]);
        world
            .run(words.iter().map(String::as_str).chain(outputs))
            .expect(0);
        let seen = gitlab.seen();
        assert_eq!(seen.len(), 8, "{seen:?}");
        for request in seen {
            let shown = request.client_certificate.as_ref();
            let expected = match request.path.split('/').nth(1) {
                Some("ada") => Some(&ada.der),
                Some("bob") => Some(&bob.der),
                _ => None,
            };
            assert_eq!(shown, expected, "{version} {}", request.path);
        }
    }
    // Two of one place: whose certificate it would be is not known, on no path.
    for name in ["one", "two"] {
        world.connect_as(name, &gitlab, &format!("{}/tied", gitlab.base_url()), 7200);
        let mut connection = world.stored(name);
        connection.client_certificate = Some(as_stored(&ada));
        world.store().create(&connection, true).unwrap();
    }
    gitlab.clear_seen();
    let url = format!("{}/tied/users/sign_in", gitlab.base_url());
    let told = world.run(["curl", "-sS", &url]).expect(0).json();
    assert_eq!(told["error"], "denied", "{told}");
    assert!(gitlab.seen().is_empty());
}

// ---- what is given for one ----
