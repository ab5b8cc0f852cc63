//! Definitions as documents show them, and in the spellings of the Python program.

use std::path::Path;

use authsome_providers::{Auth, Definition, Flow, Source};
use serde_json::json;

use crate::wrong_fields::right;

/// What the older program's files have: no fault, and no warning.
const OLDER: [&str; 7] = [
    r#"{"schema_version": 1, "name": "a", "display_name": "A", "auth_type": "api_key", "flow": "api_key",
        "host_url": "api.example.com", "docs": "https://docs.example.com", "logo": "a.svg", "metadata": {},
        "api_key": {"header_name": "X-Key", "header_prefix": null, "env_var": "A_KEY"},
        "export": {"env": {"api_key": "A_KEY"}}}"#,
    r#"{"name": "b", "auth_type": "oauth2", "flow": "dcr_pkce", "api_url": "regex:[a-z]+\\.example\\.com",
        "oauth": {"base_url": "https://example.com", "authorization_url": "{base_url}/authorize",
            "token_url": "{base_url}/token", "registration_endpoint": "{base_url}/register",
            "revocation_url": null, "device_authorization_url": null, "scopes": ["read"], "pkce": true,
            "supports_device_flow": false, "supports_dcr": true},
        "client": {"client_id_env": "B_ID", "client_secret_env": "B_SECRET"},
        "export": {"access_token": "B_TOKEN", "refresh_token": "B_REFRESH"}}"#,
    r#"{"name": "c", "auth_type": "api_key", "api_url": ["api.example.com"],
        "api_key": {"header_name": "Authorization", "header_prefix": "Token"},
        "export": {"env": {"C_KEY": "api_key"}}}"#,
    r#"{"name": "d", "auth_type": "oauth2", "flow": "device_code", "api_url": "api.example.com",
        "oauth": {"token_url": "https://example.com/token", "supports_device_flow": true,
            "device_authorization_url": "https://example.com/device", "scopes": null},
        "client": null, "api_key": null, "export": {"D_TOKEN": "access_token"}}"#,
    r#"{"name": "e", "auth_type": "api_key", "flow": "api_key_prompt", "api_url": "api.example.com",
        "api_key": {"input_mode": "prompt", "env_var": "E_KEY"}, "export": {"env": {}, "E_KEY": "API_TOKEN"}}"#,
    r#"{"name": "f", "auth_type": "api_key", "flow": "api_key_env", "api_url": "api.example.com",
        "api_key": {"input_mode": "env", "env_var": "F_KEY"}}"#,
    r#"{"_comment": "G", "//": ["a", "list"], "// flow": "pkce", "name": "g", "auth_type": "oauth2",
        "browser": null, "connections": [], "global_connections": [],
        "api_url": "api.example.com", "registration": {"_comment": "none"},
        "oauth": {"_comment": "two", "authorization_url": "https://example.com/authorize",
            "token_url": "https://example.com/token", "user_agent": null,
            "flows": {"pkce": {"inputs": {"client_id": "required"}}},
            "authorization_params": {"//": "a remark", "prompt": null, "access_type": "offline"}},
        "export": {"//": "a remark", "_TOKEN": "ACCESS_TOKEN"}, "environment": {"G_HOST": null},
        "addresses": {"//": "none"}, "headers": {"x-version": null}}"#,
];

#[test]
fn the_older_spellings_are_read() {
    for text in OLDER {
        let definition = Definition::parse(text, Source::Bundled);
        let definition = definition.unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(definition.warnings, [""; 0], "{text}");
    }
}

#[test]
fn the_older_words_for_a_key_mean_the_same() {
    for text in &OLDER[4..6] {
        let definition = Definition::parse(text, Source::Bundled).unwrap();
        assert_eq!(definition.provider.flow, Flow::ApiKey, "{text}");
    }
}

#[test]
fn the_application_is_in_variables() {
    let id = |name: &str| Some(name.to_owned());
    for (client, expected, warned) in [
        (
            json!({"client_id": "env:A_ID", "client_secret": "env:A_SECRET"}),
            (id("A_ID"), id("A_SECRET")),
            vec![],
        ),
        (
            json!({"client_id": "env:A_ID", "client_secret": null}),
            (id("A_ID"), None),
            vec![],
        ),
        (
            json!({"client_id": "env:OLD", "client_id_env": "NEW"}),
            (id("NEW"), None),
            vec![],
        ),
        (
            json!({"client_id": "0a1b2c", "client_secret": "s3cr3t"}),
            (None, None),
            vec![
                "`client.client_id` has no effect: log in with --client-id, or name a variable in `client_id_env`",
                "`client.client_secret` has no effect: log in with --client-secret-file, or name a variable in `client_secret_env`",
            ],
        ),
    ] {
        let mut definition = right();
        definition["client"] = client.clone();
        let definition = Definition::parse(&definition.to_string(), Source::Bundled).unwrap();
        assert_eq!(definition.warnings, warned, "{client}");
        let Auth::OAuth2(oauth) = &definition.provider.auth else {
            panic!("not OAuth")
        };
        assert_eq!(oauth.client_variables, expected, "{client}");
    }
}

#[test]
fn an_application_in_a_variable_needs_no_registration() {
    let mut definition = right();
    definition["flow"] = json!("dcr_pkce");
    definition["client"] = json!({"client_id": "env:A_ID"});
    let parsed = Definition::parse(&definition.to_string(), Source::Bundled).unwrap();
    assert_eq!(parsed.warnings, [""; 0]);
    definition["oauth"]["supports_dcr"] = json!(true);
    assert!(Definition::parse(&definition.to_string(), Source::Bundled).is_err());
}

#[test]
fn what_is_null_or_a_remark_is_neither_sent_nor_set() {
    let provider = Definition::parse(OLDER[6], Source::Bundled)
        .unwrap()
        .provider;
    let variables: Vec<_> = provider.export.iter().map(|one| &one.variable).collect();
    assert_eq!(variables, ["_TOKEN"]);
    assert!(provider.environment.is_empty() && provider.addresses.is_empty());
    let oauth = provider.sign_in_at(None).unwrap().oauth.unwrap();
    let sent = ("access_type".to_owned(), "offline".to_owned());
    assert_eq!(oauth.authorization_params, [sent]);
}

#[test]
fn a_definition_for_cookies_says_what_to_use() {
    let text = r#"{"name": "x-browser", "auth_type": "browser", "api_url": "x.example.com"}"#;
    let error = Definition::parse(text, Source::Bundled).unwrap_err();
    assert!(
        error.to_string().contains("use the service's API"),
        "{error}"
    );
}

#[test]
fn each_example_of_the_page_is_a_definition() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/definitions.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks: Vec<_> = page.split("```json\n").skip(1).collect();
    assert!(blocks.len() >= 4);
    for block in blocks {
        let (text, _) = block.split_once("```").unwrap();
        let definition = Definition::parse(text, Source::Bundled);
        let definition = definition.unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(definition.warnings, [""; 0], "{text}");
    }
}
