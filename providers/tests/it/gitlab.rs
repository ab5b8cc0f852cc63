//! Tests of the bundled definition of GitLab, rule by rule.

use authsome_providers::{
    Auth, Catalog, Definition, ExportField, Flow, HostPattern, Scheme, Service, Shape, SignIn,
    Source, Template,
};

fn definition() -> Definition {
    Catalog::new(None).get(&"gitlab".parse().unwrap()).unwrap()
}

pub(crate) fn service(base: Option<&str>) -> Service {
    let base = base.map(|base| base.parse().unwrap());
    definition().provider.at(base.as_ref()).unwrap()
}

fn sign_in(base: Option<&str>) -> SignIn {
    let base = base.map(|base| base.parse().unwrap());
    definition().provider.sign_in_at(base.as_ref()).unwrap()
}

/// The shape for a GET request of a full path with its query.
fn shape(service: &Service, target: &str) -> Option<Shape> {
    shape_of(service, "GET", target)
}

fn shape_of(service: &Service, method: &str, target: &str) -> Option<Shape> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let path = service.relative_path(path)?;
    let found = service
        .rules
        .injection("gitlab.test", method, path, query)?;
    service.rules.shapes().get(found.shape).cloned()
}

fn basic() -> Shape {
    Shape::Basic {
        username: Template::text("oauth2"),
        password: Template::credential(),
    }
}

#[test]
fn parses_without_warnings() {
    let definition = definition();
    assert_eq!(definition.warnings, [""; 0]);
    assert_eq!(definition.source, Source::Bundled);
    let provider = &definition.provider;
    assert_eq!(
        (provider.id.as_str(), provider.display_name.as_str()),
        ("gitlab", "GitLab")
    );
    assert_eq!(provider.flow, Flow::Pkce);
    let Auth::OAuth2(oauth) = &provider.auth else {
        panic!("not OAuth")
    };
    assert!(oauth.pkce && !oauth.supports_device_code && !oauth.supports_dcr);
    let scopes = [
        "api",
        "read_user",
        "profile",
        "email",
        "read_repository",
        "write_repository",
    ];
    assert_eq!(oauth.scopes, scopes);
    let exports: Vec<_> = provider
        .export
        .iter()
        .map(|export| (export.field.clone(), export.variable.as_str()))
        .collect();
    assert_eq!(
        exports,
        [
            (ExportField::AccessToken, "GITLAB_ACCESS_TOKEN"),
            (ExportField::RefreshToken, "GITLAB_REFRESH_TOKEN")
        ]
    );
    assert!(provider.placeholders.iter().any(|name| name == "GL_TOKEN"));
    assert!(
        !definition.json()["placeholders"]
            .to_string()
            .contains("CI_JOB_TOKEN")
    );
}

#[test]
fn stands_at_gitlab_com_or_anywhere_else() {
    for (base, at, host, port, prefix) in [
        (None, "https://gitlab.com", "gitlab.com", 443, ""),
        (
            Some("gitlab.acme.com:8443/gl/"),
            "https://gitlab.acme.com:8443/gl",
            "gitlab.acme.com",
            8443,
            "/gl",
        ),
    ] {
        let service = service(base);
        let sign_in = sign_in(base);
        assert_eq!(sign_in.issuer.as_deref(), Some(at));
        let oauth = sign_in.oauth.as_ref().unwrap();
        assert_eq!(
            oauth.authorization.as_ref().unwrap().as_str(),
            format!("{at}/oauth/authorize")
        );
        assert_eq!(oauth.token.as_str(), format!("{at}/oauth/token"));
        assert_eq!(
            oauth.revocation.as_ref().unwrap().as_str(),
            format!("{at}/oauth/revoke")
        );
        assert_eq!(
            sign_in.applications_url.as_ref().unwrap().as_str(),
            format!("{at}/-/user_settings/applications")
        );
        let lookups: Vec<_> = sign_in
            .account_lookups
            .iter()
            .map(|lookup| lookup.url.to_string())
            .collect();
        assert_eq!(
            lookups,
            ["/api/v4/user", "/oauth/userinfo", "/oauth/token/info"]
                .map(|path| format!("{at}{path}"))
        );
        let [route] = service.routes.as_slice() else {
            panic!("{:?}", service.routes)
        };
        assert_eq!(route.host, HostPattern::Exact(host.to_owned()));
        assert_eq!(
            (route.scheme, route.port, route.path_prefix.as_str()),
            (Scheme::Https, port, prefix)
        );
        assert_eq!(route.to_string(), at);
    }
}

#[test]
fn injects_where_gitlab_reads_it() {
    let bearer = || Some(Shape::Bearer);
    for (path, expected) in [
        ("/api/v4/user", bearer()),
        (
            "/api/v4/projects/g%2Fp/repository/files/x.git%2Finfo/raw",
            bearer(),
        ),
        ("/api/graphql", bearer()),
        ("/api/v4/x.git/info/refs", bearer()),
        ("/g/p.git/info/refs", Some(basic())),
        ("/g/sub/sub/p.wiki.git/git-upload-pack", Some(basic())),
        ("/g/p.git/git-receive-pack", Some(basic())),
        ("/snippets/1.git/info/refs", Some(basic())),
        ("/g/p.git/info/lfs/objects/batch", Some(basic())),
        ("/g/p.git/info/lfs/locks/1/unlock", Some(basic())),
        ("/g/p.git/gitlab-lfs/objects/0123abcd/12", Some(basic())),
        ("/g/p/-/archive/main/p-main.zip", bearer()),
        ("/g/p.atom", bearer()),
        ("/dashboard/projects.atom", bearer()),
        ("/g/p/-/issues.ics", bearer()),
        ("/g/p/-/releases/v1/downloads/a.bin", bearer()),
        ("/g/p/-/releases/permalink/latest/downloads/a.bin", bearer()),
        ("/g/p/-/commits/main?format=atom", None),
        ("/g/p/-/issues?state=opened&format=ics", bearer()),
        ("/-/cable", bearer()),
        ("/g/p?go-get=1", Some(basic())),
        ("/g/sub/p/pkg/deep?go-get=1", Some(basic())),
        ("/g/p.git?go-get=1", Some(basic())),
        // The web UI, and paths that only look like git's.
        ("/", None),
        ("/g/p", None),
        ("/g/p?go-get=0", None),
        ("/g/p?x=go-get=1", None),
        ("/g/p?format=html", None),
        ("/g/p/-/cable", None),
        ("/g/p/-/blob/main/downloads/a.bin", None),
        ("/oauth/token?go-get=1", None),
        ("/g/p/info/refs", None),
        ("/g/p/-/blob/main/info/refs", None),
        ("/g/p/-/blob/main/x.git/info/refs", None),
        ("/g/p/-/raw/main/git-upload-pack", None),
        ("/g/p.git", None),
        ("/g/p.git/info/lfs/", None),
        ("/g/p.git/hooks/info/refs", None),
        ("/users/sign_in", None),
        ("/-/user_settings/personal_access_tokens", None),
        ("/apix/v4/user", None),
        ("/jwt/auth", None),
        // Requests to the OAuth endpoints authenticate themselves.
        ("/oauth/authorize", None),
        ("/oauth/token", None),
        ("/oauth/userinfo", None),
    ] {
        assert_eq!(shape(&service(None), path), expected, "{path}");
    }
}

#[test]
fn injects_outside_of_the_api_only_where_nothing_is_changed() {
    let service = service(None);
    for (target, head) in [
        ("/g/p/-/archive/main/p-main.zip", true),
        ("/g/p.atom", true),
        ("/g/p/-/issues.ics", true),
        ("/g/p/-/issues?format=ics", true),
        ("/g/p/-/releases/v1/downloads/a.bin", true),
        ("/g/p?go-get=1", true),
        ("/-/cable", false),
    ] {
        assert!(shape_of(&service, "GET", target).is_some(), "{target}");
        assert_eq!(
            shape_of(&service, "HEAD", target).is_some(),
            head,
            "{target}"
        );
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            assert_eq!(
                shape_of(&service, method, target),
                None,
                "{method} {target}"
            );
        }
    }
    for (method, target) in [
        ("POST", "/g/p.git/git-receive-pack"),
        ("PUT", "/g/p.git/gitlab-lfs/objects/0123abcd/12"),
        ("POST", "/api/graphql"),
        ("DELETE", "/api/v4/projects/1"),
    ] {
        assert!(
            shape_of(&service, method, target).is_some(),
            "{method} {target}"
        );
    }
}

#[test]
fn injects_below_a_relative_root_only() {
    let service = service(Some("https://acme.com/gitlab"));
    for (path, expected) in [
        ("/gitlab/api/v4/user", Some(Shape::Bearer)),
        ("/gitlab/g/p.git/info/refs", Some(basic())),
        ("/api/v4/user", None),
        ("/gitlab-ci/api/v4/user", None),
        ("/gitlab/oauth/token", None),
    ] {
        assert_eq!(shape(&service, path), expected, "{path}");
    }
    let [route] = service.routes.as_slice() else {
        panic!()
    };
    assert!(route.matches(Scheme::Https, "ACME.com", 443, "/gitlab/api"));
    assert!(!route.matches(Scheme::Https, "acme.com", 443, "/gitlab-ci"));
    assert!(!route.matches(Scheme::Http, "acme.com", 443, "/gitlab/api"));
    assert!(!route.matches(Scheme::Https, "acme.com", 8443, "/gitlab/api"));
}

#[test]
fn knows_its_oauth_endpoints() {
    for base in [None, Some("https://acme.com/gitlab")] {
        let service = service(base);
        for path in [
            "/oauth/authorize",
            "/oauth/authorize/native",
            "/oauth/token",
            "/oauth/token/",
            "/oauth/token.json",
            "/oauth/revoke",
            "/oauth/introspect",
            "/oauth/register",
            "/oauth/device",
            "/oauth/authorize_device",
        ] {
            assert!(service.rules.is_oauth_endpoint(path), "{path}");
        }
        for path in [
            "/oauth/userinfo",
            "/oauth",
            "/api/v4/user",
            "/oauth/tokens_of_a_project",
            "/",
        ] {
            assert!(!service.rules.is_oauth_endpoint(path), "{path}");
        }
    }
}

#[test]
fn lists_its_carriers() {
    let service = service(None);
    let carriers = service.rules.carriers();
    assert_eq!(
        carriers.headers,
        [
            "authorization",
            "private-token",
            "job-token",
            "deploy-token"
        ]
    );
    assert_eq!(
        carriers.query,
        ["private_token", "access_token", "bearer_token", "job_token"]
    );
    for fields in [&carriers.form, &carriers.json] {
        for name in ["private_token", "access_token", "refresh_token", "token"] {
            assert!(fields.iter().any(|field| field == name), "{name}");
        }
    }
}
