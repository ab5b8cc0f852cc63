//! Whose use is kept to one room, and where a secret may be read.

/// A path of another crate or of the standard library, and the only places below `src/` where it,
/// or what is below it, is named.
pub(crate) const ROOMS_OF_DEPENDENCIES: &[(&str, &[&str])] = &[
    ("adler2", CODINGS),
    ("age", &["age_file.rs"]),
    ("aho_corasick", &["proxy/rewrite/scrub/mints.rs"]),
    ("apollo_parser", &["proxy/policy/graphql"]),
    ("aws_lc_rs::aead", &["vault/seal.rs"]),
    (
        "aws_lc_rs::digest",
        &[
            "connection/lineage.rs",
            "connection/terms.rs",
            "credential/signature.rs",
            "hand_back/ledger.rs",
            "proxy/exchange/ask.rs",
            "proxy/policy/git_push",
            "web/page.rs",
        ],
    ),
    ("aws_lc_rs::hkdf", &["vault/derived_key.rs"]),
    ("aws_lc_rs::hmac", &["vault/export_key.rs"]),
    ("bech32", &["age_file.rs"]),
    ("brotli_decompressor", CODINGS),
    ("clap", &["cli.rs", "cli"]),
    ("flate2", CODINGS),
    ("gix_packetline", &["proxy/policy/git_push"]),
    ("h2", &["proxy/http2.rs", "proxy/http2"]),
    ("hyper", HYPER),
    ("hyper_util", HYPER),
    ("ipnet", &["net/host_rule.rs", "net/user_proxy"]),
    ("jiff", &["clock"]),
    (
        "nix",
        &[
            "child.rs",
            "child",
            "isolate",
            "net/dial/shortage.rs",
            "net/dial/tcp.rs",
            "vault/sqlite/error.rs",
            "os",
        ],
    ),
    ("landlock", &["isolate/inside/landlock.rs"]),
    ("keyring", &["vault/os_keyring.rs"]),
    ("oauth2", &["oauth"]),
    ("rustix::net", &["child", "isolate"]),
    (
        "rustix::thread",
        &[
            "isolate/inside/capabilities.rs",
            "os/private_memory/locked.rs",
        ],
    ),
    ("tokio_postgres", &["vault/postgres.rs", "vault/postgres"]),
    ("rusqlite", &["vault/sqlite.rs", "vault/sqlite"]),
    (
        "rustls",
        &[
            "net/dial.rs",
            "net/dial",
            "net/tls.rs",
            "net/tls",
            "oauth/transport.rs",
            "proxy/io/readiness.rs",
            "proxy/serve/captured/hello.rs",
            "proxy/serve/server_tls.rs",
            "proxy/upstream/tls.rs",
            "vault/postgres/address.rs",
            "vault/postgres/tls.rs",
        ],
    ),
    ("seccompiler", &["isolate/inside/filter.rs"]),
    ("simple_dns", &["isolate/resolver.rs"]),
    ("std::env::var", ENVIRONMENT),
    ("std::env::var_os", ENVIRONMENT),
    ("std::env::vars", ENVIRONMENT),
    ("std::env::vars_os", ENVIRONMENT),
    ("std::io::stdout", &["cli"]),
    // What is started elsewhere would get what is ours in its environment.
    ("std::process::Command::new", STARTING),
    ("std::time::SystemTime::now", &["clock.rs"]),
    ("tokio::process::Command::new", STARTING),
    ("zstd_safe", CODINGS),
];

/// Where bodies are decoded: small ones to a bound, and those that are searched as they stream.
const CODINGS: &[&str] = &[
    "content_coding.rs",
    "proxy/policy/git_push",
    "proxy/rewrite/scrub/coding",
];

/// Where hyper is: its server for the proxy's own port and the login's, its client for OAuth.
const HYPER: &[&str] = &[
    "loopback",
    "loopback.rs",
    "net/dial",
    "oauth/transport.rs",
    "proxy/body/client.rs",
    "proxy/exchange/upgrade.rs",
    "proxy/serve",
    "web/serve.rs",
];

/// Where the environment of the process is read.
const ENVIRONMENT: &[&str] = &[
    "child/ahead.rs", // what the command inherits
    "cli",
    "defence.rs",      // in the build of tests/attacks alone
    "isolate/wall.rs", // in a build for a test of the walls
    "os/program_path.rs",
    "session/parent.rs",
];

/// Where other programs are started.
const STARTING: &[&str] = &[
    "child/ahead.rs",
    "child/exec.rs",
    "child/helper.rs",
    "cli/browser.rs",
    "cli/browser/commands.rs",
    "env/programs.rs",
    "isolate/inside",
    "os/private_memory.rs",
];

/// Each file that reads a secret was looked at for what it does with it.
pub(crate) const EXPOSING: &[&str] = &[
    "age_file.rs",
    "cli/client_certificate.rs",
    "cli/cmd/credential.rs",
    "cli/cmd/export.rs",
    "cli/cmd/get.rs",
    "cli/cmd/login/files.rs",
    "cli/cmd/login/key.rs",
    "cli/cmd/login/suspended.rs",
    "cli/cmd/token.rs",
    "cli/cmd/vault.rs",
    "cli/cmd/vault/import.rs",
    "connection/import.rs",
    "connection/lineage.rs",
    "connection/login/device.rs",
    "connection/login/key.rs",
    "connection/login/suspended.rs",
    "connection/record.rs",
    "connection/store.rs",
    "connection/store/codec.rs",
    "connection/store/export.rs",
    "connection/store/records.rs",
    "credential/git_protocol.rs",
    "credential/ready.rs",
    "credential/signature.rs",
    "hand_back/file.rs",
    "loopback.rs",
    "loopback/requests.rs",
    "loopback/responses.rs",
    "net/dial/socks.rs",
    "net/tls/client_certificate.rs",
    "net/user_proxy/proxy.rs",
    "oauth/authorize.rs",
    "oauth/token.rs",
    "proxy/admission/admit.rs",
    "proxy/exchange/scrubbing.rs",
    "proxy/rewrite/minted.rs",
    "session/environment.rs",
    "session/key_file.rs",
    "session/own.rs",
    "session/scrub.rs",
    "session/user_data.rs",
    "vault/export_key.rs",
    "vault/postgres/address.rs",
    "vault/os_keyring.rs",
    "vault/master_key.rs",
    "vault/seal.rs",
    "web/access.rs",
    "web/serve.rs",
];
