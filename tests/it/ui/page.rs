//! The page in Chromium, driven by the keyboard and audited by axe-core.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use authsome_test_support::kit::{self, skip};

use super::{Ends, Ui};
use crate::kit::run::{Running, run};
use crate::kit::{Setup, World};

/// A command that makes a request for each line that it is given.
fn requests(world: &World, base: &str, ca: &str) -> Running {
    let script = world.file(
        "requests.sh",
        &format!(
            "while read -r method path; do curl -s -o /dev/null -X \"$method\" -H 'PRIVATE-TOKEN: x' \"{base}$path\"; done"
        ),
    );
    let flags = [
        "--quiet",
        "--ask-path",
        "gitlab=POST /api/v4/projects/*/issues",
    ];
    let mut command = run(world, &flags, &["sh", script.to_str().unwrap()]);
    command.env("SSL_CERT_FILE", ca);
    Running::start(command)
}

#[test]
fn a_person_logs_in_watches_lifts_a_rule_and_logs_out_by_the_keyboard() {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/node_modules");
    let chromium = Command::new("chromium").arg("--version").output();
    if chromium.is_err() || !packages.join("playwright-core").is_dir() {
        skip("the page needs chromium, and what tests/clients/install.sh installs");
        return;
    }
    let _port = kit::port_7998();
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(false);
    let ca = gitlab.ca_file().to_str().unwrap();
    let ui = Ui::start(&world, &[], &[("SSL_CERT_FILE", ca)]);
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/ui.mjs");
    let shots: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui");
    let mut node = Command::new("node");
    node.arg(program).arg(&ui.url).arg(&shots);
    node.args([&gitlab.base_url(), &app.client_id]);
    node.env("TMPDIR", world.directory.path());
    let mut node = node.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(node.stdout.take().unwrap()).lines();
    let mut node = Ends(node);
    let (mut running, mut wrong) = (None, Vec::new());
    let config = world.home().join("config.toml");
    for line in lines.map_while(Result::ok) {
        match line.strip_prefix("> ") {
            Some("run") => running = Some(requests(&world, &gitlab.base_url(), ca)),
            Some("nothing is lifted") => assert!(!config.exists()),
            Some("it is lifted") => {
                let text = std::fs::read_to_string(&config).unwrap();
                assert!(text.contains("gitlab/project-access-token"), "{text}");
            }
            Some("it is spared") => {
                let text = std::fs::read_to_string(&config).unwrap();
                assert!(text.contains("unasked_paths"), "{text}");
            }
            Some("a second connection") => {
                world.connect_as("second", &gitlab, &gitlab.base_url(), 7200);
            }
            Some("the second is revoked") => {
                let seen = gitlab.seen();
                let revoked = seen.iter().any(|seen| seen.path.ends_with("/oauth/revoke"));
                assert!(revoked && world.store().list().unwrap().len() == 1);
            }
            Some("end") => running.as_mut().unwrap().release(),
            Some(request) => {
                let stdin = running.as_mut().unwrap().stdin.as_mut().unwrap();
                stdin.write_all(format!("{request}\n").as_bytes()).unwrap();
            }
            None => wrong.push(line),
        }
    }
    assert!(node.0.wait().unwrap().success());
    assert_eq!(wrong, Vec::<String>::new(), "see {}", shots.display());
    assert_eq!(ui.end(), Some(0));
}
