//! `authsome login`, through the browser that the user would have.

mod cancel;
mod consent;
mod device;
mod form;
mod listener;
mod localhost;
mod oauth;
mod opening;
mod pages;
mod resume;
mod target;
mod terminal;
mod token_endpoint;
mod unattended;
mod window;

use crate::kit::Setup;

#[test]
fn a_public_application_logs_in() {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(false);
    let outcome = world.login(&gitlab, &app, &[]).expect(0);
    assert!(
        outcome.stderr.contains("Connected GitLab as ada"),
        "{}",
        outcome.stderr
    );
    let got = world.call(["get", "gitlab", "--json"]).expect(0).json();
    assert_eq!(got["status"], "connected");
    assert_eq!(got["account"]["label"], "ada");
    assert_eq!(got["access_token"], "***");
}

#[test]
fn the_first_browser_of_a_list_that_works_is_the_one() {
    for browsers in [
        "no-such-browser:BROWSER",
        "false:no-such-browser %s:BROWSER %s:false",
        "sh -c 'exec \"$1\" \"$2\"' %% BROWSER '%s'",
    ] {
        let (world, gitlab) = Setup::unconnected();
        let app = gitlab.register_app(false);
        let outcome = world.login_by(browsers, &gitlab, &app, &[]).expect(0);
        assert!(
            outcome.stderr.contains("Connected"),
            "{browsers}: {outcome:?}"
        );
    }
}
