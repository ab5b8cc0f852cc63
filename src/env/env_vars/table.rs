//! Each variable that a session sets or removes, with its reason.

/// The variable with the master key. No child gets it.
pub const MASTER_KEY: &str = "AUTHSOME_MASTER_KEY";

/// The variable that names the file with the master key.
pub const MASTER_KEY_FILE: &str = "AUTHSOME_MASTER_KEY_FILE";

/// The variable that names the database of a vault that machines share.
pub const VAULT: &str = "AUTHSOME_VAULT";

/// Variables for authsome alone: no program that it starts gets them.
pub const OURS: [&str; 3] = [MASTER_KEY, MASTER_KEY_FILE, VAULT];

/// The kind of value that a variable of the table gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// The file with all roots, the session CA, and the certificates that the parent's variable
    /// names.
    Bundle,
    /// The parent's value and the bootstrap to preload.
    BunOptions,
    /// The file with the session CA and the certificates that the parent's variable names, for
    /// clients that add them to their own roots.
    Ca,
    /// The parent's value and the flags for the proxy and the session CA.
    ChromeExtraFlags,
    /// The directory with a `.curlrc` that leaves the proxy and the roots to the environment. Set
    /// only where the user's own file does not.
    CurlHome,
    /// An empty directory, so that the user's settings are not read.
    EmptyDirectory,
    /// The parent's value and the JVM's options for the proxy and the trust store. It holds no
    /// secret, because every JVM prints these options.
    JavaToolOptions,
    /// The parent's value and the bootstrap to preload.
    NodeOptions,
    /// The hosts that are not proxied.
    NoProxy,
    /// The same, where that tool's own settings name a proxy; otherwise the variable is removed.
    NoProxyOver(Pin),
    /// The parent's value and the directory with the session's ini file.
    PhpScanDirectory,
    /// The proxy's URL with its password.
    Proxy,
    /// The same, where that tool's own settings name another proxy; otherwise the variable is
    /// removed.
    ///
    /// It is not set always, because a tool within the run may put the run behind a proxy of its
    /// own by the usual variables. A tool-specific variable would override those and keep its
    /// clients at an address that they can no longer reach.
    ProxyOver(Pin),
    /// The directory with `sitecustomize.py`, and the parent's value.
    PythonPath,
    /// The variable is removed: the parent's value would make a client bypass the proxy or its
    /// certificates.
    Remove,
    /// This text.
    Text(&'static str),
    /// A copy of the user's wgetrc that names the roots.
    Wgetrc,
}

/// A tool whose own settings take precedence over the usual proxy variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// cargo's `config.toml`, and git's configuration, which cargo reads too.
    Cargo,
    /// npm's and pnpm's `npmrc`.
    Npm,
    /// `pip.conf`.
    Pip,
    /// yarn's `.yarnrc` and `.yarnrc.yml`.
    Yarn,
}

/// Name, value and reason of each variable.
pub(super) const VARIABLES: &[(&str, Value, &str)] = &[
    ("HTTPS_PROXY", Value::Proxy, "most clients"),
    (
        "https_proxy",
        Value::Proxy,
        "wget, aria2 and gRPC read only lower case",
    ),
    (
        "HTTP_PROXY",
        Value::Proxy,
        "Ruby's net/http takes it for https as well",
    ),
    (
        "http_proxy",
        Value::Proxy,
        "curl reads only lower case for http",
    ),
    ("ALL_PROXY", Value::Proxy, "clients that know no other"),
    ("all_proxy", Value::Proxy, "the same"),
    (
        "WS_PROXY",
        Value::Remove,
        "aiohttp would take it for a WebSocket's proxy, before the usual ones",
    ),
    ("ws_proxy", Value::Remove, "the same"),
    ("WSS_PROXY", Value::Remove, "the same"),
    ("wss_proxy", Value::Remove, "the same"),
    (
        "grpc_proxy",
        Value::Remove,
        "gRPC would take it before the usual ones",
    ),
    (
        "NO_PROXY",
        Value::NoProxy,
        "the parent's exclusions are honoured upstream; here they would bypass the injection",
    ),
    ("no_proxy", Value::NoProxy, "the same"),
    (
        "SSL_CERT_FILE",
        Value::Bundle,
        "OpenSSL, Go, rustls: it replaces their default, so it holds all roots",
    ),
    (
        "SSL_CERT_DIR",
        Value::Remove,
        "a directory without the session CA would win over the file for some clients",
    ),
    (
        "REQUESTS_CA_BUNDLE",
        Value::Bundle,
        "Python requests uses certifi otherwise",
    ),
    ("CURL_CA_BUNDLE", Value::Bundle, "curl"),
    (
        "GIT_SSL_CAINFO",
        Value::Bundle,
        "git built with GnuTLS reads no other",
    ),
    ("AWS_CA_BUNDLE", Value::Bundle, "boto3, aws"),
    ("PIP_CERT", Value::Bundle, "beats pip.conf"),
    ("PIP_PROXY", Value::ProxyOver(Pin::Pip), "beats pip.conf"),
    (
        "PYTHONPATH",
        Value::PythonPath,
        "aiohttp, http.client and urllib3 ask for no proxy by themselves",
    ),
    (
        "NODE_EXTRA_CA_CERTS",
        Value::Ca,
        "added to Node's own roots; the whole bundle would slow its start",
    ),
    (
        "NODE_OPTIONS",
        Value::NodeOptions,
        "Node ignores the proxy variables; its own switch for them (NODE_USE_ENV_PROXY) costs 30 ms and leaves many clients out",
    ),
    (
        "BUN_OPTIONS",
        Value::BunOptions,
        "Bun's node:https and WebSocket ignore the proxy variables",
    ),
    (
        "NODE_TLS_REJECT_UNAUTHORIZED",
        Value::Remove,
        "a child that verifies nothing would not notice a bypass",
    ),
    (
        "NPM_CONFIG_CAFILE",
        Value::Remove,
        "npm takes both spellings for one, and the order decides",
    ),
    ("NPM_CONFIG_PROXY", Value::Remove, "the same"),
    ("NPM_CONFIG_HTTPS_PROXY", Value::Remove, "the same"),
    ("NPM_CONFIG_NOPROXY", Value::Remove, "the same"),
    (
        "npm_config_cafile",
        Value::Bundle,
        "beats npmrc, whose cafile hides NODE_EXTRA_CA_CERTS",
    ),
    (
        "npm_config_proxy",
        Value::ProxyOver(Pin::Npm),
        "beats npmrc",
    ),
    (
        "npm_config_https_proxy",
        Value::ProxyOver(Pin::Npm),
        "beats npmrc",
    ),
    (
        "npm_config_noproxy",
        Value::NoProxyOver(Pin::Npm),
        "beats npmrc",
    ),
    (
        "YARN_HTTPS_PROXY",
        Value::ProxyOver(Pin::Yarn),
        "beats yarn's settings",
    ),
    ("YARN_HTTP_PROXY", Value::ProxyOver(Pin::Yarn), "the same"),
    (
        "YARN_HTTPS_CA_FILE_PATH",
        Value::Bundle,
        "yarn 4 reads no standard variable",
    ),
    ("DENO_CERT", Value::Ca, "Deno's own trust"),
    ("CARGO_HTTP_CAINFO", Value::Bundle, "beats cargo's config"),
    (
        "CARGO_HTTP_PROXY",
        Value::ProxyOver(Pin::Cargo),
        "beats cargo's config",
    ),
    (
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
        Value::Bundle,
        "gRPC's only knob",
    ),
    (
        "PERL_LWP_ENV_PROXY",
        Value::Text("1"),
        "LWP ignores the proxy variables without it",
    ),
    (
        "PERL_LWP_SSL_CA_FILE",
        Value::Bundle,
        "LWP does not read SSL_CERT_FILE",
    ),
    (
        "CURL_HOME",
        Value::CurlHome,
        "a proxy or a CA in the user's .curlrc beats the environment",
    ),
    (
        "WGETRC",
        Value::Wgetrc,
        "wget takes its roots from this file only",
    ),
    (
        "PHP_INI_SCAN_DIR",
        Value::PhpScanDirectory,
        "PHP takes its roots from php.ini only, and its streams no proxy from the environment",
    ),
    (
        "JAVA_TOOL_OPTIONS",
        Value::JavaToolOptions,
        "a JVM reads neither the proxy variables nor the system's roots",
    ),
    (
        "GLAB_CONFIG_DIR",
        Value::EmptyDirectory,
        "glab shall not send the token that it keeps there, nor need one",
    ),
    (
        "MOJO_PROXY",
        Value::Text("1"),
        "Mojo::UserAgent ignores the proxy variables without it",
    ),
    (
        "MOJO_CA_FILE",
        Value::Bundle,
        "Mojo::UserAgent does not read SSL_CERT_FILE",
    ),
    (
        "CHROME_EXTRA_FLAGS",
        Value::ChromeExtraFlags,
        "Chrome, Chromium: they read no variable for roots, and on a desktop none for the proxy",
    ),
    ("HTTPLIB2_CA_CERTS", Value::Bundle, "httplib2"),
    (
        "SYSTEM_CERTIFICATE_PATH",
        Value::Bundle,
        "pandoc, and what else is written in Haskell",
    ),
    (
        "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
        Value::Bundle,
        "gcloud",
    ),
    ("NIX_SSL_CERT_FILE", Value::Bundle, "Nix"),
    ("BUNDLE_SSL_CA_CERT", Value::Bundle, "Bundler"),
    ("HEX_CACERTS_PATH", Value::Bundle, "Hex"),
    ("JULIA_SSL_CA_ROOTS_PATH", Value::Bundle, "Julia"),
    (
        "GIT_TERMINAL_PROMPT",
        Value::Text("0"),
        "git shall fail rather than ask for a password that authsome holds",
    ),
    (MASTER_KEY, Value::Remove, "it opens the vault"),
    (VAULT, Value::Remove, "it may hold a password"),
];
