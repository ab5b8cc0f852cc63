//! No error without a snapshot.

use std::fs;
use std::path::{Path, PathBuf};

/// Those that stand in a snapshot under another name, and where.
const ELSEWHERE: [(&str, &str); 10] = [
    ("BindError::Port", "errors/port_taken"),
    (
        "CaError::Certificate",
        "rcgen's own error, after the words of ProxyError::Ca",
    ),
    ("Change::Delete", "of the vault, where it has no words"),
    ("Change::Put", "of the vault, where it has no words"),
    ("LoginError::Bind", "its cause, BindError"),
    (
        "LoginError::Left",
        "no failure: the command to finish the login is printed",
    ),
    ("ListenError::Socket", "its cause, SocketError"),
    ("ProxyError::Listen", "its cause, ListenError"),
    ("ProxyError::Ca", "its causes, each a CaError"),
    ("SettingsError", "errors/settings"),
];

#[test]
fn each_error_that_is_reported_has_a_snapshot() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut shown = String::new();
    for folder in ["errors", "refusals", "session"] {
        for entry in fs::read_dir(root.join("tests/snapshots").join(folder)).unwrap() {
            shown += &fs::read_to_string(entry.unwrap().path()).unwrap();
        }
    }
    let mut missing = Vec::new();
    let mut known = 0;
    for file in sources(root) {
        let text = fs::read_to_string(&file).unwrap();
        for name in variants(&text) {
            known += 1;
            let is_elsewhere = ELSEWHERE.iter().any(|(known, _)| *known == name);
            if !is_elsewhere && !shown.contains(&name) {
                missing.push(name);
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    // They are found wherever they move to.
    assert!(known > 120, "only {known} errors were found");
}

/// What becomes words in `src/cli/failure.rs`, `client_certificate.rs` and `notices.rs`, or
/// responses in the proxy's `respond.rs`.
const REPORTED: [&str; 20] = [
    "AgeError",
    "BindError",
    "CaError",
    "CatalogError",
    "Change",
    "ChildError",
    "ClientCertificateError",
    "CredentialError",
    "DefinitionError",
    "HandBackError",
    "HomeError",
    "LoginError",
    "Notice",
    "OAuthError",
    "ProxyError",
    "Refusal",
    "SettingsError",
    "StoreError",
    "TrustError",
    "VaultError",
];

/// `Enum::Variant` for each variant that has words, and a struct by its name.
fn variants(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in REPORTED {
        if text.contains(&format!("struct {name} {{\n")) {
            found.push(name.to_owned());
        }
        let Some((_, body)) = text.split_once(&format!("enum {name} {{\n")) else {
            continue;
        };
        let body = body.split("\n}").next().unwrap_or_default();
        // A variant is what stands at the first indentation and is neither a comment, an attribute
        // nor a bracket.
        let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
        let lines = lines.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
        let variant = |line: &str| {
            let end = line.find(|end: char| !end.is_ascii_alphanumeric());
            format!("{name}::{}", &line[..end.unwrap_or(line.len())])
        };
        found.extend(lines.map(variant));
    }
    found
}

fn sources(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = ["src", "ca/src", "providers/src"]
        .map(|name| root.join(name))
        .to_vec();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}
