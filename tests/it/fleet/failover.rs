//! A replica takes over that lacks the last write.

use authsome_test_support::{FakeGitLab, Postgres};

use super::kit::Fleet;
use super::order::{call_as, curl_as, never_back};
use crate::kit::refresh::bearers;
use crate::kit::session::Session;
use crate::kit::{World, until};

#[test]
fn a_pair_that_the_new_server_never_saw_is_written_again() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let mut fleet = Fleet::on(&server);
    let gitlab = FakeGitLab::start();
    let (_, first) = fleet.connect(&gitlab, 7200);
    let database = fleet.database().to_owned();
    let replica = server.replica();
    let generation = "SELECT max(generation) FROM authsome.record";
    let before = server.sql(&database, generation);
    until("the replica has it", || {
        replica.sql(&database, generation) == before
    });
    fleet.also_on(&replica);
    let (one, other) = (World::new(), World::new());
    let mut session = Session::start_with(&one, |command| fleet.join(command));
    assert_eq!(session.call(&gitlab), "200");
    // From here on, the replica gets nothing.
    replica.sql("postgres", "ALTER SYSTEM SET primary_conninfo = ''");
    replica.sql("postgres", "SELECT pg_reload_conf()");
    let streams = "SELECT count(*) FROM pg_stat_replication";
    until("the stream is cut", || {
        server.sql("postgres", streams) == "0"
    });
    gitlab.expire_access_tokens();
    assert_eq!(session.call(&gitlab), "200");
    let newest = gitlab.live_pairs().pop().unwrap();
    assert_ne!(newest, first);
    assert_eq!(fleet.pair(), newest);
    server.kill();
    replica.promote();
    assert_eq!(
        replica.sql(&database, generation),
        before,
        "it lacks the last write"
    );
    until("the session has written it again", || {
        fleet.pair() == newest
    });
    gitlab.clear_seen();
    let curl = curl_as("other", &gitlab);
    let outcome = fleet.call(&other, &["run", "--", "bash", "-c", &curl]);
    assert_eq!(outcome.expect(0).stdout, "200");
    assert_eq!(call_as("one", &mut session, &gitlab), "200");
    session.end(0);
    let sent = bearers(&gitlab);
    assert!(sent.iter().all(|token| *token == newest.access), "{sent:?}");
    assert_eq!(gitlab.refreshes(), 1);
    println!("tokens sent: {:?}", never_back(&gitlab));
}
