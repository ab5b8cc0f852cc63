//! Which browser is opened, and at what.

use std::path::Path;

use crate::kit::Setup;
use crate::kit::browser::{
    consent, get_target, next_line, parameter, recording_browser, script, telling_browser, visit,
};
use crate::kit::login::Login;

#[test]
fn the_browser_is_led_to_the_url_that_is_printed_and_its_arguments_do_not_have_it() {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(false);
    let (browser, mut opened) = recording_browser(&world);
    let words = ["--client-id", &app.client_id];
    let mut login = Login::start(&world, &gitlab, &words, Some(&browser), &[]);
    let url = login.url();
    let given = next_line(&mut opened);
    assert!(!given.contains(&parameter(&url, "state")) && !given.contains("state="));
    let response = visit(&given);
    assert_eq!(
        (response.status, response.header("location")),
        (303, Some(&*url))
    );
    assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
    visit(&consent(&gitlab, &url));
    login.end().expect(0);
}

#[test]
fn the_browsers_address_works_once_and_a_look_ahead_does_not_count() {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(false);
    let (browser, mut opened) = recording_browser(&world);
    let words = ["--client-id", &app.client_id];
    let mut login = Login::start(&world, &gitlab, &words, Some(&browser), &[]);
    let url = login.url();
    let given = next_line(&mut opened);
    for wrong in ["http://127.0.0.1:7998/start/", &format!("{given}x")] {
        assert_eq!(visit(wrong).status, 410, "{wrong}");
    }
    for (name, value) in [
        ("sec-purpose", "prefetch;prerender"),
        ("purpose", "prefetch"),
    ] {
        assert_eq!(get_target(&given).with(name, value).send().status, 503);
    }
    assert_eq!(visit(&given).status, 303);
    let again = visit(&given);
    assert_eq!(again.status, 410);
    assert!(again.body.contains("terminal") && !again.whole().contains("state="));
    visit(&consent(&gitlab, &url));
    login.end().expect(0);
}

#[test]
fn the_listener_stands_before_the_browser_opens() {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(false);
    let ask = "curl -q -s --noproxy '*' -o /dev/null -w '%{http_code}\\n' http://127.0.0.1:7998/";
    let (browser, mut responses) = telling_browser(&world, ask);
    let words = ["--client-id", &app.client_id];
    let mut login = Login::start(&world, &gitlab, &words, Some(&browser), &[]);
    assert_eq!(next_line(&mut responses), "404", "somebody answers already");
    let url = login.url();
    visit(&consent(&gitlab, &url));
    login.end().expect(0);
}

#[test]
fn a_browser_command_may_have_words_of_its_own() {
    for rest in ["--new-window", "--url=%s", "-a %s -b"] {
        let (world, gitlab) = Setup::unconnected();
        let app = gitlab.register_app(false);
        let (browser, mut opened) = recording_browser(&world);
        let command = format!("{} {rest}", browser.display());
        let words = ["--client-id", &app.client_id];
        let mut login = Login::start(&world, &gitlab, &words, Some(Path::new(&command)), &[]);
        let url = login.url();
        let given = next_line(&mut opened);
        let start = given.find("http://127.0.0.1:7998/start/").unwrap();
        let local = given[start..].split(' ').next().unwrap();
        let expected = if rest.contains("%s") {
            rest.replace("%s", local)
        } else {
            format!("{rest} {local}")
        };
        assert_eq!(given, expected);
        visit(&consent(&gitlab, &url));
        login.end().expect(0);
    }
}

#[test]
fn without_a_browser_program_the_url_is_printed_and_the_response_may_be_pasted() {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(false);
    let words = ["--client-id", &app.client_id];
    let nowhere = world.path("no-such-browser");
    let mut login = Login::start(&world, &gitlab, &words, Some(&nowhere), &[]);
    let url = login.url();
    login.paste(&format!("{}\n", consent(&gitlab, &url)));
    let outcome = login.end().expect(0);
    assert!(
        outcome.stderr.contains("on any machine"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_browser_that_fails_leaves_the_paste_as_the_way() {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(false);
    // What xdg-open does on a machine without a display.
    let failing = script(&world, "failing-browser", "#!/bin/sh\nexit 3\n");
    let words = ["--client-id", &app.client_id];
    let mut login = Login::start(&world, &gitlab, &words, Some(&failing), &[]);
    let url = login.url();
    login.paste(&format!("{}\n", consent(&gitlab, &url)));
    login.end().expect(0);
}

#[test]
fn the_browser_never_gets_the_master_key() {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(false);
    let (browser, mut told) = telling_browser(&world, "echo \"[$AUTHSOME_MASTER_KEY]\"");
    let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let words = ["--client-id", &app.client_id];
    let variables = [("AUTHSOME_MASTER_KEY", key)];
    let mut login = Login::start(&world, &gitlab, &words, Some(&browser), &variables);
    let url = login.url();
    assert_eq!(next_line(&mut told), "[]");
    visit(&consent(&gitlab, &url));
    login.end().expect(0);
}
