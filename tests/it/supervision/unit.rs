//! The user unit for systemd that the packages have.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use authsome_test_support::kit::skip;

use crate::attended::Proxy;
use crate::kit::{Outcome, Setup};

const FILE: &str = "packaging/systemd/authsome-proxy.service";

/// Sections with their settings, as systemd.syntax(7) says.
fn parsed() -> BTreeMap<(String, String), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let mut section = String::new();
    let mut settings = BTreeMap::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            name.strip_suffix(']').unwrap().clone_into(&mut section);
            continue;
        }
        let (name, value) = line.split_once('=').expect(line);
        let old = settings.insert((section.clone(), name.to_owned()), value.to_owned());
        assert_eq!(old, None, "{line}");
    }
    settings
}

#[test]
fn it_starts_what_tells_that_it_serves_and_gives_a_stop_its_time() {
    let unit = parsed();
    let value = |section: &str, name: &str| {
        let key = (section.to_owned(), name.to_owned());
        unit.get(&key)
            .unwrap_or_else(|| panic!("no {name} in [{section}]"))
            .clone()
    };
    assert_eq!(value("Service", "Type"), "notify");
    assert!(value("Service", "TimeoutStopSec").parse::<u32>().unwrap() >= 60);
    assert_eq!(value("Install", "WantedBy"), "default.target");
    // The command is one that serves, with %t in place.
    let Setup { world, .. } = Setup::connected();
    let runtime = world.path("runtime");
    fs::create_dir_all(runtime.join("authsome")).unwrap();
    let line = value("Service", "ExecStart").replace("%t", &runtime.display().to_string());
    let mut words = line.split(' ');
    assert_eq!(words.next(), Some("/usr/bin/authsome"));
    let words = ["--json"]
        .into_iter()
        .chain(words.filter(|word| *word != "--quiet"));
    let proxy = Proxy::of(world.authsome(words));
    let file = runtime.join("authsome/agent.env");
    assert_eq!(proxy.text("env_file"), file.display().to_string());
    assert!(fs::read_to_string(&file).unwrap().contains("HTTPS_PROXY="));
    proxy.end().expect(0);
    assert!(!file.exists());
}

/// By systemd itself, where it is.
#[test]
fn systemd_finds_nothing_wrong_with_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let Ok(output) = Command::new("systemd-analyze")
        .args(["--user", "verify"])
        .arg(path)
        .output()
    else {
        skip("there is no systemd-analyze on this machine");
        return;
    };
    let told = Outcome::of(output);
    let about = told
        .stderr
        .lines()
        .filter(|line| line.contains("authsome-proxy.service"));
    // The program is not installed where the tests run.
    let faults: Vec<_> = about
        .filter(|line| !line.contains("is not executable"))
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
}
