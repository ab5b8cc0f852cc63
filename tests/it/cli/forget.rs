//! `authsome set-default`, `logout` and `revoke`.

use std::fs;
use std::process::Stdio;

use authsome::connection::lock_grant;
use authsome_test_support::{Endpoint, Fault};

use crate::kit::commands::{connected, failure, form_field};
use crate::kit::{Outcome, Setup, id, until};

#[test]
fn set_default_chooses_what_a_providers_name_means() {
    let Setup { world, gitlab, .. } = Setup::connected();
    world.connect_as("work", &gitlab, &gitlab.base_url(), 7200);
    let said = world.call(["set-default", "gitlab", "work"]).expect(0);
    assert!(said.stderr.contains("gitlab/work"), "{}", said.stderr);
    let name = world
        .call(["get", "gitlab", "--field", "connection"])
        .expect(0)
        .stdout;
    assert_eq!(name.trim(), "work");
    failure(
        &world,
        &["set-default", "gitlab", "nobody"],
        3,
        "connection_not_found",
    );
}

#[test]
fn logout_forgets_here_and_leaves_the_provider_alone() {
    let (world, gitlab, _, pair) = connected();
    let said = world.call(["logout", "gitlab"]).expect(0);
    assert!(said.stderr.contains("revoke"), "{}", said.stderr);
    assert!(gitlab.seen().is_empty() && gitlab.is_live(&pair.access));
    failure(&world, &["get", "gitlab"], 3, "connection_not_found");
    failure(&world, &["logout", "gitlab"], 3, "connection_not_found");
}

#[test]
fn a_default_that_was_forgotten_leaves_the_only_other_one() {
    let (world, gitlab) = Setup::unconnected();
    for name in ["default", "work", "home"] {
        world.connect_as(name, &gitlab, &gitlab.base_url(), 7200);
    }
    world.call(["logout", "gitlab"]).expect(0);
    let unclear = failure(&world, &["get", "gitlab"], 3, "connection_not_found");
    assert!(unclear.stderr.contains("home, work"), "{}", unclear.stderr);
    assert!(
        unclear.stderr.contains("authsome set-default gitlab "),
        "{}",
        unclear.stderr
    );
    world
        .call(["logout", "gitlab", "--connection", "home"])
        .expect(0);
    let name = world
        .call(["get", "gitlab", "--field", "connection"])
        .expect(0)
        .stdout;
    assert_eq!(name.trim(), "work");
}

#[test]
fn revoke_ends_the_grant_there_and_here() {
    let (world, gitlab, app, pair) = connected();
    world.call(["revoke", "gitlab"]).expect(0);
    assert!(gitlab.live_pairs().is_empty());
    let seen = gitlab.seen();
    let sent = |name: &str| form_field(&seen[0], name);
    assert_eq!((seen.len(), seen[0].path.as_str()), (1, "/oauth/revoke"));
    assert_eq!(sent("token"), Some(pair.refresh.as_str()));
    assert_eq!(sent("token_type_hint"), Some("refresh_token"));
    assert_eq!(sent("client_id"), Some(app.client_id.as_str()));
    failure(&world, &["get", "gitlab"], 3, "connection_not_found");
}

#[test]
fn revoke_ends_what_was_the_default_when_it_was_called() {
    let Setup { world, gitlab, .. } = Setup::connected();
    world.connect_as("work", &gitlab, &gitlab.base_url(), 7200);
    let lock = lock_grant(&world.store(), &id("default")).unwrap();
    let mut command = world.authsome(["revoke", "gitlab", "--json"]);
    // So that its descriptors are seen from here.
    command.env("AUTHSOME_READABLE_MEMORY", "1");
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    let descriptors = format!("/proc/{}/fd", child.id());
    let is_waiting = || {
        let open = fs::read_dir(&descriptors).into_iter().flatten().flatten();
        let mut open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        open.any(|path| path.ends_with("refresh-gitlab@default.lock"))
    };
    until("the lock", is_waiting);
    world.call(["set-default", "gitlab", "work"]).expect(0);
    drop(lock);
    let outcome = Outcome::of(child.wait_with_output().unwrap()).expect(0);
    assert_eq!(outcome.json()["connection"], "gitlab/default");
    world
        .call(["get", "gitlab", "--connection", "work"])
        .expect(0);
}

#[test]
fn revoke_as_json_says_what_was_done() {
    let (world, _gitlab, ..) = connected();
    let done = world.call(["revoke", "gitlab", "--json"]).expect(0).json();
    assert_eq!(done["revoked_at_provider"], true);
    assert_eq!(done["removed_locally"], true);
    assert_eq!(done["connection"], "gitlab/default");
}

#[test]
fn revoke_removes_the_connection_though_the_server_is_down() {
    let (world, gitlab, ..) = connected();
    gitlab.refuse(true);
    let said = world.call(["revoke", "gitlab"]).expect(0);
    assert!(said.stderr.contains("did not confirm"), "{}", said.stderr);
    assert!(
        said.stderr.contains("Forgot gitlab/default here"),
        "{}",
        said.stderr
    );
    failure(&world, &["get", "gitlab"], 3, "connection_not_found");
}

#[test]
fn revoke_removes_the_connection_though_the_server_refuses() {
    let status = |code| Fault::Status {
        code,
        retry_after: Some(1),
    };
    for fault in [
        status(503),
        status(429),
        Fault::HtmlPage,
        Fault::Close,
        Fault::InvalidGrantOnce,
    ] {
        let (world, gitlab, ..) = connected();
        gitlab.fault(Endpoint::Revoke, fault.clone(), 1);
        let done = world.call(["revoke", "gitlab", "--json"]).expect(0).json();
        assert_eq!(done["removed_locally"], true, "{fault:?}");
        // RFC 7009 §2.2: status 200 is success, whatever the body.
        assert_eq!(
            done["revoked_at_provider"],
            fault == Fault::HtmlPage,
            "{fault:?}"
        );
        assert!(world.store().list().unwrap().is_empty(), "{fault:?}");
    }
}
