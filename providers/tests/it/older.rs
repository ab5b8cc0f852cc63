//! Definitions as documents show them, and in the spellings of the Python program.

use std::path::Path;

use authsome_providers::{Definition, Source};

/// What the older program's files have: no fault, and no warning.
const OLDER: [&str; 4] = [
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
