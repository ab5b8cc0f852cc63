//! Tests of providers at different base URLs.

use authsome_providers::{
    Catalog, Definition, DefinitionError, Scheme, Service, Shape, Source, Template,
};
use serde_json::{Value, json};

fn at(definition: &Value, base: Option<&str>) -> Result<Service, DefinitionError> {
    let base = base.map(|base| base.parse().unwrap());
    Definition::parse(&definition.to_string(), Source::Bundled)?
        .provider
        .at(base.as_ref())
}

fn routes(definition: &Value, base: Option<&str>) -> Vec<String> {
    at(definition, base)
        .unwrap()
        .routes
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn oauth(own: Option<&str>, api_url: &Value, authorize: &str, token: &str) -> Value {
    json!({
        "name": "x", "auth_type": "oauth2", "api_url": api_url,
        "oauth": {"base_url": own, "authorization_url": authorize, "token_url": token}
    })
}

#[test]
fn routes_follow_the_base_url() {
    let own = Some("https://example.com");
    let acme = Some("https://acme.com:8443/root");
    for (api_url, base, expected) in [
        (Value::Null, None, vec!["https://example.com"]),
        (Value::Null, acme, vec!["https://acme.com:8443/root"]),
        (json!("/"), acme, vec!["https://acme.com:8443/root"]),
        (json!("/api/"), None, vec!["https://example.com/api"]),
        (
            json!("{base_url}/api"),
            acme,
            vec!["https://acme.com:8443/root/api"],
        ),
        (
            json!(["API.example.com:444", "a.example.com/v1"]),
            None,
            vec!["https://api.example.com:444", "https://a.example.com/v1"],
        ),
        (
            json!(["a.example.com", "https://a.example.com/"]),
            None,
            vec!["https://a.example.com"],
        ),
        (
            json!("regex:(a|b)\\.example\\.com"),
            None,
            vec!["https://a.example.com", "https://b.example.com"],
        ),
        (
            json!("http://127.0.0.1:9000/x"),
            None,
            vec!["http://127.0.0.1:9000/x"],
        ),
        // The hosts of the public service never get the token of another instance.
        (
            json!(["api.example.com", "regex:.*\\.example\\.com"]),
            acme,
            vec!["https://acme.com:8443/root"],
        ),
        (
            json!("https://example.com/api/v4"),
            acme,
            vec!["https://acme.com:8443/root/api/v4"],
        ),
        (json!("example.com"), own, vec!["https://example.com"]),
    ] {
        let definition = oauth(own, &api_url, "/authorize", "/token");
        assert_eq!(routes(&definition, base), expected, "{api_url} at {base:?}");
    }
}

#[test]
fn a_base_url_is_refused_or_asked_for() {
    let fixed = oauth(
        None,
        &json!("a.example.com"),
        "https://example.com/a",
        "https://example.com/t",
    );
    assert!(at(&fixed, None).is_ok());
    assert!(matches!(
        at(&fixed, Some("acme.com")),
        Err(DefinitionError::BaseUrlUnused { .. })
    ));
    let hosted = oauth(None, &json!("/"), "/oauth/authorize", "/oauth/token");
    assert!(matches!(
        at(&hosted, None),
        Err(DefinitionError::BaseUrlMissing { .. })
    ));
    assert_eq!(routes(&hosted, Some("acme.com")), ["https://acme.com"]);
    let key = json!({"name": "x", "auth_type": "api_key", "api_url": "https://api.example.com/v1"});
    assert_eq!(
        routes(&key, Some("http://localhost:8080/v1")),
        ["http://localhost:8080/v1"]
    );
}

#[test]
fn an_instance_on_this_machine_may_be_http() {
    let definition = oauth(
        Some("https://example.com"),
        &json!("/"),
        "/oauth/authorize",
        "/oauth/token",
    );
    let service = at(&definition, Some("http://[::1]:3000/gl")).unwrap();
    let route = &service.routes[0];
    assert_eq!((route.scheme, route.port), (Scheme::Http, 3000));
    assert!(route.matches(Scheme::Http, "::1", 3000, "/gl/api"));
    let base = "http://[::1]:3000/gl".parse().unwrap();
    let definition = Definition::parse(&definition.to_string(), Source::Bundled).unwrap();
    let sign_in = definition.provider.sign_in_at(Some(&base)).unwrap();
    assert_eq!(
        sign_in.oauth.unwrap().token.as_str(),
        "http://[::1]:3000/gl/oauth/token"
    );
    assert!(service.rules.is_oauth_endpoint("/oauth/token"));
}

#[test]
fn oauth_endpoints_count_where_they_share_a_route() {
    let rules = |api_url: Value, token: &str| {
        at(
            &oauth(None, &api_url, "https://auth.example.com/authorize", token),
            None,
        )
        .unwrap()
        .rules
    };
    // The token endpoint is on another host, so no path of this host is an OAuth endpoint.
    let elsewhere = rules(
        json!("api.example.com"),
        "https://auth.example.com/oauth/token",
    );
    assert!(
        !elsewhere.is_oauth_endpoint("/oauth/token") && !elsewhere.is_oauth_endpoint("/authorize")
    );
    assert_eq!(
        elsewhere
            .injection("gitlab.test", "GET", "/oauth/token", None)
            .map(|found| found.shape),
        Some(0)
    );
    // The token endpoint's parent segment on the API's host is for OAuth, so its siblings count
    // too.
    let room = rules(
        json!("api.example.com"),
        "https://api.example.com/v1/oauth/token",
    );
    assert!(room.is_oauth_endpoint("/v1/oauth/revoke") && !room.is_oauth_endpoint("/v1/oauth/@me"));
    assert_eq!(
        room.injection("gitlab.test", "GET", "/v1/oauth/token", None),
        None
    );
    // The parent segment is not for OAuth, so only the named endpoints count.
    let bare = rules(
        json!("regex:.*\\.example\\.com"),
        "https://oauth2.example.com/token",
    );
    assert!(bare.is_oauth_endpoint("/token") && bare.is_oauth_endpoint("/authorize"));
    assert!(!bare.is_oauth_endpoint("/register"));
}

/// What a definition with `git` injects, by host and path.
#[test]
fn git_gets_basic_on_its_host_and_the_api_its_own() {
    let definition = Definition::parse(
        r#"{ "name": "forge", "auth_type": "api_key", "api_url": ["api.forge.test", "forge.test"],
            "inject": [{ "path": "/**", "hosts": ["api.forge.test"], "as": "bearer" }],
            "git": { "host": "forge.test", "username": "x-access-token",
                "ssh": ["git@forge.test:", "ssh://git@ssh.forge.test:443/"] } }"#,
        Source::Bundled,
    )
    .unwrap();
    assert_eq!(definition.warnings, [""; 0]);
    let service = definition.provider.at(None).unwrap();
    let git = service.git.as_ref().unwrap();
    let names = [
        ("forge.test".to_owned(), 22),
        ("ssh.forge.test".to_owned(), 443),
    ];
    assert_eq!(git.ssh, names);
    let shape = |host: &str, path: &str| {
        let found = service.rules.injection(host, "GET", path, None)?;
        service.rules.shapes().get(found.shape).cloned()
    };
    let basic = Shape::Basic {
        username: Template::text("x-access-token"),
        password: Template::credential(),
    };
    for path in [
        "/a/b.git/info/refs",
        "/a/b/git-upload-pack",
        "/a/b/git-receive-pack",
        "/a/b.git/info/lfs/objects/batch",
    ] {
        assert_eq!(shape("forge.test", path), Some(basic.clone()), "{path}");
        assert_eq!(shape("api.forge.test", path), Some(Shape::Bearer), "{path}");
    }
    for page in [
        "/a/b",
        "/a/b/settings",
        "/info/refs/x",
        "/a/b/blob/main/git-upload-pack.c",
    ] {
        assert_eq!(shape("forge.test", page), None, "{page}");
    }
}

/// A place is filled in before anything is parsed, and what a token's response names likewise.
#[test]
fn a_place_and_an_instance_become_routes() {
    let definition = Definition::parse(
        r#"{ "name": "desk", "auth_type": "api_key",
            "api_url": ["https://{subdomain}.desk.test/api", "https://{instance_url}/v1"],
            "params": { "subdomain": { "pattern": "[a-z]+", "example": "acme", "default": "main" } },
            "instance_url": { "pointer": "/instance_url", "suffix": "desk.test" } }"#,
        Source::Bundled,
    )
    .unwrap();
    let routes = |values: &[(&str, &str)]| {
        let values = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let placed = definition.placed(&values.collect());
        placed.map(|provider| {
            let service = provider.at(None).unwrap();
            service
                .routes
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        })
    };
    let here = routes(&[("subdomain", "blue"), ("instance_url", "eu7.desk.test")]).unwrap();
    assert_eq!(
        here,
        ["https://blue.desk.test/api", "https://eu7.desk.test/v1"]
    );
    let usual = routes(&[]).unwrap();
    assert_eq!(
        usual,
        [
            "https://main.desk.test/api",
            "https://instance.desk.test/v1"
        ]
    );
    for evil in [
        "evil.test",
        "desk.test",
        "xdesk.test",
        "a.desk.test.evil.test",
        "A.desk.test",
        "a.desk.test/x",
        ".desk.test",
    ] {
        assert!(routes(&[("instance_url", evil)]).is_err(), "{evil}");
    }
    assert!(routes(&[("subdomain", "evil.test/")]).is_err());
    assert!(routes(&[("region", "x")]).is_err());
}

/// A token of another instance is not sent to the public one to ask whose it is.
#[test]
fn an_account_is_looked_up_where_the_token_is_for() {
    for name in ["github", "github-token"] {
        let definition = Catalog::new(None).get(&name.parse().unwrap()).unwrap();
        let hosts = |base: Option<&str>| {
            let base = base.map(|base| base.parse().unwrap());
            let sign_in = definition.provider.sign_in_at(base.as_ref()).unwrap();
            let lookups = sign_in.account_lookups.iter();
            let hosts = lookups.map(|lookup| lookup.url.host_str().unwrap().to_owned());
            hosts.collect::<Vec<_>>()
        };
        assert_eq!(hosts(None)[0], "api.github.com", "{name}");
        let own = hosts(Some("https://git.acme.test"));
        assert!(
            !own.is_empty() && own.iter().all(|host| host == "git.acme.test"),
            "{own:?}"
        );
    }
}
