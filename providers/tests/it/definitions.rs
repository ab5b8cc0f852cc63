//! Tests of definitions as users write them, with and without mistakes.

use authsome_providers::{
    Address, Auth, ClientAuthentication, Definition, DefinitionError, Export, ExportField, Flow,
    Injection, Shape, Source,
};
use serde_json::json;

use crate::wrong_fields::right;

/// In the style of authsome's earlier definitions, with comments and unknown fields.
const GITHUB: &str = r#"// GitHub
{
  "schema_version": 1,
  "name": "github", // a comment with "quotes"
  "display_name": "GitHub",
  "logo": "img.logo.dev/name/github",
  "type": "app",
  "auth_type": "oauth2",
  "flow": "pkce",
  "api_url": ["api.github.com", "regex:.*\\.githubusercontent\\.com$"],
  "oauth": {
    "base_url": "https://github.com",
    "authorization_url": "{base_url}/login/oauth/authorize",
    "token_url": "{base_url}/login/oauth/access_token",
    "revocation_url": null,
    "device_authorization_url": "{base_url}/login/device/code",
    "scopes": ["repo", "read:user"],
    "pkce": true,
    "supports_device_code": true,
    "supports_dcr": false
  },
  "export": {"GITHUB_ACCESS_TOKEN": "ACCESS_TOKEN", "GH_TOKEN": "ACCESS_TOKEN"},
  "docs_url": "https://docs.github.com/en/authentication"
}"#;

const CLOUDFLARE: &str = r#"{
  "schema_version": 1, "name": "cloudflare", "display_name": "Cloudflare",
  "auth_type": "api_key", "flow": "api_key",
  "api_url": "https://api.cloudflare.com/client/v4",
  "api_key": {
    "header_name": "Authorization", "header_prefix": "Bearer", "env_var": "CLOUDFLARE_API_TOKEN",
    "key_pattern": "^[A-Za-z0-9_-]{40}$", "key_pattern_hint": "40 characters"
  },
  "export": {"CLOUDFLARE_API_TOKEN": "API_TOKEN"}
}"#;

const REDDIT: &str = r#"{
  "schema_version": 1, "name": "reddit", "display_name": "Reddit",
  "auth_type": "oauth2", "flow": "pkce", "api_url": "https://oauth.reddit.com",
  "oauth": {
    "base_url": "https://oauth.reddit.com",
    "authorization_url": "https://www.reddit.com/api/v1/authorize",
    "token_url": "https://www.reddit.com/api/v1/access_token",
    "scopes": "identity read",
    "authorization_method": "basic",
    "authorization_params": {"duration": "permanent"},
    "user_agent": "authsome"
  },
  "export": {"access_token": "REDDIT_ACCESS_TOKEN", "refresh_token": ["A", "B"]}
}"#;

fn parse(text: &str) -> Definition {
    Definition::parse(text, Source::Bundled).unwrap()
}

#[test]
fn existing_oauth_definitions_parse() {
    let github = parse(GITHUB);
    assert_eq!(github.warnings, [""; 0]);
    let service = github.provider.at(None).unwrap();
    let oauth = github.provider.sign_in_at(None).unwrap().oauth.unwrap();
    assert_eq!(
        oauth.token.as_str(),
        "https://github.com/login/oauth/access_token"
    );
    assert_eq!(
        oauth.device_authorization.unwrap().as_str(),
        "https://github.com/login/device/code"
    );
    assert_eq!(oauth.revocation, None);
    let routes: Vec<_> = service.routes.iter().map(ToString::to_string).collect();
    assert_eq!(
        routes,
        [
            "https://api.github.com",
            r"https://regex:.*\.githubusercontent\.com$"
        ]
    );
    assert!(!service.routes[1].host.matches("evilgithubusercontent.com"));
    assert_eq!(
        service
            .rules
            .injection("gitlab.test", "GET", "/user", None)
            .map(|found| &service.rules.shapes()[found.shape]),
        Some(&Shape::Bearer)
    );

    let reddit = parse(REDDIT);
    assert_eq!(reddit.warnings.len(), 1);
    assert!(
        reddit.warnings[0].contains("`oauth.user_agent`"),
        "{:?}",
        reddit.warnings
    );
    assert_eq!(reddit.json()["oauth"]["user_agent"], "authsome");
    let Auth::OAuth2(oauth) = &reddit.provider.auth else {
        panic!("not OAuth")
    };
    assert_eq!(oauth.scopes, ["identity", "read"]);
    assert_eq!(
        oauth.client_authentication,
        Some(ClientAuthentication::Basic)
    );
    assert_eq!(
        oauth.authorization_params,
        [("duration".to_owned(), "permanent".to_owned())]
    );
}

#[test]
fn existing_api_key_definitions_parse() {
    let definition = parse(CLOUDFLARE);
    assert_eq!(
        (definition.warnings.len(), definition.provider.flow),
        (0, Flow::ApiKey)
    );
    let service = definition.provider.at(None).unwrap();
    assert_eq!(definition.provider.sign_in_at(None).unwrap().oauth, None);
    assert_eq!(
        service.routes[0].to_string(),
        "https://api.cloudflare.com/client/v4"
    );
    let header = Shape::Header {
        name: "authorization".to_owned(),
        prefix: "Bearer ".to_owned(),
    };
    assert_eq!(service.rules.shapes(), [header]);
    assert_eq!(
        service
            .rules
            .injection("gitlab.test", "GET", "/client/v4/zones", None),
        Some(Injection {
            shape: 0,
            only_if_sent: false
        })
    );
    let Auth::ApiKey(key) = &definition.provider.auth else {
        panic!("not a key")
    };
    let pattern = key.fields[0].pattern.as_ref().unwrap();
    assert!(
        pattern.accepts(&"a".repeat(40))
            && !pattern.accepts(&"a".repeat(41))
            && !pattern.accepts("")
    );
}

#[test]
fn the_header_of_a_key_has_the_prefix_that_existing_definitions_mean() {
    for (api_key, name, prefix) in [
        (json!({}), "authorization", "Bearer "),
        (
            json!({"header_name": "x-api-key", "header_prefix": ""}),
            "x-api-key",
            "",
        ),
        (
            json!({"header_name": "X-Api-Key", "header_prefix": null}),
            "x-api-key",
            "",
        ),
        (
            json!({"header_prefix": "Klaviyo-API-Key"}),
            "authorization",
            "Klaviyo-API-Key ",
        ),
    ] {
        let definition = json!({"name": "x", "auth_type": "api_key", "api_url": "x.example.com", "api_key": api_key});
        let service = parse(&definition.to_string()).provider.at(None).unwrap();
        let expected = Shape::Header {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
        };
        assert_eq!(service.rules.shapes(), [expected]);
        assert!(
            service
                .rules
                .carriers()
                .headers
                .iter()
                .any(|header| header == name)
        );
    }
}

#[test]
fn export_has_three_spellings_and_both_places() {
    let expected = [
        (ExportField::AccessToken, "TOKEN"),
        (ExportField::RefreshToken, "REFRESH"),
    ]
    .map(|(field, variable)| Export {
        field,
        variable: variable.to_owned(),
    });
    for export in [
        json!({"TOKEN": "ACCESS_TOKEN", "REFRESH": "refresh_token"}),
        json!({"access_token": "TOKEN", "refresh_token": "REFRESH"}),
        json!({"env": {"access_token": "TOKEN", "refresh_token": ["REFRESH"]}}),
        json!({"env": {}, "TOKEN": "ACCESS_TOKEN", "REFRESH": "REFRESH_TOKEN"}),
        json!({"REFRESH": "REFRESH_TOKEN", "env": {"access_token": "TOKEN"}}),
        json!({"env": null, "access_token": "TOKEN", "refresh_token": "REFRESH"}),
    ] {
        let mut definition = right();
        definition["export"] = export.clone();
        let parsed = parse(&definition.to_string());
        assert_eq!(parsed.provider.export, expected, "{export}");
        assert_eq!(parsed.warnings, [""; 0], "{export}");
    }
    let reddit = parse(REDDIT).provider.export.clone();
    assert_eq!(
        reddit
            .iter()
            .filter(|export| export.field == ExportField::RefreshToken)
            .count(),
        2
    );
}

/// The parsed definition with one field, and its only warning.
fn warned(name: &str, value: serde_json::Value) -> (Definition, String) {
    let mut definition = right();
    definition[name] = value;
    let mut parsed = parse(&definition.to_string());
    assert_eq!(parsed.warnings.len(), 1, "{:?}", parsed.warnings);
    let warning = parsed.warnings.remove(0);
    (parsed, warning)
}

#[test]
fn what_is_only_shown_is_cut_or_left_out() {
    let cut = "`description` is cut to one line of at most 200 characters";
    let long = format!("{} end", "ä".repeat(300));
    for (given, expected) in [
        ("One line\r\n\tand\u{1b}another\n", "One line and another"),
        (&long, &format!("{}…", "ä".repeat(199))),
    ] {
        let (parsed, warning) = warned("description", json!(given));
        assert_eq!(warning, cut);
        assert_eq!(parsed.provider.description.as_deref(), Some(expected));
    }
    for (given, reason) in [
        (
            "docs.example.com/keys",
            "it is not a URL: relative URL without a base",
        ),
        (
            "http://example.com",
            "it must be https (http is for this machine only: 127.0.0.1, [::1] or localhost)",
        ),
    ] {
        let (parsed, warning) = warned("docs_url", json!(given));
        assert_eq!(warning, format!("`docs_url` is left out: {reason}"));
        assert_eq!(parsed.provider.docs_url, None);
    }
    let mut definition = right();
    definition["docs_url"] = json!("https://docs.example.com/a#keys");
    let url = parse(&definition.to_string())
        .provider
        .docs_url
        .clone()
        .unwrap();
    assert_eq!(url.as_str(), "https://docs.example.com/a#keys");
}

#[test]
fn the_response_type_is_what_is_sent_anyway() {
    let mut definition = right();
    definition["oauth"]["authorization_params"] =
        json!({"response_type": "code", "prompt": "login"});
    let parsed = parse(&definition.to_string());
    assert_eq!(parsed.warnings, [""; 0]);
    let Auth::OAuth2(oauth) = &parsed.provider.auth else {
        panic!("not OAuth")
    };
    let sent = ("prompt".to_owned(), "login".to_owned());
    assert_eq!(oauth.authorization_params, [sent]);
}

#[test]
fn blanks_around_a_host_are_no_part_of_it() {
    let mut definition = right();
    definition["api_url"] = json!([
        " api.example.com ",
        "\thttps://example.com/v1\n",
        " regex: .*\\.example\\.net "
    ]);
    let parsed = parse(&definition.to_string());
    assert_eq!(parsed.warnings, [""; 0]);
    let routes = parsed.provider.at(None).unwrap().routes;
    let routes: Vec<_> = routes.iter().map(ToString::to_string).collect();
    assert_eq!(
        routes,
        [
            "https://api.example.com",
            "https://example.com/v1",
            r"https://regex:.*\.example\.net"
        ]
    );
    // Within it, a blank is still a fault.
    definition["api_url"] = json!("api.example.com evil.example");
    assert!(Definition::parse(&definition.to_string(), Source::Bundled).is_err());
}

#[test]
fn a_flow_without_its_endpoint_is_taken_back() {
    for (flag, flow, endpoint) in [
        (
            "supports_dcr",
            "dcr_pkce",
            "registration.registration_endpoint",
        ),
        (
            "supports_device_code",
            "device_code",
            "oauth.device_authorization_url",
        ),
        (
            "supports_device_flow",
            "device_code",
            "oauth.device_authorization_url",
        ),
    ] {
        let mut definition = right();
        definition["oauth"][flag] = json!(true);
        let parsed = parse(&definition.to_string());
        let expected =
            format!("`--flow {flow}` cannot be used: add `{endpoint}`, which that flow needs");
        assert_eq!(parsed.warnings, [expected], "{flag}");
        assert_eq!(parsed.provider.flow, Flow::Pkce);
        let Auth::OAuth2(oauth) = &parsed.provider.auth else {
            panic!("not OAuth")
        };
        assert!(!oauth.supports_dcr && !oauth.supports_device_code, "{flag}");

        // What is discovered needs to be named nowhere.
        definition["oauth"]["discover"] = json!(true);
        let parsed = parse(&definition.to_string());
        assert_eq!(parsed.warnings, [""; 0], "{flag}");
    }
}

#[test]
fn an_exported_address_is_an_address() {
    let address = |variable: &str, path: &str| Address {
        variable: variable.to_owned(),
        path: path.to_owned(),
    };
    let export =
        json!({"TOKEN": "ACCESS_TOKEN", "HOST": "BASE_URL", "URL": "api_url", "OWN": "API_URL"});
    let mut definition = right();
    definition["export"] = export;
    definition["addresses"] = json!({"OWN": "/own"});
    definition["api_url"] = json!("{base_url}/api");
    let parsed = parse(&definition.to_string());
    assert_eq!(parsed.warnings, [""; 0]);
    assert_eq!(parsed.provider.export.len(), 1);
    let expected = [
        address("OWN", "/own"),
        address("HOST", ""),
        address("URL", "/api"),
    ];
    assert_eq!(parsed.provider.addresses, expected);

    definition["base_url"] = json!("https://example.com");
    let parsed = parse(&definition.to_string());
    assert_eq!(parsed.provider.addresses, expected);
    assert_eq!(
        parsed.warnings,
        [
            r#"`export.HOST` is set only at another address than https://example.com, as in `addresses`; to set it always, write `"environment": {"HOST": "https://example.com"}`"#,
            r#"`export.URL` is set only at another address than https://example.com, as in `addresses`; to set it always, write `"environment": {"URL": "https://example.com/api"}`"#,
        ]
    );
}

#[test]
fn an_exported_address_that_never_moves_is_told() {
    let (parsed, warning) = warned("export", json!({"URL": "API_URL"}));
    assert_eq!(
        warning,
        r#"`export.URL` is not set: write `"environment": {"URL": "https://api.example.com"}`, or a path of the instance in `addresses`"#
    );
    assert!(parsed.provider.export.is_empty() && parsed.provider.addresses.is_empty());

    // A part of the credential may have the same name.
    let definition = json!({
        "name": "a", "auth_type": "api_key", "api_url": "a.example.com", "export": {"URL": "API_URL"},
        "fields": [{"name": "key"}, {"name": "api_url", "secret": false}]
    });
    let parsed = parse(&definition.to_string());
    let field = ExportField::Field("api_url".to_owned());
    assert_eq!(parsed.provider.export[0].field, field);
}

#[test]
fn a_syntax_error_has_its_place() {
    for (text, line, column) in [
        ("{\n  // comment\n  \"name\": x\n}", 3, 11),
        ("{\"a\": 1,}", 1, 9),
        ("", 1, 0),
        ("{\n \"a", 2, 1),
        ("{ /* ", 1, 1),
    ] {
        let error = Definition::parse(text, Source::Bundled).unwrap_err();
        let DefinitionError::Syntax {
            line: found_line,
            column: found_column,
            reason,
        } = &error
        else {
            panic!("{text:?}: {error}");
        };
        assert_eq!(
            (*found_line, *found_column),
            (line, column),
            "{text:?}: {reason}"
        );
        assert!(!reason.contains(" at line "), "{reason}");
    }
}

#[test]
fn unknown_fields_are_kept_in_their_place_and_warned_about() {
    let text = r#"{ "zeta": 1, "name": "x", /* gone */ "auth_type": "api_key", "api_url": "x.example.com",
        "inject": [{"path": "/**", "as": "bearer", "whence": "always"}] }"#;
    let definition = parse(text);
    assert_eq!(definition.warnings.len(), 2);
    assert!(
        definition.warnings[0].contains("`inject[0].whence`"),
        "{:?}",
        definition.warnings
    );
    assert!(definition.warnings[1].contains("`zeta`"));
    let json = definition.json();
    let keys: Vec<_> = json.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["zeta", "name", "auth_type", "api_url", "inject"]);
    assert!(!json.to_string().contains("gone") && definition.text().contains("gone"));
    let again = parse(&serde_json::to_string_pretty(&json).unwrap());
    assert_eq!(again.json(), json);
}
