//! The child's environment: each variable that `authsome run` sets, with its reason. Which
//! variables a client reads was tested with each client.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

mod inherited;
mod table;

use crate::defence::Defence;
pub use inherited::Inherited;
use table::VARIABLES;
pub use table::{MASTER_KEY, MASTER_KEY_FILE, OURS, Pin, VAULT, Value};

/// What a child gets in place of a secret. The proxy never lets it leave the machine.
pub const PLACEHOLDER: &str = "authsome-proxy-managed";

/// git's configuration in the environment (git-config(1)): the number of entries, and the prefixes
/// of the variables that hold them.
const GIT_CONFIG_COUNT: &str = "GIT_CONFIG_COUNT";
const GIT_CONFIG_KEY: &str = "GIT_CONFIG_KEY_";
const GIT_CONFIG_VALUE: &str = "GIT_CONFIG_VALUE_";

/// The files of one session, by purpose. Where a file is missing, its variable stays as the parent
/// has it.
#[derive(Clone, Debug, Default)]
pub struct SessionFiles {
    /// All roots and the session CA.
    pub bundle: PathBuf,
    /// The session CA.
    pub ca: PathBuf,
    /// The merged files for variables in which the parent names its own certificates.
    pub merged: BTreeMap<&'static str, PathBuf>,
    /// `BUN_OPTIONS`.
    pub bun_options: Option<OsString>,
    /// `CHROME_EXTRA_FLAGS`.
    pub chrome_extra_flags: Option<OsString>,
    /// `CURL_HOME`.
    pub curl_home: Option<PathBuf>,
    /// A directory with nothing in it.
    pub empty: PathBuf,
    /// `JAVA_TOOL_OPTIONS`.
    pub java_tool_options: Option<OsString>,
    /// `NODE_OPTIONS`.
    pub node_options: Option<OsString>,
    /// `PHP_INI_SCAN_DIR`.
    pub php_scan_directory: Option<OsString>,
    /// `PYTHONPATH`.
    pub python_path: Option<OsString>,
    /// `WGETRC`.
    pub wgetrc: Option<PathBuf>,
}

/// The session's values for the variables of the table.
#[derive(Clone, Copy, Debug)]
pub struct SessionValues<'a> {
    /// `http://authsome:SECRET@127.0.0.1:PORT`.
    pub proxy: &'a str,
    /// Comma-separated exact names and addresses: the only form that all clients parse alike.
    pub no_proxy: &'a str,
    /// The session's files.
    pub files: &'a SessionFiles,
    /// The session's public name.
    pub session: &'a str,
    /// The tools whose own settings name a proxy.
    pub pins: &'a [Pin],
}

impl SessionValues<'_> {
    /// The value of one variable of the table; `None` if it is not set.
    fn of(&self, name: &str, value: Value) -> Option<&OsStr> {
        let files = self.files;
        match value {
            Value::Bundle => Some(files.merged.get(name).unwrap_or(&files.bundle).as_os_str()),
            Value::BunOptions => files.bun_options.as_deref(),
            Value::Ca => Some(files.merged.get(name).unwrap_or(&files.ca).as_os_str()),
            Value::ChromeExtraFlags => files.chrome_extra_flags.as_deref(),
            Value::CurlHome => files.curl_home.as_deref().map(Path::as_os_str),
            Value::EmptyDirectory => Some(files.empty.as_os_str()),
            Value::JavaToolOptions => files.java_tool_options.as_deref(),
            Value::NodeOptions => files.node_options.as_deref(),
            Value::NoProxy => Some(OsStr::new(self.no_proxy)),
            Value::NoProxyOver(pin) => self.over(pin, self.no_proxy),
            Value::PhpScanDirectory => files.php_scan_directory.as_deref(),
            Value::Proxy => Some(OsStr::new(self.proxy)),
            Value::ProxyOver(pin) => self.over(pin, self.proxy),
            Value::PythonPath => files.python_path.as_deref(),
            Value::Remove => None,
            Value::Text(text) => Some(OsStr::new(text)),
            Value::Wgetrc => files.wgetrc.as_deref().map(Path::as_os_str),
        }
    }
}

impl<'a> SessionValues<'a> {
    fn over(&self, pin: Pin, value: &'a str) -> Option<&'a OsStr> {
        self.pins.contains(&pin).then_some(OsStr::new(value))
    }
}

/// Whether the variable is a setting of clients, which every session changes or removes.
pub fn is_a_clients(name: &str) -> bool {
    VARIABLES.iter().any(|(known, _, _)| *known == name)
}

/// The variables of the table that name certificates.
pub fn certificate_variables() -> impl Iterator<Item = (&'static str, Value)> {
    VARIABLES
        .iter()
        .filter(|(_, value, _)| matches!(value, Value::Bundle | Value::Ca))
        .map(|(name, value, _)| (*name, *value))
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
            match values.of(name, *value) {
                Some(text) => environment.set(name, text),
                None => match value {
                    Value::Remove | Value::ProxyOver(_) | Value::NoProxyOver(_) => {
                        environment.remove(name);
                    }
                    _ => {}
                },
            }
        }
        environment.set("AUTHSOME_SESSION", values.session);
        environment.set("AUTHSOME_PROXY_MODE", "true"); // some tools ask for this one
        for name in OURS {
            if Defence::OwnVariables.stands() {
                environment.remove(name);
            } else {
                environment.changes.remove(OsStr::new(name));
            }
        }
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

    /// Leaves a variable as the parent has it; `false` if it was not going to be changed. The
    /// variables with the master key are removed in any case.
    ///
    /// `GIT_CONFIG_COUNT` includes the entries that it counts.
    pub fn leave(&mut self, name: &OsStr) -> bool {
        if OURS.iter().any(|ours| name == *ours) {
            return false;
        }
        if name == GIT_CONFIG_COUNT {
            self.changes.retain(|name, _| {
                let entry = name.as_bytes();
                !entry.starts_with(GIT_CONFIG_KEY.as_bytes())
                    && !entry.starts_with(GIT_CONFIG_VALUE.as_bytes())
            });
        }
        self.changes.remove(name).is_some()
    }

    /// Appends git configuration to the parent's (`GIT_CONFIG_COUNT`, git 2.31 and later). It takes
    /// precedence over the user's files.
    pub fn configure_git(&mut self, parent_count: Option<&OsStr>, entries: &[(String, String)]) {
        let inherited = parent_count
            .and_then(OsStr::to_str)
            .and_then(|count| count.parse::<usize>().ok())
            .unwrap_or(0);
        for (index, (key, value)) in entries.iter().enumerate() {
            self.set(format!("{GIT_CONFIG_KEY}{}", inherited + index), key);
            self.set(format!("{GIT_CONFIG_VALUE}{}", inherited + index), value);
        }
        self.set(GIT_CONFIG_COUNT, (inherited + entries.len()).to_string());
    }

    /// Takes over the parent's cleaned variables, except those that the session sets itself.
    /// Returns the names of all cleaned variables whose value reaches the command: those taken
    /// over, and those to whose cleaned value the session appends.
    pub fn adopt_cleaned(&mut self, inherited: &Inherited) -> Vec<OsString> {
        let mut told = Vec::new();
        for (name, value) in inherited.cleaned() {
            match self.changes.get(name) {
                None => self.set(name, value),
                Some(Some(own)) if has_part(own, PLACEHOLDER) => {}
                Some(_) => continue,
            }
            told.push(name.to_owned());
        }
        told
    }

    /// All changes, by name.
    pub fn changes(&self) -> impl Iterator<Item = (&OsStr, Option<&OsStr>)> {
        self.changes
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_deref()))
    }
}

/// Whether the text contains the word and something else.
fn has_part(text: &OsStr, word: &str) -> bool {
    text != word && memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        environment_with(&[Pin::Pip])
    }

    fn environment_with(pins: &[Pin]) -> Environment {
        let files = SessionFiles {
            bundle: "/run/bundle.pem".into(),
            ca: "/run/ca.pem".into(),
            merged: [("PIP_CERT", "/run/pip.pem".into())].into(),
            node_options: Some("--require /run/boot.cjs".into()),
            ..SessionFiles::default()
        };
        Environment::for_session(&SessionValues {
            proxy: "http://authsome:s@127.0.0.1:1",
            no_proxy: "localhost",
            files: &files,
            session: "id",
            pins,
        })
    }

    #[test]
    fn what_a_tools_own_settings_name_is_overridden_and_nothing_else_is_pinned() {
        let environment = environment_with(&[Pin::Npm]);
        for name in ["npm_config_proxy", "npm_config_https_proxy"] {
            let proxy = value(&environment, name).unwrap();
            assert_eq!(proxy, "http://authsome:s@127.0.0.1:1", "{name}");
        }
        assert_eq!(
            value(&environment, "npm_config_noproxy").unwrap(),
            "localhost"
        );
        for name in [
            "PIP_PROXY",
            "CARGO_HTTP_PROXY",
            "YARN_HTTPS_PROXY",
            "wss_proxy",
            "grpc_proxy",
        ] {
            let change = environment.changes.get(OsStr::new(name));
            assert_eq!(
                change,
                Some(&None),
                "{name}: the parent's would win as well"
            );
        }
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
    fn a_variable_gets_its_own_file_where_there_is_one() {
        let environment = environment();
        for (name, expected) in [
            ("SSL_CERT_FILE", Some("/run/bundle.pem")),
            ("PIP_CERT", Some("/run/pip.pem")),
            ("DENO_CERT", Some("/run/ca.pem")),
            ("NODE_OPTIONS", Some("--require /run/boot.cjs")),
            ("WGETRC", None),
        ] {
            assert_eq!(value(&environment, name).as_deref(), expected, "{name}");
        }
        assert!(!environment.changes.contains_key(OsStr::new("WGETRC")));
    }

    #[test]
    fn what_the_user_leaves_alone_stays_the_parents() {
        let mut environment = environment();
        environment.configure_git(None, &[("a.b".to_owned(), "1".to_owned())]);
        assert!(environment.leave(OsStr::new("NODE_OPTIONS")));
        assert!(!environment.leave(OsStr::new("NODE_OPTIONS")));
        assert!(!environment.leave(OsStr::new(MASTER_KEY)));
        assert!(environment.leave(OsStr::new("GIT_CONFIG_COUNT")));
        let names: Vec<_> = environment.changes().map(|(name, _)| name).collect();
        assert!(!names.contains(&OsStr::new("NODE_OPTIONS")));
        assert!(!names.contains(&OsStr::new("GIT_CONFIG_KEY_0")));
        assert!(names.contains(&OsStr::new(MASTER_KEY)));
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
        let variables = [
            ("REMOTE", "https://oauth2:tok123@host/"),
            ("OTHER", "fine"),
            ("HTTPS_PROXY", "tok123"),
            ("NODE_OPTIONS", "--title=tok123"),
        ];
        let mut inherited = Inherited::new(variables.map(|(n, v)| (n.into(), v.into())));
        inherited.clean(&["tok123", ""]);
        let mut environment = environment();
        let appended = inherited.get("NODE_OPTIONS").unwrap();
        environment.set("NODE_OPTIONS", appended);
        assert_eq!(
            environment.adopt_cleaned(&inherited),
            ["REMOTE", "NODE_OPTIONS"]
        );
        let remote = value(&environment, "REMOTE").unwrap();
        assert_eq!(remote, format!("https://oauth2:{PLACEHOLDER}@host/"));
        let proxy = value(&environment, "HTTPS_PROXY").unwrap();
        assert_eq!(
            proxy, "http://authsome:s@127.0.0.1:1",
            "what the session sets stays"
        );
        let options = value(&environment, "NODE_OPTIONS").unwrap();
        assert_eq!(options, format!("--title={PLACEHOLDER}"));
    }
}
