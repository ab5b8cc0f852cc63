//! Whose use is kept to one room, and where a secret may be read.

/// A path of another crate or of the standard library, and the only places below `src/` where it, or what is below it, is named.
pub(crate) const ROOMS_OF_DEPENDENCIES: &[(&str, &[&str])] = &[
    ("aws_lc_rs::aead", &["vault/seal.rs"]),
    ("aws_lc_rs::digest", &["connection/terms.rs"]),
    ("brotli_decompressor", &["content_coding.rs"]),
    ("clap", &["cli.rs", "cli"]),
    ("flate2", &["content_coding.rs"]),
    (
        "h2",
        &["proxy/http2.rs", "proxy/http2", "proxy/http2_lease.rs"],
    ),
    (
        "hyper",
        &[
            "dial",
            "proxy",
            "oauth/callback.rs",
            "oauth/callback",
            "oauth/transport.rs",
        ],
    ),
    (
        "hyper_util",
        &[
            "dial",
            "proxy",
            "oauth/callback.rs",
            "oauth/callback",
            "oauth/transport.rs",
        ],
    ),
    (
        "nix",
        &[
            "child.rs",
            "dial/tcp.rs",
            "home.rs",
            "private_memory.rs",
            "process_tree.rs",
            "run_dir.rs",
            "socket_owner.rs",
            "ulimits.rs",
        ],
    ),
    ("oauth2", &["oauth"]),
    ("rusqlite", &["vault.rs", "vault"]),
    (
        "rustls",
        &[
            "tls.rs",
            "tls",
            "dial.rs",
            "dial",
            "proxy",
            "oauth/transport.rs",
        ],
    ),
    ("ruzstd", &["content_coding.rs"]),
    ("std::env::var", &["cli", "programs.rs"]),
    ("std::env::var_os", &["cli", "programs.rs"]),
    ("std::env::vars", &["cli", "programs.rs"]),
    ("std::env::vars_os", &["cli", "programs.rs"]),
    ("std::io::stdout", &["cli"]),
    // What is started elsewhere would get what is ours in its environment.
    ("std::process::Command::new", STARTING),
    ("std::time::SystemTime::now", &["clock.rs"]),
    ("tokio::process::Command::new", STARTING),
];

/// Where other programs are started.
const STARTING: &[&str] = &[
    "child.rs",
    "cli/browser.rs",
    "cli/browser/commands.rs",
    "private_memory.rs",
    "programs.rs",
];

/// Each file that reads a secret was looked at for what it does with it.
pub(crate) const EXPOSING: &[&str] = &[
    "cli/cmd/export.rs",
    "cli/cmd/get.rs",
    "cli/cmd/login.rs",
    "cli/cmd/run/furnish.rs",
    "cli/cmd/run/scrub.rs",
    "cli/context.rs",
    "connection/store.rs",
    "connection/store/codec.rs",
    "dial/socks.rs",
    "oauth/account.rs",
    "oauth/authorize.rs",
    "oauth/callback.rs",
    "oauth/token.rs",
    "proxy/admit.rs",
    "proxy/inject.rs",
    "user_proxy.rs",
    "vault/seal.rs",
];
