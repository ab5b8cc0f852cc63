//! Odd responses: a pair that was issued is kept however the response is spelled, and a 401's
//! reason is read wherever it stands.
use std::time::Duration;

use authsome_test_support::{Endpoint, FakeGitLab, Fault, Pair, Seen, Spelling};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::kit::{Outcome, Setup, World};

// ---- the token endpoint ----

fn spellings() -> Vec<Spelling> {
    let spelling = Spelling::default;
    let field = |name, value| Spelling {
        fields: vec![(name, value)],
        ..spelling()
    };
    vec![
        field("expires_in", Some(json!("soon"))),
        field("expires_in", Some(json!(-5))),
        field("expires_in", Some(json!(1.5e300))),
        field("expires_in", Some(json!({ "seconds": 7200 }))),
        field("token_type", None),
        field("token_type", Some(json!(["bearer"]))),
        field("token_type", Some(json!("access_token"))),
        field("scope", Some(json!(["api", "read_user"]))),
        field("scope", Some(json!({ "api": true }))),
        field("error", Some(json!(""))),
        Spelling {
            status: 201,
            ..spelling()
        },
        Spelling {
            before: "\u{feff}",
            ..spelling()
        },
        Spelling {
            content_type: "text/html; charset=utf-8",
            ..spelling()
        },
        Spelling {
            content_type: "application/x-www-form-urlencoded",
            form: true,
            ..spelling()
        },
    ]
}

#[test]
fn a_refreshed_pair_is_kept_however_the_response_is_spelled() {
    for spelling in spellings() {
        let (world, gitlab) = Setup::unconnected();
        world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
        gitlab.fault(Endpoint::Token, Fault::Respell(spelling.clone()), 1);
        let outcome = world.call(["export", "gitlab"]);
        assert_eq!(outcome.code, Some(0), "{spelling:?}: {}", outcome.stderr);
        assert_eq!(gitlab.token_requests(), 1, "{spelling:?}");
        assert_eq!(
            gitlab.live_pairs(),
            [pair(&world, "default")],
            "{spelling:?}"
        );
    }
}

#[test]
fn a_login_takes_a_response_however_it_is_spelled() {
    let gitlab = FakeGitLab::start();
    let app = gitlab.register_app(true);
    let world = World::new();
    for (number, spelling) in spellings().into_iter().enumerate() {
        gitlab.fault(Endpoint::Token, Fault::Respell(spelling.clone()), 1);
        let name = format!("n{number}");
        let outcome = world.login(&gitlab, &app, &["--connection", &name]);
        assert_eq!(outcome.code, Some(0), "{spelling:?}: {}", outcome.stderr);
        assert_eq!(
            gitlab.live_pairs().last(),
            Some(&pair(&world, &name)),
            "{spelling:?}"
        );
    }
}

#[test]
fn what_an_odd_response_says_is_used_where_it_makes_sense() {
    for (value, expected) in [
        (json!("7200"), Some(Duration::from_hours(2))),
        (json!(7200.5), Some(Duration::from_hours(2))),
        (json!("soon"), None),
        (json!(-1), None),
        (json!(0), None),
    ] {
        let (world, gitlab) = Setup::unconnected();
        world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
        let spelling = Spelling {
            fields: vec![
                ("expires_in", Some(value.clone())),
                ("scope", Some(json!(["api"]))),
            ],
            ..Spelling::default()
        };
        gitlab.fault(Endpoint::Token, Fault::Respell(spelling), 1);
        world.call(["export", "gitlab"]).expect(0);
        let tokens = world.stored("default").tokens;
        assert_eq!(tokens.lifetime(), expected, "{value}");
        assert_eq!(tokens.scopes, ["api"]);
        // The end that is not known is not an end: nobody refreshes at each request.
        world.call(["export", "gitlab"]).expect(0);
        assert_eq!(gitlab.refreshes(), 1, "{value}");
    }
}

#[test]
fn a_refusal_with_the_status_of_a_success_is_one() {
    let (world, gitlab) = Setup::unconnected();
    world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    let spelling = Spelling {
        fields: vec![
            ("access_token", None),
            ("error", Some(json!("invalid_client"))),
        ],
        ..Spelling::default()
    };
    gitlab.fault(Endpoint::Token, Fault::Respell(spelling), 1);
    let outcome = world.call(["export", "gitlab"]).expect(5);
    assert!(
        outcome.stderr.contains("refused: invalid_client"),
        "{}",
        outcome.stderr
    );
    assert_eq!(gitlab.token_requests(), 1);
}

fn pair(world: &World, name: &str) -> Pair {
    let tokens = world.stored(name).tokens;
    Pair {
        access: tokens.access.expose().clone(),
        refresh: tokens.refresh.unwrap().expose().clone(),
    }
}

// ---- a 401 of the API ----

/// `{"error":"invalid_token"}` in the codings that clients ask for.
const GZIP: &str = "H4sIAAAAAAAAA6tWSi0qyi9SslLKzCtLzMlMiS/Jz07NU6oFAIKWFGUZAAAA";
const DEFLATE: &str = "eJyrVkotKsovUrJSyswrS8zJTIkvyc9OzVOqBQB2cAlM";
const BROTLI: &str = "CwyAeyJlcnJvciI6ImludmFsaWRfdG9rZW4ifQM=";
const ZSTD: &str = "KLUv/QRoyQAAeyJlcnJvciI6ImludmFsaWRfdG9rZW4ifTt7xiQ=";

fn refusals() -> Vec<Fault> {
    let json = ("content-type", "application/json");
    let coded = |coding, body: &str| Fault::Refuse {
        fields: vec![json, ("content-encoding", coding)],
        body: STANDARD.decode(body).unwrap(),
    };
    let challenged = |challenge| Fault::Refuse {
        fields: vec![
            ("www-authenticate", challenge),
            ("content-type", "text/html"),
        ],
        body: b"<html>Unauthorized</html>".to_vec(),
    };
    let basic = ("www-authenticate", "Basic realm=\"GitLab\"");
    vec![
        challenged(
            "Bearer realm=\"x\", error=\"invalid_token\", error_description=\"Token is expired\"",
        ),
        challenged("Bearer error=invalid_token"),
        challenged("Basic realm=\"x\", Bearer error=\"invalid_token\""),
        Fault::Refuse {
            fields: vec![basic, ("www-authenticate", "DPoP error=\"invalid_token\"")],
            body: Vec::new(),
        },
        coded("gzip", GZIP),
        coded("deflate", DEFLATE),
        coded("br", BROTLI),
        coded("zstd", ZSTD),
        Fault::Refuse {
            fields: vec![("content-type", "Application/Problem+JSON")],
            body: br#"{"error":"invalid_token"}"#.to_vec(),
        },
    ]
}

#[test]
fn the_reason_of_a_401_is_read_wherever_it_stands() {
    for refusal in refusals() {
        for http in ["--http1.1", "--http2"] {
            // A new token: for want of a reason it would be sent again and again, in case that a
            // replica lags.
            let Setup { world, gitlab, .. } = Setup::connected();
            gitlab.fault(Endpoint::Api, refusal.clone(), 1);
            let response = call(&world, &gitlab, http).expect(0);
            assert_eq!(response.json()["username"], "ada", "{refusal:?} {http}");
            assert_eq!(gitlab.refreshes(), 1, "{refusal:?} {http}");
            let calls = gitlab.seen().into_iter().filter(is_of_the_api).count();
            assert_eq!(calls, 2, "{refusal:?} {http}");
        }
    }
}

#[test]
fn a_401_that_is_not_about_the_token_reaches_the_client_as_it_came() {
    let (world, gitlab) = Setup::unconnected();
    world.connect_as("default", &gitlab, &gitlab.base_url(), 3600);
    let refusal = Fault::Refuse {
        fields: vec![
            ("content-type", "application/json"),
            ("content-encoding", "gzip"),
        ],
        body: STANDARD.decode(GZIP).unwrap()[..20].to_vec(), // it breaks off
    };
    gitlab.fault(Endpoint::Api, refusal, 100);
    let url = format!("{}/api/v4/user", gitlab.base_url());
    // As it came, where it is not searched for secrets.
    let response = world
        .call([
            "run",
            "--scrub",
            "headers",
            "--",
            "sh",
            "-c",
            "curl -sS \"$0\" | od -An -tx1 | tr -d ' \\n'",
            &url,
        ])
        .expect(0);
    let whole = STANDARD.decode(GZIP).unwrap();
    let hexadecimal = |text: String, byte: &u8| format!("{text}{byte:02x}");
    let expected = whole[..20].iter().fold(String::new(), hexadecimal);
    assert_eq!(response.stdout, expected);
}

fn is_of_the_api(seen: &Seen) -> bool {
    seen.path == "/api/v4/user"
}

fn call(world: &World, gitlab: &FakeGitLab, http: &str) -> Outcome {
    let url = format!("{}/api/v4/user", gitlab.base_url());
    world.run(["curl", "-sS", "--fail-with-body", http, &url])
}
