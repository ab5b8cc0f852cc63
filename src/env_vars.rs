//! The child's environment: each variable that `authsome run` sets, with its reason. The names were measured client by client.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// What a child gets in place of a secret. It never leaves the machine.
pub const PLACEHOLDER: &str = "authsome-proxy-managed";

/// The variable with the master key; no child ever gets it.
pub const MASTER_KEY: &str = "AUTHSOME_MASTER_KEY";

/// What a variable of the table stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    /// The file with all roots and the session CA.
    Bundle,
    /// The file with the session CA alone, for clients that add it to their own roots.
    Ca,
    /// The hosts that are not to be proxied.
    NoProxy,
    /// The proxy's URL, password included.
    Proxy,
    /// Nothing: the parent's value would lead a client around the proxy or its certificates.
    Remove,
    /// That text.
    Text(&'static str),
}

/// Name, value and reason of each.
const VARIABLES: &[(&str, Value, &str)] = &[
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
        Value::Proxy,
        "aiohttp looks up the scheme of a WebSocket",
    ),
    ("ws_proxy", Value::Proxy, "the same"),
    ("WSS_PROXY", Value::Proxy, "the same"),
    ("wss_proxy", Value::Proxy, "the same"),
    ("grpc_proxy", Value::Proxy, "gRPC's own name"),
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
    ("PIP_PROXY", Value::Proxy, "beats pip.conf"),
    (
        "NODE_EXTRA_CA_CERTS",
        Value::Ca,
        "added to Node's own roots; the whole bundle would slow its start",
    ),
    (
        "NODE_USE_ENV_PROXY",
        Value::Text("1"),
        "Node's fetch ignores the proxy variables without it",
    ),
    (
        "NODE_TLS_REJECT_UNAUTHORIZED",
        Value::Remove,
        "a child that verifies nothing would not notice a bypass",
    ),
    (
        "npm_config_cafile",
        Value::Bundle,
        "beats npmrc, whose cafile hides NODE_EXTRA_CA_CERTS",
    ),
    ("npm_config_proxy", Value::Proxy, "beats npmrc"),
    ("npm_config_https_proxy", Value::Proxy, "beats npmrc"),
    ("npm_config_noproxy", Value::NoProxy, "beats npmrc"),
    (
        "YARN_HTTPS_PROXY",
        Value::Proxy,
        "yarn 4 reads no standard variable",
    ),
    ("YARN_HTTP_PROXY", Value::Proxy, "the same"),
    ("YARN_HTTPS_CA_FILE_PATH", Value::Bundle, "the same"),
    ("DENO_CERT", Value::Ca, "Deno's own trust"),
    ("CARGO_HTTP_CAINFO", Value::Bundle, "beats cargo's config"),
    ("CARGO_HTTP_PROXY", Value::Proxy, "beats cargo's config"),
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
    ("HTTPLIB2_CA_CERTS", Value::Bundle, "httplib2"),
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
];

/// What the table's values are in one session.
#[derive(Clone, Copy, Debug)]
pub struct SessionValues<'a> {
    /// `http://authsome:SECRET@127.0.0.1:PORT`.
    pub proxy: &'a str,
    /// Comma-separated, exact names and addresses: the only form that all clients read alike.
    pub no_proxy: &'a str,
    /// The file with all roots and the session CA.
    pub bundle: &'a Path,
    /// The file with the session CA.
    pub ca: &'a Path,
    /// The session's public name.
    pub session: &'a str,
}

/// Changes to an inherited environment: a value, or `None` to remove the variable.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    changes: BTreeMap<OsString, Option<OsString>>,
}

impl Environment {
    /// The changes that every session makes.
    pub fn for_session(values: &SessionValues<'_>) -> Self {
        let mut environment = Self::default();
        for (name, value, _reason) in VARIABLES {
            match value {
                Value::Bundle => environment.set(name, values.bundle),
                Value::Ca => environment.set(name, values.ca),
                Value::NoProxy => environment.set(name, values.no_proxy),
                Value::Proxy => environment.set(name, values.proxy),
                Value::Remove => environment.remove(name),
                Value::Text(text) => environment.set(name, text),
            }
        }
        environment.set("AUTHSOME_SESSION", values.session);
        environment
    }

    /// Sets a variable.
    pub fn set(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        self.changes
            .insert(name.as_ref().to_owned(), Some(value.as_ref().to_owned()));
    }

    /// Removes a variable.
    pub fn remove(&mut self, name: impl AsRef<OsStr>) {
        self.changes.insert(name.as_ref().to_owned(), None);
    }

    /// Appends git configuration (`GIT_CONFIG_COUNT`, git 2.31 and later), which beats the user's files, to what the parent has.
    pub fn configure_git(&mut self, parent_count: Option<&OsStr>, entries: &[(String, String)]) {
        let inherited = parent_count
            .and_then(OsStr::to_str)
            .and_then(|count| count.parse::<usize>().ok())
            .unwrap_or(0);
        for (index, (key, value)) in entries.iter().enumerate() {
            self.set(format!("GIT_CONFIG_KEY_{}", inherited + index), key);
            self.set(format!("GIT_CONFIG_VALUE_{}", inherited + index), value);
        }
        self.set("GIT_CONFIG_COUNT", (inherited + entries.len()).to_string());
    }

    /// Puts the placeholder in the place of each of `secrets` in the inherited variables that are not set anew; returns their names.
    ///
    /// The rest of a value stays: a URL with a token in it is a URL still, and git counts its `GIT_CONFIG_…` variables.
    pub fn replace_secrets(
        &mut self,
        inherited: impl Iterator<Item = (OsString, OsString)>,
        secrets: &[&str],
    ) -> Vec<OsString> {
        let mut found = Vec::new();
        for (name, value) in inherited.filter(|(name, _)| !self.changes.contains_key(name)) {
            let mut clean = value.as_bytes().to_vec();
            for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
                clean = replace(&clean, secret.as_bytes());
            }
            if clean != value.as_bytes() {
                found.push((name, OsString::from_vec(clean)));
            }
        }
        for (name, value) in &found {
            self.set(name, value);
        }
        found.into_iter().map(|(name, _)| name).collect()
    }

    /// All changes, by name.
    pub fn changes(&self) -> impl Iterator<Item = (&OsStr, Option<&OsStr>)> {
        self.changes
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_deref()))
    }
}

fn replace(text: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(text.len());
    let mut end = 0;
    for start in memchr::memmem::find_iter(text, secret) {
        clean.extend_from_slice(&text[end..start]);
        clean.extend_from_slice(PLACEHOLDER.as_bytes());
        end = start + secret.len();
    }
    clean.extend_from_slice(&text[end..]);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment::for_session(&SessionValues {
            proxy: "http://authsome:s@127.0.0.1:1",
            no_proxy: "localhost",
            bundle: Path::new("/run/bundle.pem"),
            ca: Path::new("/run/ca.pem"),
            session: "id",
        })
    }

    fn value(environment: &Environment, name: &str) -> Option<String> {
        environment
            .changes
            .get(OsStr::new(name))
            .cloned()
            .flatten()
            .map(|value| value.into_string().unwrap())
    }

    #[test]
    fn both_cases_agree_and_the_master_key_is_gone() {
        let environment = environment();
        for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"] {
            assert_eq!(
                value(&environment, name),
                value(&environment, &name.to_lowercase()),
                "{name}"
            );
            assert!(value(&environment, name).is_some());
        }
        assert_eq!(environment.changes.get(OsStr::new(MASTER_KEY)), Some(&None));
    }

    #[test]
    fn each_variable_stands_once_and_has_a_reason() {
        for (index, (name, _, reason)) in VARIABLES.iter().enumerate() {
            assert!(!reason.is_empty(), "{name}");
            assert!(
                VARIABLES[index + 1..]
                    .iter()
                    .all(|(other, _, _)| other != name),
                "{name} stands twice"
            );
        }
    }

    #[test]
    fn git_configuration_is_appended() {
        let mut environment = environment();
        let entries = [
            ("a.b".to_owned(), "1".to_owned()),
            ("c.d".to_owned(), String::new()),
        ];
        environment.configure_git(Some(OsStr::new("2")), &entries);
        assert_eq!(value(&environment, "GIT_CONFIG_COUNT").unwrap(), "4");
        assert_eq!(value(&environment, "GIT_CONFIG_KEY_2").unwrap(), "a.b");
        assert_eq!(value(&environment, "GIT_CONFIG_VALUE_3").unwrap(), "");
    }

    #[test]
    fn inherited_secrets_are_replaced_wherever_they_hide() {
        let mut environment = environment();
        let inherited = [
            ("REMOTE", "https://oauth2:tok123@host/"),
            ("OTHER", "fine"),
            ("HTTPS_PROXY", "tok123"),
        ];
        let replaced = environment.replace_secrets(
            inherited.map(|(n, v)| (n.into(), v.into())).into_iter(),
            &["tok123", ""],
        );
        assert_eq!(replaced, ["REMOTE"]);
        let remote = value(&environment, "REMOTE").unwrap();
        assert_eq!(remote, format!("https://oauth2:{PLACEHOLDER}@host/"));
        assert!(
            value(&environment, "HTTPS_PROXY").is_some(),
            "what the session sets stays"
        );
    }
}
