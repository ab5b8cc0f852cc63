//! The application of an earlier login, whose secret goes nowhere else because a definition says
//! so.

use authsome::os::home::Home;
use authsome::secret::Secret;
use authsome::vault::{self, Change, Expect, RecordKey};
use authsome_test_support::FakeGitLab;
use serde_json::{Value, json};

use super::{customise, log_in};
use crate::kit::browser::{consent, visit};
use crate::kit::login::Login;
use crate::kit::run::finish;
use crate::kit::{Setup, World};

/// A login that replaces the connection and names no application.
fn again(world: &World, gitlab: &FakeGitLab) -> Login {
    Login::start(world, gitlab, &["--force"], None, &[])
}

#[test]
fn a_stored_secret_is_not_sent_to_another_token_endpoint() {
    let (world, gitlab) = Setup::unconnected();
    log_in(&world, &gitlab);
    let first = again(&world, &gitlab).url();
    assert!(first.contains("/oauth/authorize?"), "{first}");
    for (changed, elsewhere) in [
        (
            "token_url",
            gitlab.base_url_at("127.0.0.1") + "/oauth/token",
        ),
        ("token_url", gitlab.base_url() + "/oauth/another"),
        (
            "revocation_url",
            gitlab.base_url_at("127.0.0.1") + "/oauth/revoke",
        ),
        (
            "device_authorization_url",
            gitlab.base_url_at("127.0.0.1") + "/oauth/device",
        ),
    ] {
        customise(&world, |definition| {
            // Else the server's own metadata would tell that something is wrong.
            definition["oauth"]
                .as_object_mut()
                .unwrap()
                .remove("metadata_url");
            definition["oauth"][changed] = Value::from(elsewhere.clone());
        });
        let mut login = again(&world, &gitlab);
        assert_eq!(
            login.url(),
            "http://127.0.0.1:7998",
            "{changed}: the form asks for one"
        );
        let said = "the application of an earlier login is not used";
        assert!(login.stderr.contains(said), "{}", login.stderr);
    }
    // What has moved within an origin that has had the secret is no other place.
    customise(&world, |definition| {
        definition["oauth"]["revocation_url"] = json!("/oauth/another");
    });
    let url = again(&world, &gitlab).url();
    assert!(url.contains("/oauth/authorize?"), "{url}");
}

#[test]
fn where_no_form_asks_a_login_ends_before_the_secret_is_sent() {
    let (world, gitlab) = Setup::unconnected();
    log_in(&world, &gitlab);
    let elsewhere = gitlab.base_url_at("127.0.0.1") + "/oauth/token";
    customise(&world, |definition| {
        definition["oauth"]["token_url"] = Value::from(elsewhere);
        definition["oauth"]["supports_client_credentials"] = Value::from(true);
    });
    let base = gitlab.base_url();
    let flow = ["--flow", "client_credentials", "--force"];
    let mut command = world.authsome(["login", "gitlab", "--base-url", &base]);
    command.arg("--ca-file").arg(gitlab.ca_file()).args(flow);
    let before = gitlab.token_requests();
    let outcome = finish(command).expect(2);
    assert!(outcome.stderr.contains("--client-id"), "{}", outcome.stderr);
    assert_eq!(gitlab.token_requests(), before);
}

/// An application that was stored before its endpoints were is that of the connections that it has
/// made.
#[test]
fn an_application_of_before_is_used_where_its_connection_was_made() {
    let (world, gitlab) = Setup::unconnected();
    log_in(&world, &gitlab);
    forget_endpoints(&world, &gitlab);
    let mut login = again(&world, &gitlab);
    let url = login.url();
    visit(&consent(&gitlab, &url));
    login.end().expect(0);
    forget_endpoints(&world, &gitlab);
    let elsewhere = gitlab.base_url_at("127.0.0.1") + "/oauth/token";
    customise(&world, |definition| {
        definition["oauth"]["token_url"] = Value::from(elsewhere);
    });
    assert_eq!(again(&world, &gitlab).url(), "http://127.0.0.1:7998");
}

/// Leaves the record as a version that kept no endpoints has written it.
fn forget_endpoints(world: &World, gitlab: &FakeGitLab) {
    let home = Home::open(Some(world.home().into()), None).unwrap();
    let vault = vault::open(&home, None).unwrap();
    let key = RecordKey::new("client", format!("gitlab {}", gitlab.base_url()));
    let record = vault.get(&key).unwrap().unwrap();
    let mut record: Value = serde_json::from_slice(record.value.expose()).unwrap();
    record.as_object_mut().unwrap().remove("endpoints").unwrap();
    let put = Change::Put {
        key,
        value: Secret::new(record.to_string().into_bytes()),
        expect: Expect::Any,
    };
    vault.apply(&[put]).unwrap();
}
