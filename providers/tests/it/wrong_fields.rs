//! Definitions with one invalid field, and the error for each.

use authsome_providers::{Definition, DefinitionError, Source};
use serde_json::{Value, json};

/// A valid definition, which the tests change.
pub(crate) fn right() -> Value {
    json!({
        "schema_version": 1, "name": "example", "auth_type": "oauth2", "api_url": "api.example.com",
        "oauth": {"authorization_url": "https://example.com/authorize", "token_url": "https://example.com/token"}
    })
}

/// The error for the valid definition with one value set at a JSON pointer.
fn error_with(pointer: &str, value: Value) -> Option<DefinitionError> {
    let mut definition = right();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = definition
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap();
    parent.insert(name.to_owned(), value);
    Definition::parse(&definition.to_string(), Source::Bundled).err()
}

/// A JSON pointer, the invalid value to set there, and the field that the error names.
type Wrong = (&'static str, Value, &'static str);

fn wrong_service() -> Vec<Wrong> {
    vec![
        ("/schema_version", json!(2), "schema_version"),
        ("/name", json!("Example"), "name"),
        ("/name", Value::Null, "name"),
        ("/auth_type", json!("browser"), "auth_type"),
        ("/flow", json!("implicit"), "flow"),
        ("/flow", json!("api_key"), "flow"),
        ("/api_url", json!(7), "api_url"),
        (
            "/api_url",
            json!(["a.example.com", "http://b.example.com"]),
            "api_url[1]",
        ),
        ("/api_url", json!("https://user@example.com"), "api_url"),
        ("/api_url", json!("regex:.*googleapis.*"), "api_url"),
        ("/api_url", json!("/a/../b"), "api_url"),
        ("/api_url", Value::Null, "api_url"),
        ("/oauth", Value::Null, "oauth"),
        ("/oauth", json!([]), "oauth"),
        (
            "/oauth/token_url",
            json!("http://example.com/token"),
            "oauth.token_url",
        ),
        ("/oauth/token_url", Value::Null, "oauth.token_url"),
        (
            "/oauth/base_url",
            json!("http://example.com"),
            "oauth.base_url",
        ),
        (
            "/oauth/revocation_url",
            json!("token"),
            "oauth.revocation_url",
        ),
        ("/oauth/pkce", json!("yes"), "oauth.pkce"),
        ("/oauth/scopes", json!(["a", "b\"c"]), "oauth.scopes[1]"),
        (
            "/flow",
            json!("device_code"),
            "oauth.device_authorization_url",
        ),
        (
            "/flow",
            json!("dcr_pkce"),
            "registration.registration_endpoint",
        ),
        (
            "/oauth/authorization_params",
            json!({"state": "x"}),
            "oauth.authorization_params.state",
        ),
        (
            "/oauth/authorization_params",
            json!({"response_type": "token"}),
            "oauth.authorization_params.response_type",
        ),
        (
            "/oauth/authorization_method",
            json!("none"),
            "oauth.authorization_method",
        ),
        (
            "/registration",
            json!({"registration_endpoint": "http://e.com/r"}),
            "registration.registration_endpoint",
        ),
        (
            "/client",
            json!({"client_id": "env:A B"}),
            "client.client_id",
        ),
    ]
}

fn wrong_forge() -> Vec<Wrong> {
    vec![
        ("/git", json!({"below": "scm"}), "git.below"),
        ("/git", json!({"below": "/scm/"}), "git.below"),
        ("/git", json!({"below": "/a/../b"}), "git.below"),
        ("/git", json!({"ssh_port": 0}), "git.ssh_port"),
        ("/git", json!({"ssh_port": 65536}), "git.ssh_port"),
        ("/git", json!({"ssh_port": "22"}), "git.ssh_port"),
        (
            "/git",
            json!({"ssh_paths": [{"from": "/v3/*/*", "to": "/*/x"}]}),
            "git.ssh_paths[0].to",
        ),
        (
            "/git",
            json!({"ssh_paths": [{"from": "/v3*", "to": "/x"}]}),
            "git.ssh_paths[0].from",
        ),
        (
            "/git",
            json!({"ssh_paths": [{"from": "/v3"}]}),
            "git.ssh_paths[0].to",
        ),
        (
            "/account",
            json!([{"url": "https://example.com/me", "method": "PUT"}]),
            "account[0].method",
        ),
        (
            "/account",
            json!([{"url": "https://example.com/me", "body": {}}]),
            "account[0].body",
        ),
    ]
}

fn wrong_use() -> Vec<Wrong> {
    vec![
        ("/export", json!({"1X": "ACCESS_TOKEN"}), "export.1X"),
        ("/export", json!({"TOKEN": "PASSWORD"}), "export.TOKEN"),
        (
            "/export",
            json!({"access_token": ["A", "A"]}),
            "export.access_token",
        ),
        (
            "/export",
            json!({"B": "ACCESS_TOKEN", "env": {"access_token": "B"}}),
            "export.B",
        ),
        ("/placeholders", json!(["A", "B=C"]), "placeholders[1]"),
        ("/applications_url", json!("apps"), "applications_url"),
        ("/inject", json!({}), "inject"),
        ("/inject", json!([{"path": "/**"}]), "inject[0].as"),
        (
            "/inject",
            json!([{"path": "api", "as": "bearer"}]),
            "inject[0].path",
        ),
        (
            "/inject",
            json!([{"path": "/**", "as": "cookie"}]),
            "inject[0].as",
        ),
        (
            "/inject",
            json!([{"path": "/**", "as": "basic"}]),
            "inject[0].username",
        ),
        (
            "/inject",
            json!([{"path": "/**", "as": "header", "name": "Host"}]),
            "inject[0].name",
        ),
        (
            "/inject",
            json!([{"path": "/**", "as": "query", "name": "a&b"}]),
            "inject[0].name",
        ),
        (
            "/inject",
            json!([{"path": "/**", "as": "bearer", "methods": ["GET", "a b"]}]),
            "inject[0].methods[1]",
        ),
        (
            "/inject",
            json!([{"path": "/**", "as": "bearer", "query": "a=b"}]),
            "inject[0].query",
        ),
        (
            "/inject",
            json!([{"path": "/**", "as": "bearer", "query": {"a": 1}}]),
            "inject[0].query.a",
        ),
        ("/carriers", json!({"form": [""]}), "carriers.form[0]"),
        ("/carriers", json!({"json": [1]}), "carriers.json[0]"),
        (
            "/carriers",
            json!({"headers": ["a b"]}),
            "carriers.headers[0]",
        ),
        ("/carriers", json!({"query": ["="]}), "carriers.query[0]"),
        (
            "/guard",
            json!([{"name": "A B", "path": "/", "reason": ""}]),
            "guard[0].name",
        ),
        (
            "/guard",
            json!([{"name": "a", "path": "regex:[", "reason": ""}]),
            "guard[0].path",
        ),
        (
            "/guard",
            json!([{"name": "a", "path": "/", "reason": "", "methods": ["P OST"]}]),
            "guard[0].methods[0]",
        ),
        (
            "/guard",
            json!([{"name": "a", "graphql": {"fields": ["token"]}, "reason": ""}]),
            "guard[0].graphql",
        ),
        ("/graphql", json!([{"path": "regex:["}]), "graphql[0].path"),
        (
            "/scope_for",
            json!([{"scope": "a b", "path": "/"}]),
            "scope_for[0].scope",
        ),
        ("/scope_for", json!([{"path": "/"}]), "scope_for[0].scope"),
        (
            "/scope_includes",
            json!({"api": ["", "b"]}),
            "scope_includes.api[0]",
        ),
        ("/graphql", json!({"path": "/graphql"}), "graphql"),
        ("/mints", json!("glpat-[0-9a-z]{20,}"), "mints"),
        ("/mints", json!(["a-[a-z]{20}"]), "mints[0]"),
        ("/mints", json!([{"then": "refuse"}]), "mints[0].shape"),
        (
            "/mints",
            json!([{"shape": "key-[0-9a-z]{20}", "then": "hide"}]),
            "mints[0].then",
        ),
        (
            "/account",
            json!([{"url": "/user", "id": "id"}]),
            "account[0].id",
        ),
    ]
}

#[test]
fn a_wrong_field_is_named() {
    assert_eq!(error_with("/flow", json!("pkce")), None);
    let mut words = String::new();
    let all = wrong_service().into_iter().chain(wrong_use());
    for (pointer, value, path) in all.chain(wrong_forge()) {
        let error = error_with(pointer, value.clone());
        let Some(DefinitionError::Field {
            path: found,
            reason,
        }) = &error
        else {
            panic!("{pointer} {value}: {error:?}");
        };
        assert_eq!(found, path, "{pointer} {value}: {reason}");
        words += &[
            value.to_string().as_str(),
            "\n`",
            found,
            "`: ",
            reason,
            "\n\n",
        ]
        .concat();
        assert!(
            !reason.is_empty() && !reason.ends_with('.') && !reason.contains('\n'),
            "{reason}"
        );
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("../../../tests/snapshots/definitions");
    settings.bind(|| insta::assert_snapshot!("fields", words));
}

/// Rules about GraphQL in a definition that says where documents are taken.
#[test]
fn rules_about_graphql_name_names_and_nothing_of_a_path() {
    let names = json!({"mutations": ["tokenCreate"], "fields": ["token"]});
    for (rule, wrong) in [
        (json!({"graphql": names}), None),
        (json!({"graphql": {"fields": "token"}}), None),
        (json!({"graphql": names, "path": "/a"}), Some("graphql")),
        (
            json!({"graphql": names, "methods": ["POST"]}),
            Some("methods"),
        ),
        (
            json!({"graphql": names, "hosts": ["a.test"]}),
            Some("hosts"),
        ),
        (json!({"graphql": {}}), Some("graphql")),
        (json!({"graphql": []}), Some("graphql")),
        (
            json!({"graphql": {"fields": ["a", "User.token"]}}),
            Some("graphql.fields[1]"),
        ),
        (
            json!({"graphql": {"mutations": ["2fa"]}}),
            Some("graphql.mutations[0]"),
        ),
        (json!({}), Some("path")),
    ] {
        let mut definition = right();
        definition["graphql"] = json!([{"path": "/graphql"}]);
        let mut whole = rule.clone();
        whole["name"] = json!("a");
        whole["reason"] = json!("it makes one");
        definition["guard"] = json!([whole]);
        let found = Definition::parse(&definition.to_string(), Source::Bundled).err();
        let found = found.map(|error| error.to_string());
        let wrong = wrong.map(|field| format!("guard[0].{field}"));
        match (&found, &wrong) {
            (None, None) => {}
            (Some(error), Some(field)) => {
                assert!(error.contains(field.as_str()), "{rule}: {error}");
            }
            _ => panic!("{rule}: {found:?}"),
        }
    }
}

/// Rules about what a request sends.
#[test]
fn a_rule_about_what_is_sent_has_a_path_and_names() {
    let sends = json!({"headers": ["Sudo"], "query": ["sudo"], "body": ["sudo"]});
    for (rule, wrong) in [
        (json!({"path": "/a", "sends": sends}), None),
        (
            json!({"path": "/a", "methods": ["PUT"], "sends": {"body": "x"}}),
            None,
        ),
        (json!({"sends": sends}), Some("path")),
        (
            json!({"graphql": {"fields": "a"}, "sends": sends}),
            Some("sends"),
        ),
        (json!({"path": "/a", "sends": {}}), Some("sends")),
        (json!({"path": "/a", "sends": "sudo"}), Some("sends")),
        (
            json!({"path": "/a", "sends": {"headers": ["a b"]}}),
            Some("sends.headers[0]"),
        ),
        (
            json!({"path": "/a", "sends": {"query": ["a&b"]}}),
            Some("sends.query[0]"),
        ),
        (
            json!({"path": "/a", "sends": {"body": ["a", ""]}}),
            Some("sends.body[1]"),
        ),
    ] {
        let mut definition = right();
        definition["graphql"] = json!([{"path": "/graphql"}]);
        let mut whole = rule.clone();
        whole["name"] = json!("a");
        whole["reason"] = json!("it acts as somebody else");
        definition["guard"] = json!([whole]);
        let found = Definition::parse(&definition.to_string(), Source::Bundled).err();
        let found = found.map(|error| error.to_string());
        let wrong = wrong.map(|field| format!("guard[0].{field}"));
        match (&found, &wrong) {
            (None, None) => {}
            (Some(error), Some(field)) => {
                assert!(error.contains(field.as_str()), "{rule}: {error}");
            }
            _ => panic!("{rule}: {found:?}"),
        }
    }
    assert!(error_with("/method_field", json!("")).is_some());
    assert!(error_with("/method_field", json!(["_method"])).is_some());
    assert!(error_with("/method_field", json!("_method")).is_none());
}
