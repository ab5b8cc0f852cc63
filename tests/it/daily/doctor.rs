//! `authsome doctor`.

use std::net::TcpListener;

use crate::kit::Setup;

fn health(shown: &serde_json::Value, subject: &str) -> Option<String> {
    let findings = shown["findings"].as_array().unwrap();
    let found = findings.iter().find(|one| one["subject"] == subject)?;
    Some(found["health"].as_str().unwrap().to_owned())
}

#[test]
fn a_machine_on_which_all_works_is_well_with_its_clients() {
    let setup = Setup::connected();
    let shown = setup
        .world
        .call(["doctor", "--clients", "--json"])
        .expect(0)
        .json();
    let server = setup.gitlab.base_url();
    for subject in [
        "home",
        "roots",
        "vault",
        "gitlab/default",
        "client curl",
        &server,
    ] {
        assert_eq!(
            health(&shown, subject).as_deref(),
            Some("ok"),
            "{subject}: {shown}"
        );
    }
    let injected = setup.world.call(["log", "--json"]).expect(0).stdout;
    assert!(injected.contains("\"injected\""), "{injected}");
}

#[test]
fn what_does_not_work_is_named_with_its_remedy() {
    let setup = Setup::connected();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("https://{}", closed.local_addr().unwrap());
    drop(closed);
    setup.world.connect_as("closed", &setup.gitlab, &base, 7200);
    crate::kit::commands::custom(&setup.world, "gitlab", "{");
    crate::kit::commands::custom(&setup.world, "MyCRM", "{}");
    setup.gitlab.revoke_all();
    let shown = setup.world.call(["doctor"]).expect(1);
    let stray = "MyCRM.json: not read: name it NAME.json, in lower case";
    for words in [
        "authsome inspect gitlab --edit",
        &base,
        "authsome login gitlab --connection default --force",
        stray,
    ] {
        assert!(shown.stdout.contains(words), "{words}: {shown:?}");
    }
    let listed = setup.world.call(["list"]).expect(0);
    assert!(listed.stderr.contains(stray), "{listed:?}");
}
