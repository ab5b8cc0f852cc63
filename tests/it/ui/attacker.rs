//! An attacker's sites in the browser that has the page open, in Chromium.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use authsome_test_support::kit::skip;

use super::{Ends, Ui};
use crate::kit::Setup;

#[test]
fn sites_in_the_same_browser_get_and_change_nothing() {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/node_modules");
    let chromium = Command::new("chromium").arg("--version").output();
    if chromium.is_err() || !packages.join("playwright-core").is_dir() {
        skip("the attacker needs chromium, and what tests/clients/install.sh installs");
        return;
    }
    let Setup { world, .. } = Setup::connected();
    let ui = Ui::start(&world, &[], &[]);
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/attacker.mjs");
    let logout = "{\"do\":\"logout\",\"provider\":\"gitlab\",\"connection\":\"default\"}";
    let mut node = Command::new("node");
    node.arg(program).args([ui.url.as_str(), logout]);
    node.env("TMPDIR", world.directory.path());
    let mut node = node.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(node.stdout.take().unwrap()).lines();
    let mut node = Ends(node);
    let (mut attempts, mut got) = (0, Vec::new());
    for line in lines.map_while(Result::ok) {
        if line.starts_with("> ") {
            attempts += 1;
        } else {
            got.push(line);
        }
    }
    assert!(node.0.wait().unwrap().success());
    assert_eq!((attempts, got), (48, Vec::<String>::new()));
    assert_eq!(world.store().list().unwrap().len(), 1);
    assert_eq!(ui.end(), Some(0));
}
