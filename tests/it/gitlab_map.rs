//! Where a request to GitLab gets the token, where it gets none, and which are denied: through the
//! binary, as a child meets it.

use authsome_test_support::{Arrived, FakeGitLab, Pair};
use serde_json::Value;

use crate::kit::client::{authority, python};
use crate::kit::{PLACEHOLDER, Setup, World};

/// Asks each head on a connection of its own, and tells what came back; a HEAD has no body.
const ASK_EACH: &str = r#"
target = sys.argv[1]
for head in sys.argv[2:]:
    peer = managed(target)
    line, *fields = head.split("\n")
    fields = "".join(field + "\r\n" for field in fields)
    peer.send(f"{line} HTTP/1.1\r\nHost: {target}\r\n{fields}\r\n")
    if line.startswith("HEAD "):
        status, headers = peer.head()
        say({"status": status, "headers": headers, "body": ""})
    else:
        say(peer.response())
"#;

/// A run that sends those heads (the request line's method and target, then fields) to a GitLab;
/// what it was answered.
fn ask(world: &World, gitlab: &FakeGitLab, heads: &[String]) -> Vec<Value> {
    let mut arguments = vec![authority(gitlab)];
    arguments.extend_from_slice(heads);
    let told = python(world, &[], ASK_EACH, &arguments);
    assert_eq!(told.len(), heads.len(), "{told:?}");
    told
}

fn connected() -> (World, FakeGitLab, Pair) {
    let Setup {
        world,
        gitlab,
        pair,
        ..
    } = Setup::connected();
    (world, gitlab, pair)
}

fn bearer(pair: &Pair) -> Arrived {
    let token = pair.access.clone();
    Arrived::Bearer { token }
}

fn basic(pair: &Pair) -> Arrived {
    Arrived::Basic {
        user: "oauth2".to_owned(),
        password: pair.access.clone(),
    }
}

#[test]
fn a_token_goes_where_gitlab_takes_one_and_nowhere_else() {
    let (world, gitlab, pair) = connected();
    let expected = [
        ("GET /g/p?go-get=1", basic(&pair)),
        ("HEAD /g/p/deep?go-get=1&x=y", basic(&pair)),
        ("GET /g/p", Arrived::None),
        ("GET /g/p?go-get=0", Arrived::None),
        ("POST /g/p?go-get=1", Arrived::None),
        ("GET /g/p/-/commits/main?format=atom", Arrived::None),
        ("HEAD /g/p/-/issues?format=ics", bearer(&pair)),
        ("POST /g/p/-/commits/main.atom", Arrived::None),
        ("DELETE /g/p/-/issues.ics", Arrived::None),
        ("GET /g/p/-/issues.ics", bearer(&pair)),
        ("GET /g/p/-/releases/v1/downloads/a.bin", bearer(&pair)),
        ("PUT /g/p/-/releases/v1/downloads/a.bin", Arrived::None),
        ("GET /g/p/-/archive/main/p-main.zip", bearer(&pair)),
        ("POST /g/p/-/archive/main/p-main.zip", Arrived::None),
        ("POST /-/cable", Arrived::None),
    ];
    let heads = expected.each_ref().map(|(head, _)| (*head).to_owned());
    for told in ask(&world, &gitlab, &heads) {
        assert_eq!(told["headers"]["authsome-error"], Value::Null, "{told}");
    }
    let seen = gitlab.seen();
    assert_eq!(seen.len(), expected.len());
    for (seen, (head, credential)) in seen.iter().zip(&expected) {
        assert_eq!(seen.credential, *credential, "{head}");
    }
}

#[test]
fn the_websocket_of_the_web_interface_opens_with_the_token_where_its_rule_is_lifted() {
    let (world, gitlab, pair) = connected();
    let program = r#"
target = sys.argv[1]
peer = managed(target)
peer.send(f"GET /-/cable HTTP/1.1\r\nHost: {target}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: https://{target}/\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
status, _ = peer.head()
peer.send(frame(1, b"hello"))
say({"status": status, "same": read_frame(peer) == (1, b"hello")})
"#;
    let lifted = ["--allow", "gitlab/websocket"];
    let told = python(&world, &lifted, program, &[authority(&gitlab)]);
    assert_eq!(
        (&told[0]["status"], &told[0]["same"]),
        (&101.into(), &true.into())
    );
    assert_eq!(gitlab.seen()[0].credential, bearer(&pair));
}

/// Programs send their token with each request, to pages as well, and are served there as if they
/// had none.
#[test]
fn a_carrier_with_the_placeholder_is_taken_off_where_no_credential_goes() {
    let (world, gitlab, _) = connected();
    let page = "GET /-/user_settings/applications";
    let basic = "YWRhOmF1dGhzb21lLXByb3h5LW1hbmFnZWQ="; // ada and the placeholder
    let heads = [
        format!("{page}\nAuthorization: Bearer {PLACEHOLDER}"),
        format!("{page}\nAuthorization: Basic {basic}"),
        format!("{page}\nPRIVATE-TOKEN: {PLACEHOLDER}\njob-token: {PLACEHOLDER}"),
        format!("{page}?a=b&private_token={PLACEHOLDER}"),
        format!("{page}?a=b&access_token=authsome%2Dproxy-managed"),
        format!("GET /public\nPRIVATE-TOKEN: {PLACEHOLDER}"),
        format!(
            "GET /oauth/authorize?client_id=x&response_type=code\nAuthorization: Bearer {PLACEHOLDER}"
        ),
    ];
    for (told, head) in ask(&world, &gitlab, &heads).iter().zip(&heads) {
        assert_eq!(
            told["headers"]["authsome-error"],
            Value::Null,
            "{head}: {told}"
        );
    }
    let seen = gitlab.seen();
    assert_eq!(seen.len(), heads.len());
    assert!(
        seen.iter().all(|seen| seen.credential == Arrived::None),
        "{seen:?}"
    );
    let queries: Vec<_> = seen
        .iter()
        .filter_map(|seen| seen.query.as_deref())
        .collect();
    assert_eq!(queries[..2], ["a=b", "a=b"]);
    assert!(!format!("{seen:?}").contains("proxy-managed"), "{seen:?}");
}

#[test]
fn a_credential_of_the_programs_own_stays_where_none_of_ours_goes() {
    let (world, gitlab, _) = connected();
    let heads = [
        "GET /public\nAuthorization: Bearer mine".to_owned(),
        format!("GET /public?job_token=mine\nPRIVATE-TOKEN: {PLACEHOLDER}"),
    ];
    ask(&world, &gitlab, &heads);
    let seen: Vec<_> = gitlab
        .seen()
        .into_iter()
        .map(|seen| seen.credential)
        .collect();
    let token = || "mine".to_owned();
    let name = "job_token".to_owned();
    let (bearer, query) = (
        Arrived::Bearer { token: token() },
        Arrived::Query {
            name,
            token: token(),
        },
    );
    assert_eq!(seen, [bearer, query]);
}

/// A place that is no carrier is refused there as everywhere.
#[test]
fn a_placeholder_elsewhere_in_a_head_is_refused_where_no_credential_goes() {
    let (world, gitlab, _) = connected();
    let heads = [
        format!("GET /public\nX-Token: {PLACEHOLDER}"),
        format!("GET /public\nCookie: t={PLACEHOLDER}"),
        format!("GET /public?t={PLACEHOLDER}"),
        format!("GET /{PLACEHOLDER}/public"),
        format!("GET /public?t={PLACEHOLDER}\nPRIVATE-TOKEN: {PLACEHOLDER}"),
    ];
    for told in ask(&world, &gitlab, &heads) {
        assert_eq!(told["status"], 400, "{told}");
        assert_eq!(told["headers"]["authsome-error"], "placeholder", "{told}");
    }
    assert!(gitlab.seen().is_empty());
}

#[test]
fn what_shows_a_credential_or_lets_somebody_in_is_denied() {
    let (world, gitlab, _) = connected();
    let denied = [
        ("POST /api/v4/token_exchange", "token-exchange"),
        ("GET /api/v4/user/support_pin", "support-pin"),
        ("GET /api/v4/projects/g%2Fp/variables", "ci-variable"),
        ("GET /api/v4/groups/7/variables/KEY", "ci-variable"),
        (
            "GET /api/v4/projects/7/secure_files/1/download",
            "secure-file",
        ),
        (
            "GET /api/v4/projects/7/terraform/state/main",
            "terraform-state",
        ),
        ("GET /api/v4/projects/7/triggers", "pipeline-trigger"),
        ("POST /api/v4/user/emails", "email"),
        ("POST /api/v4/projects/7/members", "member"),
        ("POST /api/v4/projects/7/invitations", "invitation"),
        ("POST /api/v4/projects/7/share", "share"),
        ("POST /api/v4/projects/7/hooks", "webhook"),
        ("POST /api/v4/projects/7/remote_mirrors", "remote-mirror"),
        (
            "PATCH /api/v4/projects/7/job_token_scope",
            "job-token-scope",
        ),
        // Rails takes it for a GET.
        (
            "POST /api/v4/projects/7/variables\nX-HTTP-Method-Override: GET",
            "ci-variable",
        ),
    ];
    let heads = denied.map(|(head, _)| format!("{head}\nContent-Length: 0"));
    for (told, (head, rule)) in ask(&world, &gitlab, &heads).iter().zip(denied) {
        assert_eq!(told["status"], 403, "{head}: {told}");
        let body: Value = serde_json::from_str(told["body"].as_str().unwrap()).unwrap();
        let named = |field: &str, text: &str| body[field].as_str().unwrap().contains(text);
        assert!(named("message", rule), "{head}: {body}");
        assert!(named("hint", &format!("gitlab/{rule}")), "{head}: {body}");
    }
    assert!(gitlab.seen().is_empty());
}

#[test]
fn a_base_url_for_an_origin_is_no_other_origin() {
    let (world, gitlab, pair) = connected();
    let target = authority(&gitlab);
    let with = |origin: &str| format!("GET /api/v4/user\nOrigin: {origin}");
    let own = [
        with(&format!("https://{target}")),
        with(&format!("https://{target}/")),
        with(&format!("https://{target}/group/project")),
    ];
    for told in ask(&world, &gitlab, &own) {
        assert_eq!(told["status"], 200, "{told}");
    }
    let seen = gitlab.seen();
    assert!(
        seen.iter().all(|seen| seen.credential == bearer(&pair)),
        "{seen:?}"
    );
    gitlab.clear_seen();
    let others = [
        with(&format!("https://evil.test/{target}")),
        with(&format!("https://{target}@evil.test/")),
        with(&format!("http://{target}/")),
    ];
    for told in ask(&world, &gitlab, &others) {
        assert_eq!(told["status"], 403, "{told}");
    }
    assert!(gitlab.seen().is_empty());
}
