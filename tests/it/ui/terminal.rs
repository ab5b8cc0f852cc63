//! What the terminal of `authsome ui` says of what waits.

use serde_json::Value;

use crate::kit::refresh::user;
use crate::kit::run::{Running, behind, run};
use crate::kit::{Setup, World, until};
use crate::waiting::{about_to_die, until_told};

/// `authsome ui`, with what it says among its lines.
fn started(world: &World) -> Running {
    let both = ["sh", "-c", "exec \"$@\" 2>&1", "sh"];
    let ui = Running::start(behind(&both, &world.authsome(["ui", "--no-browser"])));
    while !ui.line().unwrap().starts_with("http://") {}
    ui
}

#[test]
fn a_request_that_waits_for_a_yes_is_told_once() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let ui = started(&world);
    let path = "/api/v4/projects/42/issues";
    let url = format!("{}{path}", gitlab.base_url());
    let flags = ["--quiet", "--ask-path", "gitlab=POST /**"];
    let curl = "curl -sS -o /dev/null -w '%{http_code}\\n' -d title=a \"$0\"";
    let mut asks = Running::start(run(&world, &flags, &["sh", "-c", curl, &url]));
    let line = ui.line().unwrap();
    let (what, command) = line.split_once(" waits for your yes: authsome ").unwrap();
    assert!(what.starts_with("POST ") && what.contains(path), "{line}");
    let shown: Vec<_> = ["--json"].into_iter().chain(command.split(' ')).collect();
    let shown: Value = world.call(&shown).expect(0).json();
    assert_eq!(shown["body"]["text"], "title=a");
    let id = shown["id"].as_str().unwrap();
    world.call(["ask", "deny", id]).expect(0);
    assert_eq!(asks.line().as_deref(), Some("403"));
    assert!(asks.end().success());
    // The next line is about the next one.
    let mut asks = Running::start(run(&world, &flags, &["sh", "-c", curl, &url]));
    let next = ui.line().unwrap();
    assert!(
        next != line && next.contains("waits for your yes"),
        "{next}"
    );
    let id = next.rsplit(' ').next().unwrap();
    world.call(["ask", "allow", id]).expect(0);
    until("the request", || {
        gitlab.seen().iter().any(|seen| seen.path.ends_with(path))
    });
    assert!(asks.line().is_some());
    assert!(asks.end().success());
}

#[test]
fn a_login_that_requests_wait_for_is_told_with_its_command() {
    let (world, gitlab, app) = about_to_die();
    let ui = started(&world);
    let url = user(&gitlab);
    let curl = "for i in 1 2 3; do curl -sS -o /dev/null -w '%{http_code}\\n' \"$0\" & done; wait";
    let mut waits = Running::start(run(&world, &["--quiet"], &["sh", "-c", curl, &url]));
    until_told(&world);
    let line = ui.line().unwrap();
    let login = "authsome login gitlab --connection default --force";
    assert!(line.ends_with(login), "{line}");
    world.login(&gitlab, &app, &["--force"]).expect(0);
    for _ in 0..3 {
        assert_eq!(waits.line().as_deref(), Some("200"));
    }
    assert!(waits.end().success());
}
