//! `authsome get`.

use authsome_test_support::{Endpoint, Fault};
use serde_json::{Value, json};

use crate::kit::commands::{connected, without_refresh_token};
use crate::kit::{SCOPES, Setup};

#[test]
fn get_prints_each_field_alone() {
    let (world, gitlab, _, _) = connected();
    let base = gitlab.base_url();
    for (field, expected) in [
        ("provider", "gitlab"),
        ("connection", "default"),
        ("status", "connected"),
        ("auth_type", "oauth2"),
        ("flow", "pkce"),
        ("base_url", base.as_str()),
        ("scopes", SCOPES),
        ("account", "-"),
        ("is_default", "true"),
        ("access_token", "***"),
        ("refresh_token", "***"),
        ("client_secret", "-"),
    ] {
        let got = world.call(["get", "gitlab", "--field", field]).expect(0);
        assert_eq!(got.stdout, format!("{expected}\n"), "{field}");
        assert_eq!(got.stderr, "", "{field}");
    }
    let hosts = world
        .call(["get", "gitlab", "--field", "proxy_hosts"])
        .expect(0)
        .stdout;
    assert!(hosts.contains(&gitlab.port().to_string()), "{hosts}");
}

#[test]
fn get_as_json_has_every_field_of_the_contract() {
    let (world, gitlab, app, _) = connected();
    let got = world.call(["get", "gitlab", "--json"]).expect(0).json();
    for field in [
        "provider",
        "connection",
        "status",
        "auth_type",
        "flow",
        "base_url",
        "proxy_hosts",
        "scopes",
        "account",
        "obtained_at",
        "expires_at",
        "is_default",
    ] {
        assert!(got.get(field).is_some(), "{field} in {got}");
    }
    assert_eq!(got["base_url"], gitlab.base_url());
    assert_eq!(got["client_id"], app.client_id);
    assert_eq!(
        (&got["access_token"], &got["refresh_token"]),
        (&json!("***"), &json!("***"))
    );
    for date in ["obtained_at", "expires_at"] {
        let text = got[date].as_str().unwrap();
        assert!(
            text.len() == 20 && text.ends_with('Z') && text.contains('T'),
            "{date}: {text}"
        );
    }
}

#[test]
fn a_field_as_json_is_json() {
    let (world, ..) = connected();
    let field = |name: &str| {
        world
            .call(["get", "gitlab", "--json", "--field", name])
            .expect(0)
            .json()
    };
    assert_eq!(field("is_default"), true);
    assert_eq!(field("scopes").as_array().unwrap().len(), 6);
    assert_eq!(field("account"), Value::Null);
    assert_eq!(field("status"), "connected");
}

#[test]
fn get_shows_no_secret_without_being_told_to() {
    let (world, _, _, pair) = connected();
    for words in [
        &["get", "gitlab"][..],
        &["get", "gitlab", "--json"],
        &["get", "gitlab", "--verbose"],
    ] {
        let got = world.call(words).expect(0);
        for secret in [&pair.access, &pair.refresh] {
            assert!(
                !got.stdout.contains(secret) && !got.stderr.contains(secret),
                "{words:?}"
            );
        }
        assert!(got.stdout.contains("***"), "{words:?}");
    }
    let shown = world.call(["get", "gitlab", "--show-secret", "--field", "access_token"]);
    assert_eq!(shown.expect(0).stdout.trim(), pair.access);
    let all = world
        .call(["get", "gitlab", "--show-secret", "--json"])
        .expect(0)
        .json();
    assert_eq!(all["refresh_token"], pair.refresh);
}

#[test]
fn status_tells_connected_expired_and_needs_login_apart() {
    let (world, gitlab) = Setup::unconnected();
    world.connect_as("good", &gitlab, &gitlab.base_url(), 7200);
    world.connect_as("old", &gitlab, &gitlab.base_url(), 0);
    world.connect_as("dead", &gitlab, &gitlab.base_url(), 0);
    without_refresh_token(&world, "dead");
    for (name, status) in [
        ("good", "connected"),
        ("old", "expired"),
        ("dead", "needs_login"),
    ] {
        let got = world.call(["get", "gitlab", "--connection", name, "--field", "status"]);
        assert_eq!(got.expect(0).stdout.trim(), status);
    }
    assert_eq!(gitlab.token_requests(), 0, "looking does not refresh");
}

#[test]
fn a_token_near_its_end_is_refreshed_before_it_is_handed_out() {
    for words in [
        &["get", "gitlab", "--show-secret", "--field", "access_token"][..],
        &["export", "gitlab"],
    ] {
        let (world, gitlab) = Setup::unconnected();
        let (_, old) = world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
        let got = world.call(words).expect(0);
        let new = &gitlab.live_pairs()[0];
        assert!(
            got.stdout.contains(&new.access) && !got.stdout.contains(&old.access),
            "{words:?}"
        );
        let stored = world.stored("default").tokens;
        assert_eq!(stored.refresh.unwrap().expose(), &new.refresh, "{words:?}");
        assert_eq!(gitlab.refreshes(), 1, "{words:?}");
    }
}

#[test]
fn a_refresh_without_a_new_refresh_token_keeps_the_old_one() {
    let (world, gitlab) = Setup::unconnected();
    let (_, old) = world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    gitlab.fault(Endpoint::Token, Fault::NoRefreshToken, 1);
    world.call(["export", "gitlab"]).expect(0);
    let stored = world.stored("default").tokens;
    assert_eq!(stored.refresh.unwrap().expose(), &old.refresh);
    assert_ne!(stored.access.expose(), &old.access);
}

#[test]
fn secrets_with_any_characters_are_kept_as_they_are() {
    let Setup {
        world,
        gitlab: _gitlab,
        ..
    } = Setup::connected();
    // JSON escapes these; RFC 6749 appendix A allows them in secrets and refresh tokens.
    let odd = "a\"b\\c/d é $(x) '";
    let mut connection = world.stored("default");
    connection.client.as_mut().unwrap().client_secret =
        Some(authsome::secret::Secret::new(odd.to_owned()));
    connection.tokens.refresh = Some(authsome::secret::Secret::new(odd.to_owned()));
    world.store().create(&connection, true).unwrap();
    let got = world
        .call(["get", "gitlab", "--show-secret", "--json"])
        .expect(0)
        .json();
    assert_eq!(got["client_secret"], odd);
    assert_eq!(got["refresh_token"], odd);
}
