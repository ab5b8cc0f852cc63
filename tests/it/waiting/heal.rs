//! A login that dies during a run: the requests that need it wait for the next one.

use super::{Client, about_to_die, api, until_told};
use crate::kit::client::configure;
use crate::kit::refresh::user;
use crate::kit::run::run;
use crate::kit::session::Session;
use crate::kit::until;

#[test]
fn many_wait_for_one_login_and_those_beyond_the_bound_do_not() {
    let (world, gitlab, app) = about_to_die();
    let url = user(&gitlab);
    let all =
        "for i in $(seq 70); do curl -sS -o /dev/null -w '%{http_code}\\n' \"$0\" & done; wait";
    let client = Client::start(run(&world, &[], &["bash", "-c", all, &url]));
    until_told(&world);
    until("6 refused", || {
        let log = std::fs::read_to_string(world.home().join("audit.log"));
        log.is_ok_and(|log| log.matches("\"status\":401").count() == 6)
    });
    world.login(&gitlab, &app, &["--force"]).expect(0);
    let (_, printed) = client.end();
    assert_eq!(printed.matches("200").count(), 64, "{printed}");
    assert_eq!(printed.matches("401").count(), 6, "{printed}");
}

#[test]
fn a_wait_ends_when_its_time_is_over_or_its_client_says_so_or_has_left() {
    let (world, gitlab, _) = about_to_die();
    let mut session = Session::start(&world);
    let ask = |more: &str| {
        format!(
            "curl -sS -o /dev/null -w '%{{http_code}}' {more} '{}'",
            user(&gitlab)
        )
    };
    assert_eq!(session.tell(&ask("-H 'Prefer: wait=1'")), "401");
    assert!(
        session
            .tell(&ask("--max-time 1 || echo left"))
            .contains("left")
    );
    until("nothing waits", || {
        api(&mut session, "/waiting")["waiting"]
            .as_array()
            .map(Vec::len)
            == Some(0)
    });
    let status = world.path("status").display().to_string();
    session.tell(&format!("{} > '{status}' &", ask("-H 'Prefer: wait=2'")));
    until("one waits", || {
        let told = api(&mut session, "/waiting");
        let one = told["waiting"].get(0).cloned().unwrap_or_default();
        one["kind"] == "login" && one["connection"] == "gitlab/default"
    });
    assert_eq!(session.tell(&format!("wait; cat '{status}'")), "401");
    session.end(0);
}

#[test]
fn nothing_waits_where_nobody_is_there_or_the_user_says_so() {
    for (settings, flags) in [
        ("", &[][..]),
        ("[timeouts]\npark_seconds = 100\n", &["--no-park"]),
    ] {
        let (world, gitlab, _) = about_to_die();
        configure(&world, settings);
        let url = user(&gitlab);
        let curl = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", &url];
        let (code, printed) = Client::start(run(&world, flags, &curl)).end();
        assert_eq!(code, Some(0));
        assert!(printed.starts_with("401"), "{printed}");
    }
}
