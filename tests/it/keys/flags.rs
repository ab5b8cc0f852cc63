//! Flags that say nothing, or too much: each is refused with what to type instead.

use crate::keys::{Service, TWO_PARTS};

#[test]
fn a_flag_that_would_have_no_effect_is_refused() {
    let service = Service::start();
    service.register(TWO_PARTS);
    let empty = service.world.file("empty", "");
    let empty = empty.to_str().unwrap();
    let cases: [(&[&str], &str, &str); 13] = [
        (
            &["acme", "--scopes", "a"],
            "--scopes is for a login by OAuth; Acme logs in by api_key",
            "authsome login acme",
        ),
        (
            &["acme", "--client-id", "x"],
            "--client-id is for a login by OAuth",
            "authsome login acme",
        ),
        (
            &["gitlab", "--api-key-file", "f"],
            "--api-key-file is for a login by key; GitLab logs in by pkce",
            "authsome login gitlab",
        ),
        (
            &["gitlab", "--field", "a=b"],
            "--field is for a login by key",
            "authsome login gitlab",
        ),
        (
            &["gitlab", "--client-id", ""],
            "the ID of --client-id is empty",
            "copy it again",
        ),
        (
            &["acme", "--field", "user=a", "--field", "user=b"],
            "user is given twice, by --field",
            "leave one of them out",
        ),
        (
            &["zendesk", "--param", "subdomain=a", "--param=subdomain=b"],
            "subdomain is given twice, by --param",
            "leave one",
        ),
        (
            &["acme", "--api-key-file", "f", "--field", "api_key=@f"],
            "API key is given twice",
            "leave one",
        ),
        (
            &["acme", "--api-key-file", empty],
            "empty has no API key in it",
            "authsome login acme --api-key-file PATH",
        ),
        (
            &["acme", "--field", "api_key=@/dev/null", "--field", "user="],
            "the API key that is given is empty",
            "--field api_key=@PATH --field user=",
        ),
        (
            &["acme", "--field", "api_key=k-real"],
            "API key is secret",
            "authsome login acme --field api_key=@PATH",
        ),
        (
            &["zendesk", "--param", "subdomain=evil.test/"],
            "`evil.test/` cannot be subdomain",
            "authsome login zendesk --param subdomain=acme",
        ),
        (
            &["--no-browser", "--force"],
            "no provider is named",
            "authsome login --no-browser --force PROVIDER",
        ),
    ];
    for (words, message, hint) in cases {
        let words = [&["login"], words].concat();
        let outcome = service.world.call(&words).expect(2);
        let (error, rest) = outcome
            .stderr
            .rsplit_once("\nhint: ")
            .expect(&outcome.stderr);
        assert!(error.contains(message), "{words:?}: {outcome:?}");
        assert!(rest.contains(hint), "{words:?}: {outcome:?}");
        assert!(!rest.contains("k-real"), "{words:?}: {outcome:?}");
    }
    assert!(service.has_no_connection());
}

#[test]
fn what_is_offered_is_named_where_a_flow_is_not() {
    let service = Service::start();
    let words = ["login", "github", "--flow", "api_key", "--connection", "w"];
    let outcome = service.world.call(words).expect(4);
    let expected = "GitHub has no login by api_key; it logs in by pkce or device_code";
    assert!(outcome.stderr.contains(expected), "{outcome:?}");
    let hint = "hint: authsome login github --flow pkce --connection w\n";
    assert!(outcome.stderr.ends_with(hint), "{outcome:?}");
}

#[test]
fn a_place_of_ones_own_is_shown_as_it_is() {
    let service = Service::start();
    let world = &service.world;
    let file = world.file(
        "placed.json",
        r#"{ "name": "placed", "display_name": "Placed", "auth_type": "api_key",
             "api_url": ["https://{site}.placed.example"], "export": { "PLACED_KEY": "API_TOKEN" },
             "params": { "site": { "label": "Site", "pattern": "[a-z]+", "example": "acme", "default": "www" } } }"#,
    );
    let shown = world
        .call(["register", file.to_str().unwrap(), "--yes"])
        .expect(0);
    // An example would look like the host itself.
    assert!(
        shown.stderr.contains("https://{site}.placed.example"),
        "{shown:?}"
    );
    assert!(!shown.stderr.contains("acme.placed"), "{shown:?}");
    let key = world.file("key", "a-key");
    for name in ["one", "two"] {
        let (connection, site) = (format!("placed/{name}"), format!("site={name}"));
        let words = [
            "login",
            &connection,
            "--param",
            &site,
            "--api-key-file",
            key.to_str().unwrap(),
        ];
        world.call(words).expect(0);
    }
    for name in ["one", "two"] {
        let connection = format!("placed/{name}");
        let hosts = world
            .call(["get", &connection, "--field", "proxy_hosts"])
            .expect(0);
        assert_eq!(hosts.stdout, format!("https://{name}.placed.example\n"));
    }
    let used = world.call(["remove", "placed"]).expect(6);
    assert!(
        used.stderr
            .contains("placed/one and placed/two are made with it"),
        "{used:?}"
    );
    let rules = world.call(["allow", "gitlab"]).expect(0);
    assert!(
        rules.stdout.contains("gitlab/") && !rules.stdout.contains("github/"),
        "{rules:?}"
    );
}
