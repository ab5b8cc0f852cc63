//! `--on-rotate gitlab-variable:PROJECT/NAME`.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use authsome_test_support::{Arrived, Endpoint, Fault, Seen};

use super::export::{KEY, keyed};
use super::job::{Job, Story};
use crate::kit::refresh::{count_events, user};
use crate::kit::{id, until};

const VARIABLE: &str = "group/app/AUTHSOME_EXPORT";
const TARGET: &str = "gitlab-variable:group/app/AUTHSOME_EXPORT";

/// The story's file as a variable.
fn begin() -> Story {
    let story = Story::begin();
    let sealed = fs::read_to_string(&story.file).unwrap();
    story.gitlab.set_variable(VARIABLE, &sealed);
    story
}

/// What the runner gives a job: the variable as it is when the job starts, in a file.
fn file(story: &Story, job: &Job) -> PathBuf {
    let value = story.gitlab.variable(VARIABLE).unwrap();
    job.world.file("variable", &value)
}

fn started(story: &Story) -> Job {
    let job = Job::new();
    job.import(&file(story, &job)).expect(0);
    job
}

#[test]
fn jobs_pass_the_pair_on_through_the_variable() {
    let story = begin();
    let mut last = None;
    for _ in 0..3 {
        story.expire();
        let job = started(&story);
        assert_eq!(job.call_with(&story, TARGET), "200");
        assert_ne!(Some(job.pair()), last);
        last = Some(job.pair());
    }
    assert_eq!(started(&story).pair(), last.unwrap());
    assert_eq!(story.gitlab.refreshes(), 3);
}

#[test]
fn the_token_goes_in_a_header_to_the_connections_own_server() {
    let story = begin();
    let job = started(&story);
    story.gitlab.clear_seen();
    assert_eq!(job.call_with(&story, TARGET), "200");
    let seen = story.gitlab.seen();
    let seen = seen.iter().filter(|seen| seen.path.contains("/variables/"));
    let seen: Vec<_> = seen.collect();
    let path = "/api/v4/projects/group%2Fapp/variables/AUTHSOME_EXPORT";
    let is_put = |seen: &&&Seen| seen.method == "PUT" && seen.path == path;
    let put = seen.iter().find(is_put).expect("it is written");
    let token = job.pair().access;
    assert_eq!(put.credential, Arrived::Bearer { token });
    for seen in seen {
        // In a header alone: a query is in the logs of servers and proxies.
        assert_eq!(seen.query, None);
        assert!(
            matches!(seen.credential, Arrived::Bearer { .. }),
            "{seen:?}"
        );
    }
}

#[test]
fn what_another_job_overwrites_in_the_variable_is_written_again() {
    let story = begin();
    let job = started(&story);
    let before = story.gitlab.variable(VARIABLE).unwrap();
    let url = user(&story.gitlab);
    let script = format!("curl -sS '{url}' >/dev/null && cat");
    let words = ["run", "--on-rotate", TARGET, "--", "sh", "-c", &script];
    let mut run = keyed(&job.world, KEY, &words);
    let mut run = run.stdin(Stdio::piped()).spawn().unwrap();
    until("the pair is there", || {
        count_events(&job.world, "handed_back") == 1
    });
    // A job with another connection, which has read the variable before.
    story.gitlab.set_variable(VARIABLE, &before);
    drop(run.stdin.take());
    assert!(run.wait().unwrap().success());
    assert_eq!(started(&story).pair(), job.pair());
}

#[test]
fn a_connection_whose_server_has_no_variables_is_left_out_until_it_is_renewed() {
    let story = begin();
    let job = started(&story);
    let vault = job.store();
    let mut other = vault.load(&id("default")).unwrap().unwrap().connection;
    other.id.provider = "github".parse().unwrap();
    other.base_url = None;
    other.tokens.expires_at = None;
    other.terms = Some(job.world.terms(&other));
    vault.create(&other, true).unwrap();
    let outcome = job.curl_with(&story, TARGET).expect(0);
    let said = outcome.stderr;
    assert!(
        said.contains("github/default cannot be handed back"),
        "{said}"
    );
    assert!(said.contains("--only"), "{said}");
    assert_eq!(started(&story).pair(), job.pair());
}

#[test]
fn a_job_whose_pair_is_spent_says_what_to_do() {
    let story = begin();
    let (winner, loser) = (started(&story), started(&story));
    assert_eq!(winner.call_with(&story, TARGET), "200");
    let newest = story.gitlab.variable(VARIABLE).unwrap();
    let outcome = loser.run_with(TARGET, &["true"]).expect(125);
    assert!(
        outcome.stderr.contains("start this one again"),
        "{}",
        outcome.stderr
    );
    assert_eq!(story.gitlab.variable(VARIABLE).unwrap(), newest);
    // Started again, it goes on.
    let again = started(&story);
    assert_eq!(again.pair(), winner.pair());
    assert_eq!(again.call_with(&story, TARGET), "200");
}

#[test]
fn a_later_pair_in_the_variable_is_taken_over_and_not_overwritten() {
    let story = begin();
    let (winner, loser) = (started(&story), started(&story));
    assert_eq!(winner.call_with(&story, TARGET), "200");
    // A server whose old access tokens live on until they expire: the loser's own still works.
    loser.with_access_token_of(&winner);
    let newest = story.gitlab.variable(VARIABLE).unwrap();
    let outcome = loser.run_with(TARGET, &["true"]).expect(0);
    assert!(
        outcome.stderr.contains("another job has renewed"),
        "{}",
        outcome.stderr
    );
    assert_eq!(loser.pair(), winner.pair());
    assert_eq!(story.gitlab.variable(VARIABLE).unwrap(), newest);
    assert_eq!(story.gitlab.refreshes(), 1);
}

#[test]
fn a_server_that_fails_once_is_asked_again_at_the_end() {
    let story = begin();
    story.expire();
    let job = started(&story);
    let fault = Fault::Status {
        code: 502,
        retry_after: None,
    };
    story.gitlab.fault(Endpoint::Api, fault, 1);
    job.curl_with(&story, TARGET).expect(0);
    let next = started(&story);
    assert_eq!(next.pair(), job.pair());
}

#[test]
fn what_the_variable_does_not_take_is_said_and_the_pair_is_not_lost() {
    let story = begin();
    let job = started(&story);
    for (target, words) in [
        (
            "gitlab-variable:group/app/OTHER",
            "there is not the variable OTHER of group/app",
        ),
        (
            "gitlab-variable:other/AUTHSOME_EXPORT",
            "there is not the variable",
        ),
    ] {
        let outcome = job.curl_with(&story, target).expect(125);
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("authsome vault export"),
            "{}",
            outcome.stderr
        );
    }
    story.gitlab.set_variable(VARIABLE, "not a sealed file");
    let outcome = job.curl_with(&story, TARGET).expect(125);
    assert!(
        outcome.stderr.contains("is not overwritten"),
        "{}",
        outcome.stderr
    );
    // An empty one is filled.
    story.gitlab.set_variable(VARIABLE, "");
    job.curl_with(&story, TARGET).expect(0);
    assert_eq!(started(&story).pair(), job.pair());
}
