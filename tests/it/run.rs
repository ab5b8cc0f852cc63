//! `authsome run`: what reaches the provider, and what the child sees.

use crate::kit::{PLACEHOLDER, Setup};
use authsome::clock::Timestamp;
use authsome::connection::GrantState;
use authsome_test_support::Arrived;

#[test]
fn every_carrier_arrives_as_the_one_right_bearer() {
    let Setup {
        world,
        gitlab,
        pair,
        ..
    } = Setup::connected();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let calls: [&[&str]; 6] = [
        &[],
        &["-H", "PRIVATE-TOKEN: authsome-proxy-managed"],
        &["-H", "Authorization: Bearer authsome-proxy-managed"],
        &["-u", "ada:authsome-proxy-managed"],
        &[
            "-H",
            "JOB-TOKEN: authsome-proxy-managed",
            "-H",
            "PRIVATE-TOKEN: other",
        ],
        &["-G", "-d", "private_token=authsome-proxy-managed"],
    ];
    for call in calls {
        gitlab.clear_seen();
        let words: Vec<_> = ["curl", "-sS", "--fail-with-body", &url]
            .iter()
            .chain(call)
            .copied()
            .collect();
        let outcome = world.run(words).expect(0);
        assert_eq!(outcome.json()["username"], "ada", "{call:?}");
        let seen = gitlab.seen();
        assert_eq!(seen.len(), 1, "{call:?}");
        assert_eq!(
            seen[0].credential,
            Arrived::Bearer {
                token: pair.access.clone()
            },
            "{call:?}"
        );
        assert!(!format!("{:?}", seen[0]).contains(PLACEHOLDER));
    }
}

#[test]
fn a_token_that_is_known_to_be_dead_is_not_sent_any_more() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let mut connection = world.stored("default");
    connection.standing = GrantState::NeedsLogin {
        reason: "a response was lost".to_owned(),
        since: Timestamp::now(),
        access_ended: true,
    };
    world.store().create(&connection, true).unwrap();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let outcome = world.run(["curl", "-sS", &url]).expect(0);
    assert_eq!(outcome.json()["error"], "needs_login");
    assert!(
        gitlab.seen().is_empty(),
        "nothing may arrive: {:?}",
        gitlab.seen()
    );
}

#[test]
fn what_is_required_must_be_connected_and_alive() {
    let Setup { world, .. } = Setup::connected();
    let run = |required: &str| world.call(["run", "--require", required, "--", "true"]);
    for met in ["gitlab", "gitlab/default", "gitlab,gitlab/default"] {
        run(met).expect(0);
    }
    let missing = run("gitlab,gitlab/work").expect(125).stderr;
    let login = "hint: authsome login gitlab --connection work";
    assert!(missing.contains(login), "{missing}");
    let mut connection = world.stored("default");
    connection.standing = GrantState::NeedsLogin {
        reason: "a response was lost".to_owned(),
        since: Timestamp::now(),
        access_ended: true,
    };
    world.store().create(&connection, true).unwrap();
    let dead = run("gitlab").expect(125).stderr;
    let login = "hint: authsome login gitlab --connection default --force";
    assert!(dead.contains(login), "{dead}");
}

#[test]
fn a_web_page_of_another_origin_does_not_act_as_the_user() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    for header in ["Sec-Fetch-Site: cross-site", "Origin: https://evil.test"] {
        let outcome = world.run(["curl", "-sS", "-H", header, &url]).expect(0);
        assert_eq!(outcome.json()["error"], "denied", "{header}");
    }
    assert!(gitlab.seen().is_empty());
    let own = format!("Origin: {}", gitlab.base_url());
    let outcome = world.run(["curl", "-sS", "-H", &own, &url]).expect(0);
    assert_eq!(outcome.json()["username"], "ada");
}
