//! The pages in a real browser: whole in every width, dark and light, by keyboard alone, and with
//! nothing for an audit of accessibility to find.

use std::path::{Path, PathBuf};
use std::process::Command;

use authsome_test_support::AuthorizeResponse;
use authsome_test_support::kit::skip;

use crate::keys::{Service, TWO_PARTS};
use crate::kit::login::LoginRun;
use crate::kit::{Outcome, World};

/// Walks through the pages, and fails on whatever is wrong with one of them.
fn walk_through(ending: &str, walk: &LoginRun) {
    let secret = walk.app.client_secret.as_deref().unwrap_or_default();
    walk_with(ending, [&walk.app.client_id, secret], &walk.world);
}

fn walk_with(ending: &str, typed: [&str; 2], world: &World) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/pages.mjs");
    let shots: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("login-pages");
    let mut node = Command::new("node");
    node.arg(program).arg(ending).arg(&shots).args(typed);
    node.env("TMPDIR", world.directory.path());
    let outcome = Outcome::of(node.output().unwrap()).expect(0);
    assert_eq!(outcome.stdout, "", "see {}", shots.display());
}

fn has_browser() -> bool {
    let chromium = Command::new("chromium").arg("--version").output();
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/node_modules");
    let has_all = chromium.is_ok() && packages.join("playwright-core").is_dir();
    if !has_all {
        skip("the pages need chromium, and what tests/clients/install.sh installs");
    }
    has_all
}

#[test]
fn a_confidential_application_is_connected_at_the_second_try_by_the_keyboard() {
    if !has_browser() {
        return;
    }
    let mut walk = LoginRun::new(true, &[], |_, _| Vec::new());
    walk_through("connected", &walk);
    walk.login.wait().expect(0);
}

#[test]
fn a_refusal_is_told_on_a_page_of_its_own() {
    if !has_browser() {
        return;
    }
    let mut walk = LoginRun::to_form();
    walk.gitlab.authorize_responses(AuthorizeResponse::Deny);
    walk_through("denied", &walk);
    walk.login.wait().expect(2);
}

#[test]
fn a_key_is_connected_at_the_second_try_by_the_keyboard() {
    if !has_browser() {
        return;
    }
    let service = Service::start();
    service.register(TWO_PARTS);
    let mut login = service.login_by_form(&[]);
    walk_with("key", ["k-wrong", "k-right"], &service.world);
    login.wait().expect(0);
}
