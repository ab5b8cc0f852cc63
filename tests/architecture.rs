//! The floors of the house and its rooms: no import goes up, and one dependency is used in one room only.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot read the source has failed"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Module and floor; a module imports only from lower floors, or from itself.
const FLOORS: &[(&str, u32)] = &[
    ("authority", 1),
    ("clock", 1),
    ("content_coding", 1),
    ("env_vars", 1),
    ("home", 1),
    ("port_owner", 1),
    ("process_tree", 1),
    ("program_path", 1),
    ("resolve", 1),
    ("secret", 1),
    ("socket_owner", 1),
    ("text", 1),
    ("ulimits", 1),
    ("waiting", 1),
    ("programs", 2),
    ("run_dir", 2),
    ("tls", 2),
    ("user_proxy", 2),
    ("credential", 3),
    ("dial", 3),
    ("git_config", 3),
    ("helpers", 3),
    ("loopback", 3),
    ("private_memory", 3),
    ("vault", 3),
    ("audit", 4),
    ("child", 4),
    ("oauth", 4),
    ("connection", 5),
    ("proxy", 6),
    ("session", 7),
    ("cli", 8),
    ("fuzzing", 9),
    ("lib", 9),
    ("main", 9),
];

/// A word of the source, and the only places (prefixes of paths under `src/`) where it may stand.
const ROOMS: &[(&str, &[&str])] = &[
    ("aws_lc_rs::aead", &["vault/seal.rs"]),
    ("aws_lc_rs::digest", &["connection/terms.rs"]),
    ("brotli_decompressor", &["content_coding.rs"]),
    ("clap", &["cli.rs", "cli/"]),
    ("flate2", &["content_coding.rs"]),
    ("h2::", &["proxy/http2.rs", "proxy/http2/"]),
    (
        "hyper::",
        &[
            "dial/",
            "proxy/body/client.rs",
            "proxy/exchange/upgrade.rs",
            "proxy/serve/",
            "loopback/",
            "oauth/transport.rs",
        ],
    ),
    (
        "hyper_util::",
        &[
            "dial/",
            "proxy/exchange/upgrade.rs",
            "proxy/serve/",
            "loopback/",
            "oauth/transport.rs",
        ],
    ),
    ("ipnet", &["user_proxy/"]),
    (
        "nix::",
        &[
            "child.rs",
            "dial/shortage.rs",
            "dial/tcp.rs",
            "home.rs",
            "private_memory.rs",
            "process_tree.rs",
            "process_tree/",
            "run_dir.rs",
            "socket_owner.rs",
            "ulimits.rs",
        ],
    ),
    // What is started elsewhere would get what is ours in its environment.
    (
        "Command::new",
        &[
            "child.rs",
            "cli/browser.rs",
            "cli/browser/commands.rs",
            "private_memory.rs",
            "process_tree.rs", // in its tests
            "programs.rs",
        ],
    ),
    ("oauth2::", &["oauth/"]),
    ("rusqlite", &["vault/sqlite.rs", "vault/sqlite/"]),
    ("ruzstd", &["content_coding.rs"]),
    (
        "rustls::",
        &[
            "tls.rs",
            "tls/",
            "dial.rs",
            "dial/",
            "proxy/io/readiness.rs",
            "proxy/serve/server_tls.rs",
            "proxy/upstream/tls.rs",
            "oauth/transport.rs",
        ],
    ),
    (
        "std::env::var",
        &["cli/", "program_path.rs", "session/parent.rs"],
    ),
    ("std::io::stdout", &["cli/"]),
    ("io::stdout", &["cli/printer.rs"]),
    ("SystemTime::now", &["clock.rs"]),
];

/// Where a secret may be read. Each file here was looked at for what it does with it.
const EXPOSING: &[&str] = &[
    "cli/cmd/export.rs",
    "cli/cmd/get.rs",
    "cli/cmd/login.rs",
    "cli/client_certificate.rs",
    "connection/store.rs",
    "connection/store/codec.rs",
    "dial/socks.rs",
    "loopback.rs",
    "loopback/requests.rs",
    "loopback/responses.rs",
    "oauth/account.rs",
    "oauth/authorize.rs",
    "oauth/token.rs",
    "proxy/admission/admit.rs",
    "proxy/rewrite/credential.rs",
    "secret.rs",
    "session.rs",
    "session/environment.rs",
    "session/scrub.rs",
    "session/user_data.rs",
    "tls/client_certificate.rs",
    "user_proxy/proxy.rs",
    "vault/memory.rs", // for tests
    "vault/seal.rs",
    "vault/tests.rs",
];

#[test]
fn no_import_goes_up() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let module = module_of(&path);
        let floor = floor_of(&module)
            .unwrap_or_else(|| panic!("{module} has no floor: add it to the table"));
        for (other, other_floor) in FLOORS {
            let up = *other_floor >= floor && *other != module && module != "lib";
            if up && text.contains(&format!("crate::{other}")) {
                wrong.push(format!(
                    "{} imports {other}, which is not below it",
                    path.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn one_dependency_has_one_room() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let name = path.to_string_lossy().into_owned();
        for (word, rooms) in ROOMS {
            if names(&text, word) && !rooms.iter().any(|room| name.starts_with(room)) {
                wrong.push(format!("{name} uses {word}, whose room is {rooms:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn secrets_are_read_in_few_places() {
    let exposing = |text: &str| text.contains(".expose()");
    let wrong: Vec<_> = sources()
        .filter(|(path, text)| exposing(text) && !EXPOSING.contains(&&*path.to_string_lossy()))
        .map(|(path, _)| path)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_crates_at_the_ground_know_nothing_above() {
    for (manifest, forbidden) in [
        ("ca/Cargo.toml", "authsome-"),
        ("providers/Cargo.toml", "authsome-"),
    ] {
        let text = fs::read_to_string(root().join(manifest)).unwrap();
        let (_, dependencies) = text.split_once("[dependencies]").unwrap();
        assert!(!dependencies.contains(forbidden), "{manifest}");
    }
}

/// What a floor must not know, though it is below.
const STRANGERS: &[(&str, &[&str])] = &[
    // No door composes a session for itself.
    ("cli", &["dial", "git_config", "helpers", "run_dir"]),
    ("connection", &["child", "home"]),
    ("dial", &["child", "vault"]),
    ("oauth", &["vault"]),
    ("proxy", &["child", "oauth", "vault"]),
];

/// The rooms of `src/proxy`, from the top down: each imports only from rooms further down, or from itself.
const PROXY_ROOMS: &[&str] = &[
    "bench",
    "serve",
    "exchange",
    "upstream",
    "body",
    "http2",
    "http1",
    "message",
    "policy",
    "admission",
    "rewrite",
    "io",
    "refusal",
    "limits",
];

/// Words that do not stand in a room of the proxy, though what they name is below.
const PROXY_STRANGERS: &[(&str, &[&str])] = &[
    ("exchange", &["rustls::", "tokio_rustls::", "TcpStream"]),
    ("upstream", &["crate::audit"]),
    ("body", &["crate::audit", "crate::proxy::refusal"]),
    (
        "http2",
        &["crate::proxy::http1", "crate::proxy::refusal", "hyper::"],
    ),
    ("http1", &["crate::proxy::refusal", "hyper::"]),
    ("message", &["crate::proxy::refusal", "tokio::"]),
    ("policy", &["crate::proxy::io", "tokio::"]),
    ("rewrite", &["crate::proxy::io", "hyper::", "tokio::"]),
    ("io", &["http::", "hyper::"]),
];

#[test]
fn a_room_of_the_proxy_imports_only_from_rooms_below() {
    let mut wrong = Vec::new();
    for (path, text) in sources().filter(|(path, _)| path.starts_with("proxy")) {
        let room = room_of(&path);
        let floor = PROXY_ROOMS.iter().position(|name| *name == room);
        let floor = floor.unwrap_or_else(|| panic!("{room} is no room of the proxy's table"));
        for above in &PROXY_ROOMS[..floor] {
            if names(&text, &format!("crate::proxy::{above}")) {
                wrong.push(format!(
                    "{} imports {above}, which is above",
                    path.display()
                ));
            }
        }
        let strangers = PROXY_STRANGERS.iter().filter(|(name, _)| *name == room);
        for word in strangers.flat_map(|(_, words)| *words) {
            if names(&text, word) {
                wrong.push(format!("{} knows {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Of a path below `proxy/`, or beside it with the same name.
fn room_of(path: &Path) -> String {
    let room = path.components().nth(1).unwrap().as_os_str();
    room.to_string_lossy().trim_end_matches(".rs").to_owned()
}

#[test]
fn a_floor_knows_only_what_it_needs() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let strangers = STRANGERS
            .iter()
            .filter(|(module, _)| *module == module_of(&path));
        for stranger in strangers.flat_map(|(_, strangers)| *strangers) {
            if text.contains(&format!("crate::{stranger}")) {
                wrong.push(format!("{} knows {stranger}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether the word stands in the text by itself: `nix::` is not in `unix::`.
fn names(text: &str, word: &str) -> bool {
    let part_of_a_name = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(word)
        .any(|(position, _)| !text[..position].ends_with(part_of_a_name))
}

/// Path under `src/` and text without unit tests and comments.
fn sources() -> impl Iterator<Item = (PathBuf, String)> {
    let source = root().join("src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    // Unit tests in a file of their own are made of what their errors hold.
    // So is what compares with another implementation, and what must hold of any bytes.
    let of_tests = ["tests.rs", "http1/differential", "http1/properties.rs"];
    files.retain(|file| {
        let name = file.to_string_lossy();
        !of_tests.iter().any(|part| name.contains(part))
    });
    files.into_iter().map(move |file| {
        let text = fs::read_to_string(&file).unwrap();
        let code = text
            .split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap_or_default();
        let code = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n");
        (file.strip_prefix(&source).unwrap().to_owned(), code)
    })
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn module_of(path: &Path) -> String {
    let first = path
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn floor_of(module: &str) -> Option<u32> {
    FLOORS
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, floor)| *floor)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
