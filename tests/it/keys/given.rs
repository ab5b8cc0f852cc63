//! How a key is given, and what is refused.

use std::fs;

use crate::keys::Service;

#[test]
fn a_key_from_standard_input_is_stored_and_sent() {
    let service = Service::start();
    service.register(
        r#""api_key": { "key_pattern": "k-[a-z]+" }, "placeholder": "k-authsomeplaceholder""#,
    );
    let outcome = service
        .login(&["--api-key-file", "-"], "k-real\n")
        .expect(0);
    assert!(
        outcome.stderr.contains("Connected Acme as ada"),
        "{outcome:?}"
    );
    assert!(
        service
            .next()
            .contains("\r\nauthorization: Bearer k-real\r\n")
    );
    let request = service.curl(
        "/v1/things",
        &["-H", "Authorization: Bearer k-authsomeplaceholder"],
    );
    assert!(
        request.contains("\r\nauthorization: Bearer k-real\r\n"),
        "{request}"
    );
    assert!(!request.contains("placeholder"), "{request}");
    let variable = service.world.run(["printenv", "ACME_KEY"]).expect(0);
    assert_eq!(variable.stdout, "k-authsomeplaceholder\n");
    let shown = service
        .world
        .call(["get", "acme", "--json"])
        .expect(0)
        .json();
    assert_eq!(
        (&shown["auth_type"], &shown["flow"]),
        (&"api_key".into(), &"api_key".into())
    );
    assert_eq!(shown["access_token"], "***");
    let exported = service.world.call(["export", "acme"]).expect(0);
    assert_eq!(exported.stdout, "ACME_KEY='k-real'\n");
}

#[test]
fn the_variable_of_the_services_own_tools_is_used_and_said() {
    let service = Service::start();
    service.register(r#""api_key": { "env_var": "ACME_API_KEY" }"#);
    let login = |value: &str| {
        let ca = service.world.file("ca.pem", &service.server.ca_pem);
        let words = [
            "login",
            "acme",
            "--force",
            "--ca-file",
            ca.to_str().unwrap(),
        ];
        let mut command = service.world.authsome(words);
        command.env("ACME_API_KEY", value);
        crate::kit::Outcome::of(command.output().unwrap())
    };
    let outcome = login("from-there").expect(0);
    assert!(
        outcome
            .stderr
            .contains("API key: from the variable ACME_API_KEY."),
        "{outcome:?}"
    );
    assert!(service.next().contains("Bearer from-there"));
    // What a run puts there is no key.
    let placeholder = login("authsome-proxy-managed").expect(2);
    assert!(
        placeholder.stderr.contains("no API key is given"),
        "{placeholder:?}"
    );
}

#[test]
fn a_key_that_cannot_be_right_is_not_sent_and_one_that_is_refused_is_not_stored() {
    let service = Service::start();
    service.register(
        r#""api_key": { "key_pattern": "k-[a-z]+", "key_pattern_hint": "it starts with k-" }, "placeholder": "k-authsomeplaceholder""#,
    );
    let unlike = service
        .login(&["--api-key-file", "-"], "sk-other")
        .expect(2);
    assert!(
        unlike
            .stderr
            .contains("API key does not have the form of one: it starts with k-")
    );
    assert!(service.requests.try_recv().is_err(), "nothing may be sent");
    let refused = service.login(&["--api-key-file", "-"], "k-wrong").expect(2);
    assert!(
        refused.stderr.contains(" refuses this key\n"),
        "{refused:?}"
    );
    assert!(
        refused.stderr.contains("authsome login acme"),
        "{refused:?}"
    );
    assert!(service.has_no_connection());
    let nothing = service.login(&[], "").expect(2);
    assert!(
        nothing.stderr.contains("hint: authsome login acme"),
        "{nothing:?}"
    );
}

#[test]
fn a_credential_of_several_parts_is_asked_for_part_by_part() {
    let service = Service::start();
    service.register(
        r#""fields": [
            { "name": "user", "label": "Email address", "secret": false, "pattern": ".+@.+" },
            { "name": "token", "label": "API token" } ],
        "inject": [{ "path": "/**", "as": "basic", "username": "{user}/token", "password": "{token}" }],
        "environment": { "ACME_USER": "{user}" }"#,
    );
    let in_the_open = service.login(&["--field", "token=t0ken"], "").expect(2);
    assert!(
        in_the_open.stderr.contains("API token is secret"),
        "{in_the_open:?}"
    );
    let unknown = service.login(&["--field", "name=x"], "").expect(2);
    assert!(
        unknown
            .stderr
            .contains("Acme has no field name; there is token, user"),
        "{unknown:?}"
    );
    let odd = service
        .login(&["--field", "token=-", "--field", "user=ada"], "t0ken")
        .expect(2);
    assert!(
        odd.stderr
            .contains("Email address does not have the form of one"),
        "{odd:?}"
    );
    let file = service.world.file("token", "t0ken\n");
    let token = format!("token=@{}", file.display());
    service
        .login(&["--field", &token, "--field", "user=ada@acme.test"], "")
        .expect(0);
    let basic = "\r\nauthorization: Basic YWRhQGFjbWUudGVzdC90b2tlbjp0MGtlbg==\r\n";
    assert!(service.next().contains(basic));
    assert!(service.curl("/v2/tickets", &[]).contains(basic));
    let shown = service
        .world
        .run(["printenv", "ACME_USER", "ACME_KEY"])
        .expect(0);
    assert_eq!(shown.stdout, "ada@acme.test\nauthsome-proxy-managed\n");
    let described = service
        .world
        .call(["get", "acme", "--json"])
        .expect(0)
        .json();
    assert_eq!(described["fields"]["user"], "ada@acme.test");
}

#[test]
fn a_parameter_cannot_leave_its_domain() {
    let service = Service::start();
    service.register(
        r#""params": { "subdomain": { "label": "Acme subdomain", "pattern": "[a-z]+", "example": "blue" } }, "docs_url": "https://{subdomain}.acme.test/""#,
    );
    let key = ["--api-key-file", "-"];
    let missing = service.login(&key, "k").expect(2);
    assert!(
        missing.stderr.contains("Acme subdomain is not given"),
        "{missing:?}"
    );
    assert!(
        missing.stderr.contains("--param subdomain=blue"),
        "{missing:?}"
    );
    for evil in ["evil.test/", "a.evil", "x#", "{subdomain}", ""] {
        let param = format!("subdomain={evil}");
        let refused = service
            .login(&["--param", &param, key[0], key[1]], "k")
            .expect(2);
        assert!(
            refused
                .stderr
                .contains("cannot be subdomain (Acme subdomain; for example blue)"),
            "{refused:?}"
        );
    }
    let unknown = service.login(
        &["--param", "subdomain=a", "--param", "x=y", key[0], key[1]],
        "k",
    );
    assert!(
        unknown
            .expect(2)
            .stderr
            .contains("acme has no parameter `x`")
    );
    assert!(service.has_no_connection());
    service
        .login(&["--param", "subdomain=red", key[0], key[1]], "k")
        .expect(0);
    let shown = service
        .world
        .call(["get", "acme", "--json"])
        .expect(0)
        .json();
    assert_eq!(shown["params"]["subdomain"], "red");
}

#[test]
fn a_flow_that_the_provider_has_not_is_refused() {
    let service = Service::start();
    service.register(r#""api_key": {}"#);
    let refused = service.login(&["--flow", "device_code"], "").expect(4);
    assert!(
        refused.stderr.contains("Acme has no login by device_code"),
        "{refused:?}"
    );
    let gitlab = service
        .world
        .call(["login", "gitlab", "--flow", "device_code"])
        .expect(4);
    assert!(
        gitlab.stderr.contains("GitLab has no login by device_code"),
        "{gitlab:?}"
    );
    let unknown = service
        .world
        .call(["login", "gitlab", "--flow", "implicit"])
        .expect(2);
    assert!(unknown.stderr.contains("it must be one of"), "{unknown:?}");
}

#[test]
fn a_definition_is_shown_before_it_is_taken_and_never_lost_to_another() {
    let service = Service::start();
    let file = service.definition(r#""api_key": { "header_name": "x-acme", "header_prefix": "" }"#);
    let file = file.to_str().unwrap();
    let unasked = service.world.call(["register", file]).expect(2);
    assert!(unasked.stderr.contains("as: x-acme: …"), "{unasked:?}");
    assert!(
        unasked
            .stderr
            .contains("sends the credential to: https://localhost:"),
        "{unasked:?}"
    );
    assert!(!service.world.home().join("providers/acme.json").exists());
    service.world.call(["register", file, "--yes"]).expect(0);
    let again = service.world.call(["register", file, "--yes"]).expect(7);
    assert!(again.stderr.contains("--force"), "{again:?}");
    service
        .world
        .call(["register", file, "--yes", "--force"])
        .expect(0);
    let text = fs::read_to_string(file).unwrap();
    let wide = text.replace(&service.server.authority(), "regex:.*");
    let wide = service.world.file("wide.json", &wide);
    let refused = service
        .world
        .call(["register", wide.to_str().unwrap(), "--yes"])
        .expect(2);
    assert!(
        refused.stderr.contains("anybody's host could match it"),
        "{refused:?}"
    );
    service.login(&["--api-key-file", "-"], "k").expect(0);
    let in_use = service.world.call(["remove", "acme"]).expect(6);
    assert!(
        in_use.stderr.contains("authsome revoke acme/default"),
        "{in_use:?}"
    );
    service.world.call(["logout", "acme"]).expect(0);
    service.world.call(["remove", "acme"]).expect(0);
    service.world.call(["remove", "acme"]).expect(4);
    service.world.call(["remove", "gitlab"]).expect(4);
}
