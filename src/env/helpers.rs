//! The files that configure clients which the environment variables alone do not reach. They are
//! written before the child starts and removed after it has ended.
//!
//! None of them holds a secret: a client that needs the proxy's password reads it from the
//! environment, or connects without one.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use authsome_ca::TrustBundle;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::env::env_vars::{SessionFiles, Value, certificate_variables};
use crate::os::home::HomeError;
use crate::os::run_dir::{self, RunDirectory};

mod curlrc;
mod dotfiles;
mod java;
mod node;
mod pins;

pub use node::permission as node_permission;
pub use pins::ToolSettings;

/// Loaded by Node, Deno and Bun before the program (`NODE_OPTIONS`, `BUN_OPTIONS`).
const JAVASCRIPT_BOOTSTRAP: &[u8] = include_bytes!("helpers/boot.cjs");

/// Imported by Python before the program: Python imports any module named `sitecustomize` that it
/// finds (`PYTHONPATH`).
const PYTHON_SITECUSTOMIZE: &[u8] = include_bytes!("helpers/sitecustomize.py");

/// Loaded by `sitecustomize.py` when the program imports a client that does not find the proxy by
/// itself.
const PYTHON_CLIENTS: &[u8] = include_bytes!("helpers/authsome_clients.py");

/// Loaded by `authsome_clients.py` when that client is httpx.
const PYTHON_HTTPX: &[u8] = include_bytes!("helpers/authsome_httpx.py");

/// Run by PHP before the program (`auto_prepend_file`).
const PHP_PREPEND: &[u8] = include_bytes!("helpers/prepend.php");

/// Loaded by a JVM before the program (`-javaagent`), in a container. It is compiled from
/// `helpers/java/AuthsomeAgent.java`, which says what it is for.
const JAVA_AGENT: &[u8] = include_bytes!("helpers/java/authsome-agent.jar");

/// Names in the session's directory that occur more than once here.
const BUNDLE: &str = "bundle.pem";
const CA: &str = "ca.pem";
const EMPTY: &str = "empty";
const JAVA_ROOTS: &str = "roots.jks";
const PREPEND: &str = "prepend.php";
const PYTHON: &str = "python";

/// Whether the proxy admits a process of the run without a password. Where it does not, a client
/// that cannot send one must not be pointed at the proxy: every request would fail.
pub const ADMITS_BY_PROCESS: bool = cfg!(target_os = "linux");

/// A larger CA file of the parent's is not read: a variable may name any file.
const MAX_CA_FILE: u64 = 16 * 1024 * 1024;

/// The variables by which Chrome recognizes a desktop.
const DESKTOP: [&str; 4] = [
    "XDG_CURRENT_DESKTOP",
    "DESKTOP_SESSION",
    "GNOME_DESKTOP_SESSION_ID",
    "KDE_FULL_SESSION",
];

/// What the helper files are made from.
pub struct Helpers<'a> {
    /// The directory that they are written to.
    pub directory: &'a RunDirectory,
    /// All roots, without the session CA.
    pub roots: &'a TrustBundle,
    /// The session CA, which the children trust as well.
    pub ca_pem: &'a str,
    /// The SHA-256 digest of the session CA's `SubjectPublicKeyInfo`.
    pub ca_public_key_digest: [u8; 32],
    /// Where the proxy listens.
    pub proxy: SocketAddr,
    /// The hosts that are not proxied.
    pub no_proxy: &'a [String],
    /// The parent's environment.
    pub parent: &'a dyn Fn(&str) -> Option<OsString>,
    /// What settings of their own the user's tools have. `None` where the clients are in
    /// containers, which have none of them, and in which the proxy knows no process.
    pub tools: Option<&'a ToolSettings>,
    /// The parent's CA files whose certificates are already in the bundle.
    pub bundled_files: &'a [&'a Path],
    /// Whether [`write_common`] has been called for the directory.
    pub has_common: bool,
}

/// Writes what is the same for all sessions, which is most of what is written. [`Helpers::write`]
/// appends the session's CA to the roots.
pub fn write_common(directory: &RunDirectory, roots: &TrustBundle) -> Result<(), HomeError> {
    directory.write(BUNDLE, roots.pem())?;
    directory.create_directory(EMPTY)?;
    directory.create_directory(PYTHON)?;
    for (name, content) in [
        ("python/sitecustomize.py", PYTHON_SITECUSTOMIZE),
        ("python/authsome_clients.py", PYTHON_CLIENTS),
        ("python/authsome_httpx.py", PYTHON_HTTPX),
    ] {
        directory.write(name, content)?;
    }
    if quotable(directory.seen()).is_some() {
        directory.write(node::BOOTSTRAP, JAVASCRIPT_BOOTSTRAP)?;
        if ADMITS_BY_PROCESS {
            directory.write(PREPEND, PHP_PREPEND)?;
        }
        directory.write(JAVA_ROOTS, roots.java_key_store_begin())?;
    }
    Ok(())
}

impl Helpers<'_> {
    /// Writes all files.
    pub fn write(&self) -> Result<SessionFiles, HomeError> {
        if !self.has_common {
            write_common(self.directory, self.roots)?;
        }
        let ca_pem = self.ca_pem.as_bytes();
        let seen = |name| self.directory.seen().join(name);
        let mut files = SessionFiles {
            bundle: self.directory.append(BUNDLE, ca_pem)?,
            ca: self.directory.write(CA, ca_pem)?,
            empty: seen(EMPTY),
            chrome_extra_flags: ADMITS_BY_PROCESS.then(|| self.chrome()),
            python_path: Some(self.python(seen(PYTHON))),
            ..SessionFiles::default()
        };
        self.merge_certificates(&mut files)?;
        files.curl_home = self.curl_home()?;
        // The other files are named inside formats with their own quoting rules.
        if let Some(directory) = quotable(self.directory.seen()) {
            let boot = format!("{directory}/{}", node::BOOTSTRAP);
            let parent = (self.parent)("NODE_OPTIONS");
            files.node_options = Some(node::options(parent.as_deref(), &boot));
            // Bun accepts a path with a space only if the whole option is quoted.
            files.bun_options =
                Some(self.appended("BUN_OPTIONS", &format!("\"--preload={boot}\"")));
            files.php_scan_directory = Some(self.php(directory)?);
            files.java_tool_options = Some(self.java(directory)?);
            files.wgetrc = Some(self.wgetrc(directory)?);
        }
        Ok(files)
    }

    /// The flags for Chrome.
    ///
    /// On a desktop, Chrome takes its proxy from the desktop's settings and not from the
    /// environment, so the proxy is given as a flag. Elsewhere Chrome follows the environment.
    ///
    /// Chrome reads no variable for roots, but a flag can name a public key to trust. Chrome
    /// accepts any chain with that key, without checking name constraints or dates. So whoever has
    /// the session CA's certificate, which never leaves the machine, could impersonate a host to a
    /// Chrome of this session. Chrome honors the flag only with a separate profile directory
    /// (`--user-data-dir`) or when headless.
    fn chrome(&self) -> OsString {
        let (proxy, key) = (self.proxy, STANDARD.encode(self.ca_public_key_digest));
        let mut flags = format!("--ignore-certificate-errors-spki-list={key}");
        let is_set = |name: &str| (self.parent)(name).is_some_and(|value| !value.is_empty());
        if DESKTOP.iter().any(|name| is_set(name)) {
            flags = format!("--proxy-server=http://{proxy} {flags}");
        }
        self.appended("CHROME_EXTRA_FLAGS", &flags)
    }

    fn python(&self, path: PathBuf) -> OsString {
        // An empty element of `PYTHONPATH` would mean the working directory.
        let parent = (self.parent)("PYTHONPATH").filter(|parent| !parent.is_empty());
        let mut value = path.into_os_string();
        if let Some(parent) = parent {
            value.push(":");
            value.push(parent);
        }
        value
    }

    fn php(&self, directory: &str) -> Result<OsString, HomeError> {
        let setting = |name: &str, file: &str| format!("{name}=\"{directory}/{file}\"\n");
        let mut ini = setting("curl.cainfo", BUNDLE) + &setting("openssl.cafile", BUNDLE);
        if ADMITS_BY_PROCESS {
            ini += &setting("auto_prepend_file", PREPEND);
        }
        self.directory.write("authsome.ini", ini.as_bytes())?;
        let own = OsStr::new(directory); // where it is the only `*.ini`
        Ok(match (self.parent)("PHP_INI_SCAN_DIR") {
            // In `PHP_INI_SCAN_DIR` an empty element means the directory compiled into PHP; an
            // empty value means no directory.
            None => joined(OsStr::new(""), ":", own),
            Some(parent) if parent.is_empty() => own.to_owned(),
            Some(parent) => joined(&parent, ":", own),
        })
    }

    /// The options for a JVM. The store holds all roots, because a trust store replaces the JVM's
    /// own. The proxy has no user or password, because a JVM does not send any to a proxy by
    /// itself; where the proxy wants one, the agent gives it.
    fn java(&self, directory: &str) -> Result<OsString, HomeError> {
        let rest = self.roots.java_key_store_rest(self.ca_pem);
        self.directory.append(JAVA_ROOTS, &rest)?;
        let trust = format!(
            "-Djavax.net.ssl.trustStoreType=JKS \"-Djavax.net.ssl.trustStore={directory}/{JAVA_ROOTS}\""
        );
        let proxy = if let Some(tools) = self.tools {
            if !ADMITS_BY_PROCESS {
                return Ok(self.appended("JAVA_TOOL_OPTIONS", &trust));
            }
            java::proxy_properties(self.parent, tools.jdk_names_proxy, self.proxy)
        } else {
            self.directory.write("authsome-agent.jar", JAVA_AGENT)?;
            // The directory is ours, without a blank, so nothing is quoted: some readers of an
            // environment file would take quotes at the beginning of a value for their own.
            format!("-javaagent:{directory}/authsome-agent.jar")
        };
        let direct: Vec<_> = self
            .no_proxy
            .iter()
            .filter_map(|host| java::direct(host))
            .collect();
        let options = format!("{proxy} -Dhttp.nonProxyHosts={} {trust}", direct.join("|"));
        Ok(self.appended("JAVA_TOOL_OPTIONS", &options))
    }

    fn wgetrc(&self, directory: &str) -> Result<PathBuf, HomeError> {
        let user = dotfiles::wgetrc(self.parent).unwrap_or_default();
        let content = dotfiles::wgetrc_for_session(&user, &format!("{directory}/{BUNDLE}"));
        self.directory.write("wgetrc", &content)
    }

    /// Written only where the user's file would bypass the proxy or its CA. A file that is left
    /// alone cannot break.
    fn curl_home(&self) -> Result<Option<PathBuf>, HomeError> {
        let user = dotfiles::curlrc(self.parent).unwrap_or_default();
        let Some(content) = curlrc::for_session(&user) else {
            return Ok(None);
        };
        let home = self.directory.create_directory("curl")?;
        self.directory.write("curl/.curlrc", &content)?;
        Ok(Some(home))
    }

    /// A variable of the parent's may name certificates that are not in the bundle. The clients
    /// that read this variable keep trusting them.
    fn merge_certificates(&self, files: &mut SessionFiles) -> Result<(), HomeError> {
        for (name, value) in certificate_variables() {
            let Some(path) = (self.parent)(name).map(PathBuf::from) else {
                continue;
            };
            if self.bundled_files.contains(&path.as_path()) {
                // The bundle has them, and the session CA.
                if value != Value::Bundle {
                    files.merged.insert(name, files.bundle.clone());
                }
                continue;
            }
            let Some(parents) = dotfiles::read(&path, MAX_CA_FILE) else {
                continue; // missing, or a directory: it has nothing to lose
            };
            let merged = match value {
                Value::Bundle if self.roots.covers(&parents) => continue,
                Value::Bundle => self.roots.clone().with_pem(self.ca_pem),
                _ => TrustBundle::default().with_pem(self.ca_pem),
            };
            let merged = merged.with_pem(&String::from_utf8_lossy(&parents));
            let written = self.directory.write(&format!("{name}.pem"), merged.pem())?;
            files.merged.insert(name, written);
        }
        Ok(())
    }

    /// The parent's value of an option variable, with `option` appended.
    fn appended(&self, name: &str, option: &str) -> OsString {
        match (self.parent)(name).filter(|parent| !parent.is_empty()) {
            Some(parent) => joined(&parent, " ", OsStr::new(option)),
            None => option.into(),
        }
    }
}

fn joined(first: &OsStr, between: &str, second: &OsStr) -> OsString {
    let mut value = first.to_owned();
    value.push(between);
    value.push(second);
    value
}

/// The path as text, if every one of those formats accepts it unchanged between double quotes.
fn quotable(path: &Path) -> Option<&str> {
    path.to_str().filter(|_| run_dir::is_plain(path))
}
