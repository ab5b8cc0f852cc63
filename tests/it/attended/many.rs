//! Many children of one proxy: its connections and its refresh are theirs together.

use authsome_test_support::{Arrived, FakeGitLab};

use super::{Proxy, script};
use crate::kit::refresh::{pair, user};
use crate::kit::{Setup, World};

const CHILDREN: usize = 200;

/// How many of them run at one time.
const AT_ONE_TIME: usize = 20;

/// Each child at one time has a connection upstream, if nothing is shared but over time; the
/// refresh has its own, and a request that was refused while the pair changed may have one more.
/// Found on two CPUs: 9 to 15.
const MOST_CONNECTIONS: u64 = 2 * AT_ONE_TIME as u64 + 2;

#[test]
fn two_hundred_children_share_the_connections_and_the_refresh_over_a_due_token() {
    let (world, gitlab) = Setup::unconnected();
    world.connect_as("default", &gitlab, &gitlab.base_url(), 100);
    expect_all_served(&world, &gitlab);
}

#[test]
fn two_hundred_children_share_the_refresh_over_a_token_that_has_ended() {
    let (world, gitlab) = crate::kit::refresh::expired();
    expect_all_served(&world, &gitlab);
}

fn expect_all_served(world: &World, gitlab: &FakeGitLab) {
    let file = world.path("agent.env").display().to_string();
    let before = gitlab.connections();
    let proxy = Proxy::start(world, &["--env-file", &file]);
    let fetch = format!(
        "seq {CHILDREN} | xargs -P {AT_ONE_TIME} -I@ curl -sS --max-time 100 -o /dev/null \
         -w '%{{http_code}}\\n' '{}?n=@'",
        user(gitlab)
    );
    let outcome = script(world, &file, &fetch).expect(0);
    let served = outcome.stdout.lines().filter(|line| *line == "200").count();
    assert_eq!(served, CHILDREN, "{outcome:?}");
    assert_eq!(gitlab.refreshes(), 1);
    let newest = gitlab.live_pairs().pop().unwrap();
    assert_eq!(pair(world), newest, "the vault has the pair of the server");
    let answered = gitlab.seen().into_iter();
    let with_newest = answered.filter(|seen| {
        let newest = newest.access.clone();
        seen.credential == Arrived::Bearer { token: newest }
    });
    assert!(with_newest.count() > CHILDREN / 2, "the new token is used");
    let connections = gitlab.connections() - before;
    assert!(connections <= MOST_CONNECTIONS, "{connections}");
    proxy.end().expect(0);
}
