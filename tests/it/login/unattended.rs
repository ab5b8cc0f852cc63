//! Where no browser is: in a job, over SSH, in a container.

use std::process::Stdio;

use authsome_test_support::kit::port_7998;
use authsome_test_support::{Endpoint, Fault};

use crate::kit::browser::{consent, csrf, form, recording_browser, script, visit};
use crate::kit::login::{Login, LoginRun, with_client_id};
use crate::kit::run::finish;
use crate::kit::terminal::terminal;
use crate::kit::{Setup, World};

#[test]
fn nobody_is_waited_for_where_nobody_is() {
    let failing = |world: &World| script(world, "failing-browser", "#!/bin/sh\nexit 3\n");
    for has_program in [false, true] {
        let (world, gitlab) = Setup::unconnected();
        let _port = port_7998();
        let browser = if has_program {
            failing(&world)
        } else {
            world.path("no-such-browser")
        };
        let base = gitlab.base_url();
        let mut command = world.authsome(["login", "gitlab", "--base-url", &base]);
        command.arg("--ca-file").arg(gitlab.ca_file());
        command.env("BROWSER", browser).stdin(Stdio::null());
        let outcome = finish(command).expect(2);
        assert!(outcome.stderr.contains("no terminal"), "{}", outcome.stderr);
        let hint = format!("authsome login gitlab --base-url {base} --ca-file ");
        assert!(outcome.stderr.contains(&hint), "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("--no-browser"),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn over_ssh_the_tunnel_is_told_first_and_no_browser_is_tried() {
    let (world, gitlab) = Setup::unconnected();
    let ssh = "10.0.0.1 50000 10.0.0.7 2222";
    let variables = [("SSH_CONNECTION", ssh), ("USER", "ada")];
    let mut login = Login::start(&world, &gitlab, &[], None, &variables);
    login.url();
    let tunnel = "  ssh -N -L 7998:127.0.0.1:7998 -p 2222 ada@";
    let (before, _) = login.stderr.split_once("http://127.0.0.1:7998").unwrap();
    assert!(before.contains(tunnel), "{}", login.stderr);
}

#[test]
fn instead_of_the_form_the_id_can_be_pasted() {
    let mut walk = LoginRun::to_form();
    let id = walk.app.client_id.clone();
    walk.login.said("paste its ID here");
    walk.login.paste("hello\n");
    walk.login.said("not a URL with a query");
    walk.login.paste(&format!("{id}\n"));
    let url = walk.login.url();
    assert!(url.contains(&id), "{url}");
    let callback = consent(&walk.gitlab, &url);
    walk.login.paste(&format!("{callback}\n"));
    walk.login.wait().expect(0);
}

#[test]
fn at_a_terminal_the_time_counts_down_and_the_hint_is_the_typed_command() {
    for (term, counts) in [("xterm", true), ("dumb", false)] {
        let (world, gitlab) = Setup::unconnected();
        let _port = port_7998();
        let (browser, _opened) = recording_browser(&world);
        let base = gitlab.base_url();
        let mut command = world.authsome(["login", "gitlab", "--base-url", &base]);
        command.arg("--ca-file").arg(gitlab.ca_file());
        command.env("BROWSER", &browser).env("TERM", term);
        let opening = ("expect", "Opening http://127.0.0.1:7998 in your browser");
        let counted = ("expect", "Waiting for the browser, 9:5");
        let ctrl_c = ("send", "\u{3}");
        let steps = if counts {
            vec![opening, counted, counted, ctrl_c]
        } else {
            vec![opening, ctrl_c]
        };
        let transcript = terminal(&command, &steps);
        assert_eq!(transcript.code, 2, "{}", transcript.text);
        let text = &transcript.text;
        assert_eq!(text.contains("Waiting for"), counts, "{text}");
        let hint = format!("try again: authsome login gitlab --base-url {base}");
        assert!(text.contains(&hint), "{text}");
        let left = text.split("Waiting for the browser").last().unwrap();
        assert!(
            !counts || left.contains("\r\u{1b}[2K"),
            "the line is removed: {text}"
        );
    }
}

#[test]
fn a_stored_application_that_is_refused_can_be_corrected() {
    let mut first = LoginRun::new(false, &[], with_client_id);
    let url = first.login.url();
    first.finish(&url).expect(0);
    let LoginRun {
        world,
        gitlab,
        login,
        ..
    } = first;
    drop(login);
    let refusal = Fault::Refuse {
        fields: vec![("content-type", "application/json")],
        body: br#"{"error":"invalid_client"}"#.to_vec(),
    };
    gitlab.fault(Endpoint::Token, refusal, 1);
    let mut again = Login::start(&world, &gitlab, &["--force"], None, &[]);
    let url = again.url();
    let page = visit(&consent(&gitlab, &url));
    let location = page.header("location");
    assert_eq!(location, Some("http://127.0.0.1:7998"), "{}", page.body);
    let app = gitlab.register_app(false);
    form(&csrf(), &app.client_id, "").send();
    let url = again.url();
    visit(&consent(&gitlab, &url));
    again.end().expect(0);
}
