//! Each fault, as curl meets it.

use std::time::{Duration, Instant};

use crate::common::{Reply, curl, get, post};
use authsome_test_support::{App, Endpoint, FakeGitLab, Fault, Pair};

struct Bench {
    gitlab: FakeGitLab,
    app: App,
    pair: Pair,
}

impl Bench {
    fn new() -> Self {
        let gitlab = FakeGitLab::start();
        let app = gitlab.register_app(false);
        let pair = gitlab.issue_tokens(&app, "api");
        Self { gitlab, app, pair }
    }

    fn refresh_under(&self, fault: Fault) -> Reply {
        self.gitlab.fault(Endpoint::Token, fault, 1);
        self.refresh(&self.pair.refresh)
    }

    fn refresh(&self, token: &str) -> Reply {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", self.app.client_id.as_str()),
        ];
        post(&self.gitlab, "/oauth/token", &form)
    }
}

/// The exit codes curl has for a response that never came or broke off: over HTTP/2 it says 16, 55
/// or 92 where over HTTP/1.1 it says 18, 52 or 56.
fn broken(reply: &Reply) -> bool {
    [16, 18, 52, 55, 56, 92].contains(&reply.exit)
}

#[test]
fn without_an_effect_the_old_pair_lives_on() {
    let bench = Bench::new();
    for fault in [Fault::Reset, Fault::Close] {
        let reply = bench.refresh_under(fault);
        assert!(broken(&reply), "{reply:?}");
    }
    let limited = bench.refresh_under(Fault::Status {
        code: 429,
        retry_after: Some(7),
    });
    assert_eq!(
        (limited.status(), limited.header("retry-after")),
        (429, Some("7"))
    );
    let malformed = bench.refresh_under(Fault::MalformedJson);
    assert!(serde_json::from_slice::<serde_json::Value>(&malformed.body).is_err());
    let page = bench.refresh_under(Fault::HtmlPage);
    assert!(
        page.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    let moved = bench.refresh_under(Fault::Redirect("https://elsewhere.test/".to_owned()));
    assert_eq!(moved.header("location"), Some("https://elsewhere.test/"));
    assert!(bench.refresh_under(Fault::Huge).body.len() > 10 * 1024 * 1024);
    let lagging = bench.refresh_under(Fault::InvalidGrantOnce);
    assert_eq!(
        (lagging.status(), lagging.json()["error"].as_str()),
        (400, Some("invalid_grant"))
    );
    assert!(bench.gitlab.is_live(&bench.pair.access));
    assert_eq!(
        (bench.gitlab.refreshes(), bench.gitlab.token_requests()),
        (0, 8)
    );
}

#[test]
fn a_lost_response_and_half_a_body_have_had_their_effect() {
    let bench = Bench::new();
    let reply = bench.refresh_under(Fault::LostResponse);
    assert!(broken(&reply) && reply.body.is_empty(), "{reply:?}");
    assert!(!bench.gitlab.is_live(&bench.pair.access));
    let next = bench.gitlab.live_pairs().remove(0);
    bench.gitlab.fault(Endpoint::Any, Fault::HalfBody, 1);
    let half = bench.refresh(&next.refresh);
    assert!(broken(&half) && !half.body.is_empty(), "{half:?}");
    assert_eq!(bench.gitlab.refreshes(), 2);
}

#[test]
fn over_http_1_each_cut_has_its_own_mark() {
    let bench = Bench::new();
    let bearer = format!("Authorization: Bearer {}", bench.pair.access);
    // curl's exit codes: 18 partial file, 52 empty reply, 56 connection reset.
    let marks = [
        (Fault::Close, 52),
        (Fault::HalfBody, 18),
        (Fault::LostResponse, 52),
        (Fault::Reset, 56),
    ];
    for (fault, mark) in marks {
        bench.gitlab.fault(Endpoint::Api, fault.clone(), 1);
        let reply = curl(&bench.gitlab, "/api/v4/user", &["--http1.1", "-H", &bearer]);
        assert_eq!(reply.exit, mark, "{fault:?}: {reply:?}");
    }
}

#[test]
fn the_token_response_can_lack_or_bend_its_fields() {
    let bench = Bench::new();
    let kept = bench.refresh_under(Fault::NoRefreshToken).json();
    assert!(kept.get("refresh_token").is_none() && kept.get("access_token").is_some());
    let bent = bench.refresh_under(Fault::StringExpiresIn).json();
    assert_eq!(bent["expires_in"], "7200");
    bench.gitlab.fault(Endpoint::Token, Fault::NoExpiresIn, 1);
    let lacking = bench
        .refresh(bent["refresh_token"].as_str().unwrap())
        .json();
    assert!(lacking.get("expires_in").is_none());
}

#[test]
fn a_stall_waits_before_or_after_the_effect() {
    let bench = Bench::new();
    let wait = Duration::from_millis(150);
    for fault in [Fault::Stall(wait), Fault::StallAfter(wait)] {
        let started = Instant::now();
        bench.gitlab.fault(Endpoint::Api, fault, 1);
        assert_eq!(
            get(&bench.gitlab, "/api/v4/user", &bench.pair.access).status(),
            200
        );
        assert!(started.elapsed() >= wait);
    }
    bench.gitlab.fault(Endpoint::Api, Fault::Stall(wait), 9);
    bench.gitlab.clear_faults();
    let started = Instant::now();
    get(&bench.gitlab, "/api/v4/user", &bench.pair.access);
    assert!(started.elapsed() < wait * 5);
}

#[test]
fn a_refused_port_stays_ours_and_opens_again() {
    let bench = Bench::new();
    let status = || get(&bench.gitlab, "/api/v4/user", &bench.pair.access);
    bench.gitlab.refuse(true);
    assert_eq!(status().exit, 7);
    bench.gitlab.refuse(true);
    bench.gitlab.refuse(false);
    assert_eq!(status().status(), 200);
    bench.gitlab.disconnect();
    assert_eq!(status().status(), 200);
}
