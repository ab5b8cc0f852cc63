//! A login on one machine joins the run of another.

use std::fs;

use authsome_test_support::{Arrived, FakeGitLab, Postgres};

use super::kit::Fleet;
use crate::kit::client::configure;
use crate::kit::refresh::user;
use crate::kit::session::Session;
use crate::kit::{World, until};

#[test]
fn a_login_on_another_machine_joins_a_run_here() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(&server), FakeGitLab::start());
    let machine = World::new();
    fleet.call(&machine, &["list"]).expect(0);
    let hook = format!("cat >> '{}'", machine.path("told").display());
    configure(
        &machine,
        &format!("[notify]\ncommand = ['sh', '-c', \"{hook}\"]\n"),
    );
    // A loopback name is a host of no connection yet, which children reach by themselves.
    let place = format!("gitlab.test:{}:127.0.0.1", gitlab.port());
    let flags = ["--join", "new", "--resolve", &place];
    let mut session = Session::start_flagged_with(&machine, &flags, |run| fleet.join(run));
    assert_eq!(session.tell("echo here"), "here");

    let pair = fleet.connect_at(&gitlab, &gitlab.base_url_at("gitlab.test"));
    until("it has joined", || {
        let told = fs::read_to_string(machine.path("told"));
        told.is_ok_and(|told| told.contains("\"joined\""))
    });
    let url = user(&gitlab).replace("localhost", "gitlab.test");
    let curl = "curl -sS -o /dev/null -w '%{http_code}'";
    assert_eq!(session.tell(&format!("{curl} {url}")), "200");
    let sent = gitlab.seen().pop().unwrap().credential;
    assert_eq!(sent, Arrived::Bearer { token: pair.access });
    session.end(0);
}
