//! Tokens that have ended, and what is known of them.

use std::time::Duration;

use authsome::clock::Timestamp;
use authsome::connection::{GrantState, Tokens};
use authsome_test_support::{Arrived, FakeGitLab, Pair, Seen};

use crate::kit::{Setup, World, id};

/// Far beyond what any awaited event takes, so that a test which waits in vain ends.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// A connection whose token has expired, by the vault's and by the server's reckoning.
pub(crate) fn expired() -> (World, FakeGitLab) {
    let (world, gitlab) = Setup::unconnected();
    world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    gitlab.expire_access_tokens();
    (world, gitlab)
}

/// A connection whose token only the server takes for expired.
pub(crate) fn expired_at_the_server() -> (World, FakeGitLab) {
    let (world, gitlab) = Setup::unconnected();
    world.connect_as("default", &gitlab, &gitlab.base_url(), 3600);
    gitlab.expire_access_tokens();
    (world, gitlab)
}

/// Lets the vault's token end in that many seconds, whatever the server thinks.
pub(crate) fn age(world: &World, seconds: u64) {
    let store = world.store();
    let stored = store.load(&id("default")).unwrap().unwrap();
    let now = Timestamp::now().seconds();
    let mut connection = stored.connection;
    connection.tokens = Tokens {
        obtained_at: Timestamp::from_seconds(now - 7200),
        expires_at: Some(Timestamp::from_seconds(now + seconds)),
        ..connection.tokens
    };
    connection.standing = GrantState::Good;
    store.replace(&connection, stored.generation).unwrap();
}

/// The pair in the vault.
pub(crate) fn pair(world: &World) -> Pair {
    let tokens = world.stored("default").tokens;
    Pair {
        access: tokens.access.expose().clone(),
        refresh: tokens.refresh.unwrap().expose().clone(),
    }
}

pub(crate) fn status(world: &World) -> String {
    let outcome = world.call(["get", "gitlab", "--field", "status"]).expect(0);
    outcome.stdout.trim().to_owned()
}

pub(crate) fn user(gitlab: &FakeGitLab) -> String {
    format!("{}/api/v4/user", gitlab.base_url())
}

/// The status of one request in a session of its own.
pub(crate) fn call(world: &World, gitlab: &FakeGitLab) -> String {
    let url = user(gitlab);
    let outcome = world.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", &url]);
    outcome.expect(0).stdout
}

pub(crate) fn curl_with_head(gitlab: &FakeGitLab) -> [String; 6] {
    let words = [
        "curl",
        "-sS",
        "-i",
        "--suppress-connect-headers",
        "--http1.1",
    ];
    let [curl, silent, head, own, version] = words.map(str::to_owned);
    [curl, silent, head, own, version, user(gitlab)]
}

/// The tokens of the API's requests, in order.
pub(crate) fn bearers(gitlab: &FakeGitLab) -> Vec<String> {
    gitlab.seen().iter().filter_map(bearer).collect()
}

pub(crate) fn bearer(seen: &Seen) -> Option<String> {
    match &seen.credential {
        Arrived::Bearer { token } if seen.path.starts_with("/api/") => Some(token.clone()),
        _ => None,
    }
}

pub(crate) fn wait_for_refresh(gitlab: &FakeGitLab) {
    let asked = |seen: &[Seen]| seen.iter().any(|seen| seen.path == "/oauth/token");
    assert!(gitlab.wait_for(DEADLINE, asked), "nobody refreshes");
}

/// How many events of that kind are in the log.
pub(crate) fn count_events(world: &World, kind: &str) -> usize {
    let log = std::fs::read_to_string(world.home().join("audit.log")).unwrap_or_default();
    let wanted = format!(r#""event":"{kind}""#);
    log.lines().filter(|line| line.contains(&wanted)).count()
}
