//! Which scopes requests need, by the bundled definitions.

use std::collections::BTreeSet;

use authsome_providers::{Catalog, Provider};

fn provider(name: &str) -> std::sync::Arc<Provider> {
    Catalog::new(None)
        .get(&name.parse().unwrap())
        .unwrap()
        .provider
}

#[test]
fn the_smallest_scope_of_a_request_at_gitlab() {
    let gitlab = provider("gitlab");
    for (method, path, expected) in [
        ("GET", "/api/v4/user", Some("read_user")),
        ("GET", "/api/v4/projects/42/issues", Some("read_api")),
        ("POST", "/api/v4/projects/42/issues", Some("api")),
        ("PUT", "/api/v4/user", Some("api")),
        ("GET", "/api/graphql", Some("read_api")),
        ("POST", "/api/graphql", Some("api")),
        (
            "GET",
            "/api/v4/projects/42/repository/files/a%2Fb",
            Some("read_repository"),
        ),
        ("GET", "/g/p.git/info/refs", Some("read_repository")),
        ("POST", "/g/p.git/git-upload-pack", Some("read_repository")),
        (
            "POST",
            "/g/s/p.git/git-receive-pack",
            Some("write_repository"),
        ),
        ("GET", "/g/p/-/archive/main/p.zip", None),
    ] {
        let found = gitlab.scope_rules.scope_of("gitlab.com", method, path);
        assert_eq!(found, expected, "{method} {path}");
    }
}

#[test]
fn the_smallest_scope_of_a_request_at_github() {
    let github = provider("github");
    for (host, method, path, expected) in [
        ("api.github.com", "GET", "/user", Some("read:user")),
        ("api.github.com", "GET", "/repos/a/b/issues", Some("repo")),
        ("api.github.com", "GET", "/repos/a/b", Some("repo")),
        (
            "api.github.com",
            "DELETE",
            "/repos/a/b",
            Some("delete_repo"),
        ),
        ("api.github.com", "GET", "/orgs/a/members", Some("read:org")),
        ("api.github.com", "PUT", "/orgs/a/memberships/b", None),
        ("api.github.com", "POST", "/graphql", None),
        (
            "github.com",
            "POST",
            "/a/b.git/git-receive-pack",
            Some("repo"),
        ),
        ("github.com", "GET", "/user", None),
    ] {
        let found = github.scope_rules.scope_of(host, method, path);
        assert_eq!(found, expected, "{method} {host}{path}");
    }
}

#[test]
fn a_scope_that_another_one_includes_is_left_out() {
    let rules = &provider("gitlab").scope_rules;
    for (all, expected) in [
        (&["read_user", "read_api"][..], &["read_api"][..]),
        (
            &[
                "api",
                "read_api",
                "read_user",
                "write_repository",
                "read_repository",
            ],
            &["api", "write_repository"],
        ),
        (&["read_user"], &["read_user"]),
        (&[], &[]),
    ] {
        let all: BTreeSet<_> = all.iter().copied().collect();
        assert_eq!(rules.smallest(&all), expected);
    }
    assert!(provider("openai").scope_rules.is_empty());
}
