//! A rolling upgrade: the tables are of a later version than a program that uses them.

use authsome_test_support::{FakeGitLab, Postgres};

use super::kit::Fleet;
use super::order::{call_as, never_back};
use crate::kit::session::Session;
use crate::kit::{World, until};

/// What a later version might add, and leaves as it is.
const LATER: &str = "ALTER TABLE authsome.record ADD COLUMN note text; \
    CREATE TABLE authsome.note (name text PRIMARY KEY); \
    UPDATE authsome.vault SET version = 2";

#[test]
fn a_run_goes_on_over_tables_that_have_more_and_spends_nothing_over_those_it_cannot_use() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(server), FakeGitLab::start());
    fleet.connect(&gitlab, 7200);
    let (one, other) = (World::new(), World::new());
    let mut session = Session::start_with(&one, |command| fleet.join(command));
    assert_eq!(call_as("one", &mut session, &gitlab), "200");
    server.sql(fleet.database(), LATER);
    for renewals in 1..=2 {
        fleet.age(0);
        gitlab.expire_access_tokens();
        assert_eq!(call_as("one", &mut session, &gitlab), "200");
        assert_eq!(gitlab.refreshes(), renewals);
    }
    fleet.call(&other, &["export", "gitlab"]).expect(0);
    // The last machine of the old version should have been upgraded before this.
    fleet.age(0);
    let raised = "UPDATE authsome.vault SET readable_by = 2";
    server.sql(fleet.database(), raised);
    gitlab.expire_access_tokens();
    let told = fleet.call(&other, &["export", "gitlab"]).expect(9);
    assert!(told.stderr.contains("schema version 2"), "{}", told.stderr);
    until("the token has ended", || {
        call_as("one", &mut session, &gitlab) == "503"
    });
    let told = session.tell(&format!(
        "curl -sS '{}'",
        crate::kit::refresh::user(&gitlab)
    ));
    assert!(told.contains("schema version 2"), "{told}");
    assert_eq!(gitlab.token_requests(), 2, "no refresh token is spent");
    // The upgrade is taken back: what was there is there.
    let lowered = "UPDATE authsome.vault SET readable_by = 1";
    server.sql(fleet.database(), lowered);
    until("it goes on", || {
        call_as("one", &mut session, &gitlab) == "200"
    });
    assert_eq!(gitlab.token_requests(), 3);
    session.end(0);
    never_back(&gitlab);
}
