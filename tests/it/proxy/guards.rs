//! What is managed and gets no credential, and what a definition denies.

use authsome_test_support::Arrived;

use crate::kit::Setup;
use crate::kit::client::{configure, fetch};

#[test]
fn oauth_endpoints_and_web_pages_get_no_credential() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let calls: [(&str, &[&str]); 6] = [
        ("/oauth/authorize?client_id=x&response_type=code", &[]),
        (
            "/oauth/token",
            &["-d", "grant_type=refresh_token&refresh_token=x&client_id=y"],
        ),
        ("/oauth/revoke", &["-d", "token=x&client_id=y"]),
        ("/-/user_settings/applications", &[]),
        ("/", &[]),
        ("/public", &[]),
    ];
    for (path, words) in calls {
        gitlab.clear_seen();
        let url = format!("{}{path}", gitlab.base_url());
        let words: Vec<_> = words.iter().copied().chain([url.as_str()]).collect();
        let response = fetch(&world, &[], &words);
        assert_eq!(
            response.header("authsome-error"),
            None,
            "{path}: {}",
            response.text()
        );
        let seen = gitlab.seen();
        assert_eq!(seen.len(), 1, "{path}");
        assert_eq!(seen[0].credential, Arrived::None, "{path}");
    }
}

#[test]
fn a_guarded_request_is_denied_by_its_rule_in_every_spelling() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let paths = [
        "/api/v4/projects/1/access_tokens",
        "/api/v4/projects/1/access_tokens.json",
        "/api/v4/projects/1/access_tokens/",
        "/api/v4/projects/1/access_tokens?x=y",
        "/api/v4/projects/1/%61ccess_tokens",
        "/api/v4/projects/1/access_tokens%2Ejson",
        "/api/v4/projects/group%2Fprivate/access_tokens",
        "//api/v4/projects/1/access_tokens",
        "/api/v4//projects/1/access_tokens",
    ];
    for path in paths {
        for version in ["--http1.1", "--http2"] {
            let url = format!("{}{path}", gitlab.base_url());
            let response = fetch(
                &world,
                &[],
                &[version, "--path-as-is", "--json", "{}", &url],
            );
            let told = response.expect_ours(403, "denied");
            assert!(
                told["message"]
                    .as_str()
                    .unwrap()
                    .contains("project-access-token"),
                "{path}: {told}"
            );
            assert!(
                told["hint"]
                    .as_str()
                    .unwrap()
                    .contains("gitlab/project-access-token"),
                "{path}: {told}"
            );
        }
    }
    assert!(gitlab.seen().is_empty());
}

#[test]
fn a_guarded_request_goes_out_once_the_user_allows_its_rule() {
    let Setup {
        world,
        gitlab,
        pair,
        ..
    } = Setup::connected();
    configure(
        &world,
        "[guard]\nallow = [\"gitlab/project-access-token\"]\n",
    );
    let url = format!("{}/api/v4/projects/1/access_tokens", gitlab.base_url());
    assert_eq!(fetch(&world, &[], &["--json", "{}", &url]).status, 201);
    assert_eq!(
        gitlab.seen()[0].credential,
        Arrived::Bearer { token: pair.access }
    );
    let other = format!("{}/api/v4/projects/1/deploy_tokens", gitlab.base_url());
    fetch(&world, &[], &["--json", "{}", &other]).expect_ours(403, "denied");
}
