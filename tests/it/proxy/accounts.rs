//! Several connections in one run.

use std::fs::{self, File};
use std::io::Write;

use authsome_test_support::{Arrived, FakeGitLab};
use serde_json::Value;

use crate::kit::client::{authority, fetch};
use crate::kit::{Setup, World};

#[test]
fn connections_at_two_hosts_live_in_one_run() {
    let (world, one, other) = (World::new(), FakeGitLab::start(), FakeGitLab::start());
    let (_, first) = world.connect_as("home", &one, &one.base_url(), 7200);
    let elsewhere = other.base_url_at("127.0.0.1");
    let (_, second) = world.connect_as("work", &other, &elsewhere, 7200);
    let urls = [
        format!("{}/api/v4/user", one.base_url()),
        format!("{elsewhere}/api/v4/user"),
    ];
    world.run(["curl", "-sSf", &urls[0], &urls[1]]).expect(0);
    assert_eq!(
        one.seen()[0].credential,
        Arrived::Bearer {
            token: first.access
        }
    );
    assert_eq!(
        other.seen()[0].credential,
        Arrived::Bearer {
            token: second.access
        }
    );
}

#[test]
fn two_connections_at_one_host_are_a_tie_until_one_is_chosen() {
    let (world, gitlab) = Setup::unconnected();
    let base = gitlab.base_url();
    let [_, work, spare] =
        ["first", "work", "spare"].map(|name| world.connect_as(name, &gitlab, &base, 7200).1);
    // The first was the default; without it none is.
    world
        .call(["logout", "gitlab", "--connection", "first"])
        .expect(0);
    let url = format!("{base}/api/v4/user");
    let tied = world.run(["curl", "-sS", &url]).expect(0);
    assert_eq!(tied.json()["error"], "denied");
    assert!(
        tied.stderr.contains("gitlab/spare and gitlab/work"),
        "{}",
        tied.stderr
    );
    assert!(
        tied.stderr.contains("--connection gitlab="),
        "{}",
        tied.stderr
    );
    assert!(gitlab.seen().is_empty());

    let chosen = fetch(&world, &["--connection", "gitlab=work"], &[&url]);
    assert_eq!(chosen.status, 200);
    assert_eq!(
        gitlab.seen()[0].credential,
        Arrived::Bearer { token: work.access }
    );

    world.call(["set-default", "gitlab", "spare"]).expect(0);
    gitlab.clear_seen();
    let by_default = world.run(["curl", "-sSf", &url]).expect(0);
    assert_eq!(by_default.stderr, "");
    assert_eq!(
        gitlab.seen()[0].credential,
        Arrived::Bearer {
            token: spare.access
        }
    );
}

#[test]
fn a_choice_that_does_not_exist_stops_the_run() {
    let Setup {
        world,
        gitlab: _gitlab,
        ..
    } = Setup::connected();
    let outcome = world
        .call(["run", "--connection", "gitlab=nobody", "--", "true"])
        .expect(125);
    assert!(outcome.stderr.contains("nobody"), "{}", outcome.stderr);
}

#[test]
fn only_leaves_the_other_providers_out() {
    let Setup {
        world,
        gitlab,
        pair,
        ..
    } = Setup::connected();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    assert_eq!(fetch(&world, &["--only", "gitlab"], &[&url]).status, 200);
    assert_eq!(
        gitlab.seen()[0].credential,
        Arrived::Bearer { token: pair.access }
    );

    custom_provider(&world, "other");
    gitlab.clear_seen();
    let trust = gitlab.ca_file().display().to_string();
    let left_out = fetch(&world, &["--only", "other"], &["--cacert", &trust, &url]);
    assert_eq!(
        (left_out.status, left_out.header("authsome-error")),
        (401, None)
    );
    assert_eq!(gitlab.seen()[0].credential, Arrived::None);
}

#[test]
fn only_an_unknown_provider_is_an_error() {
    let Setup {
        world,
        gitlab: _gitlab,
        ..
    } = Setup::connected();
    let outcome = world
        .call(["run", "--only", "gitlub", "--", "true"])
        .expect(125);
    assert!(outcome.stderr.contains("gitlub"), "{}", outcome.stderr);
}

#[test]
fn resolve_gives_a_name_its_address() {
    let (world, gitlab) = Setup::unconnected();
    let base = gitlab.base_url_at("gitlab.test");
    // Expired: the refresh needs the address as well.
    world.connect_as("default", &gitlab, &base, 0);
    let entry = format!("gitlab.test:{}:127.0.0.1", gitlab.port());
    let response = fetch(
        &world,
        &["--resolve", &entry],
        &[&format!("{base}/api/v4/user")],
    );
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(gitlab.refreshes(), 1);
}

#[test]
fn resolve_holds_for_unmanaged_hosts_as_well() {
    let (world, other) = (World::new(), FakeGitLab::start());
    let entry = format!("www.gitlab.test:{}:127.0.0.1", other.port());
    let trust = other.ca_file().display().to_string();
    let url = format!("{}/public", other.base_url_at("www.gitlab.test"));
    let response = fetch(&world, &["--resolve", &entry], &["--cacert", &trust, &url]);
    assert_eq!(response.text(), "public\n");
}

#[test]
fn a_relative_root_bounds_the_credential() {
    let (world, gitlab) = (
        World::new(),
        FakeGitLab::builder().relative_root("/gitlab").start(),
    );
    let (_, pair) = world.connect(&gitlab);
    let host = format!("https://{}", authority(&gitlab));
    for path in [
        "/api/v4/user",
        "/gitlabs/api/v4/user",
        "/GitLab/api/v4/user",
        "/x/gitlab/api/v4/user",
    ] {
        fetch(&world, &[], &[&format!("{host}{path}")]);
    }
    assert_eq!(gitlab.seen().len(), 4);
    assert!(
        gitlab
            .seen()
            .iter()
            .all(|seen| seen.credential == Arrived::None),
        "{:?}",
        gitlab.seen()
    );
    gitlab.clear_seen();
    assert_eq!(
        fetch(&world, &[], &[&format!("{host}/gitlab/api/v4/user")]).status,
        200
    );
    assert_eq!(
        gitlab.seen()[0].credential,
        Arrived::Bearer { token: pair.access }
    );
    let guarded = format!("{host}/gitlab/api/v4/projects/1/access_tokens");
    fetch(&world, &[], &["--json", "{}", &guarded]).expect_ours(403, "denied");
}

/// GitLab's own definition under another name, with variables of its own.
fn custom_provider(world: &World, name: &str) {
    let text = world.call(["inspect", "gitlab"]).expect(0).stdout;
    let mut definition: Value = serde_json::from_str(&text).unwrap();
    definition["name"] = name.into();
    let directory = world.home().join("providers");
    fs::create_dir_all(&directory).unwrap();
    let mut file = File::create(directory.join(format!("{name}.json"))).unwrap();
    file.write_all(definition.to_string().as_bytes()).unwrap();
}
