//! Refusals as a client of the session gets them. `src/proxy/exchange/respond.rs` has a snapshot of
//! each cause.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use authsome_test_support::assert_words;

use super::Scrub;
use crate::kit::Setup;

#[test]
fn as_curl_shows_them() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let base = gitlab.base_url();
    let (user, placed) = (
        format!("{base}/api/v4/user"),
        format!("{base}/api/v4/authsome-proxy-managed"),
    );
    let tokens = format!("{base}/api/v4/user/personal_access_tokens");
    let requests: [(&str, &[&str]); 6] = [
        ("allow", &["-X", "TRACE", &user]),
        ("allow", &["-H", "Origin: https://evil.test", &user]),
        ("allow", &[&placed]),
        ("allow", &["-X", "POST", "-d", "name=x", &tokens]),
        ("allow", &["-H", "Host: other.test", &user]),
        ("deny", &["--noproxy", "", "http://example.test/"]),
    ];
    let mut text = String::new();
    for (policy, request) in requests {
        let words = [
            "run",
            "--policy",
            policy,
            "--",
            "curl",
            "-sSi",
            "--suppress-connect-headers",
        ];
        let outcome = world.call([&words, request].concat());
        let said = outcome.stdout.replace("\r\n", "\n") + &outcome.stderr;
        writeln!(text, "$ curl {}\n{said}", request.join(" ")).unwrap();
    }
    assert_words!("refusals", "curl", text, &Scrub::of(&world).pairs());
}

/// The causes that are a text in the code. They are read there, as most need a server that speaks
/// no HTTP.
#[test]
fn of_messages_that_are_not_http() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/proxy");
    let mut words = BTreeSet::new();
    for file in sources(&root) {
        let text = fs::read_to_string(&file).unwrap();
        for (at, _) in text.match_indices("Malformed(") {
            let rest = text[at + "Malformed(".len()..].trim_start();
            let literal = rest
                .strip_prefix('"')
                .and_then(|rest| rest.split('"').next());
            words.extend(literal.map(str::to_owned));
        }
    }
    assert!(words.len() > 20, "{words:?}");
    let text = words.into_iter().collect::<Vec<_>>().join("\n");
    assert_words!("refusals", "malformed", text);
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
