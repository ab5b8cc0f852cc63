//! The proxy and `NO_PROXY` as system properties of a JVM.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::dotfiles::{MAX_FILE, read, set};

/// The parent's environment.
type Parent<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The files with the default networking properties, relative to the installation's directory: of
/// JDK 9 and later, of a JRE 8, and of a JDK 8.
const DEFAULTS: [&str; 3] = [
    "conf/net.properties",
    "lib/net.properties",
    "jre/lib/net.properties",
];

/// The options that name the proxy.
///
/// A JVM reads no variable for its proxy, so it is given as options. Options cannot follow later
/// changes of a variable, so they use the properties that the JDK reads last
/// (`sun.net.spi.DefaultProxySelector` reads `https.proxyHost` before `proxyHost`). A sandbox
/// within the run with its own proxy sets the earlier properties, which then win. Only where the
/// user's own settings already have those are they set here instead.
pub(super) fn proxy_properties(
    parent: Parent<'_>,
    jdk_names_proxy: bool,
    proxy: SocketAddr,
) -> String {
    let (host, port) = (proxy.ip(), proxy.port());
    let options = parent("JAVA_TOOL_OPTIONS").unwrap_or_default();
    let names_proxy = jdk_names_proxy || options.to_string_lossy().contains(".proxyHost");
    let kinds: &[&str] = if names_proxy {
        &["http.proxy", "https.proxy"]
    } else {
        &["proxy"]
    };
    let options = kinds
        .iter()
        .map(|kind| format!("-D{kind}Host={host} -D{kind}Port={port}"));
    options.collect::<Vec<_>>().join(" ")
}

/// Whether the defaults of a JDK in use name a proxy.
pub(super) fn defaults_name_proxy(parent: Parent<'_>) -> bool {
    let defaults = homes(parent).into_iter().flat_map(|home| {
        let files = DEFAULTS.iter().map(move |name| home.join(name));
        files.filter_map(|file| read(&file, MAX_FILE))
    });
    defaults.into_iter().any(|content| {
        let content = String::from_utf8_lossy(&content);
        let mut lines = content.lines().map(str::trim_start);
        lines.any(|line| line.starts_with("http.proxyHost") || line.starts_with("https.proxyHost"))
    })
}

/// The JDKs most likely to be used: the one in `JAVA_HOME`, and those on the `PATH`, where one may
/// be found more than once.
fn homes(parent: Parent<'_>) -> BTreeSet<PathBuf> {
    let mut homes: BTreeSet<_> = set(parent, "JAVA_HOME").into_iter().collect();
    let places = parent("PATH").unwrap_or_default();
    let places = std::env::split_paths(&places).filter(|place| place.is_absolute());
    // Most have none, and what resolves a path asks about each of its parts.
    let found = places
        .map(|place| place.join("java"))
        .filter(|java| java.exists());
    for java in found.filter_map(|java| std::fs::canonicalize(java).ok()) {
        let home = java.parent().and_then(Path::parent);
        homes.extend(home.map(Path::to_owned));
    }
    homes
}

/// An entry of `NO_PROXY` in the syntax of `http.nonProxyHosts`; `None` where that syntax cannot
/// express it (a port, an address block).
pub(super) fn direct(entry: &str) -> Option<String> {
    if entry.contains('/') {
        return None;
    }
    let is_address = entry.bytes().filter(|byte| *byte == b':').count() > 1;
    if entry.starts_with('[') {
        return entry.ends_with(']').then(|| entry.to_owned());
    }
    if is_address {
        return Some(format!("[{entry}]"));
    }
    if entry.contains(':') {
        return None;
    }
    // `http.nonProxyHosts` takes a star only at the beginning or at the end.
    let name = entry.strip_prefix('*').unwrap_or(entry);
    match name.strip_prefix('.') {
        Some(domain) => Some(format!("*.{domain}")),
        None => Some(entry.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandboxs_own_proxy_goes_before_ours_and_ours_before_the_users() {
        let home = tempfile::tempdir().unwrap();
        let (jdk, old, plain) = (
            home.path().join("jdk"),
            home.path().join("old"),
            home.path().join("plain"),
        );
        for (directory, name, content) in [
            (&jdk, "conf", "# http.proxyHost=x\nhttps.proxyHost=corp\n"),
            (&old, "jre/lib", "  http.proxyHost = corp"),
            (
                &plain,
                "conf",
                "#http.proxyHost=\nhttp.nonProxyHosts=localhost|127.*|[::1]\n",
            ),
        ] {
            let directory = directory.join(name);
            std::fs::create_dir_all(&directory).unwrap();
            let mut file = std::fs::File::create(directory.join("net.properties")).unwrap();
            std::io::Write::write_all(&mut file, content.as_bytes()).unwrap();
        }
        let binaries = jdk.join("bin");
        std::fs::create_dir(&binaries).unwrap();
        std::fs::File::create(binaries.join("java")).unwrap();
        let links = home.path().join("links");
        std::fs::create_dir(&links).unwrap();
        std::os::unix::fs::symlink(binaries.join("java"), links.join("java")).unwrap();
        let last = "-DproxyHost=127.0.0.1 -DproxyPort=1";
        let first = "-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=1 -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=1";
        let proxy = SocketAddr::from(([127, 0, 0, 1], 1));
        for (variable, value, expected) in [
            ("HOME", home.path(), last),
            ("JAVA_HOME", plain.as_path(), last),
            ("JAVA_HOME", jdk.as_path(), first),
            ("JAVA_HOME", old.as_path(), first),
            ("PATH", links.as_path(), first),
            ("JAVA_TOOL_OPTIONS", Path::new("-Xmx64m"), last),
            (
                "JAVA_TOOL_OPTIONS",
                Path::new("-Dhttps.proxyHost=corp"),
                first,
            ),
        ] {
            let parent = |name: &str| (name == variable).then(|| value.into());
            let options = proxy_properties(&parent, defaults_name_proxy(&parent), proxy);
            assert_eq!(options, expected, "{variable}={}", value.display());
        }
    }

    #[test]
    fn entries_become_what_a_jvm_reads() {
        for (entry, expected) in [
            ("localhost", Some("localhost")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("::1", Some("[::1]")),
            ("[fd00::1]", Some("[fd00::1]")),
            ("[fd00::1]:80", None),
            ("db:5432", None),
            ("10.0.0.0/8", None),
            ("fd00::/8", None),
            (".corp", Some("*.corp")),
            ("*.corp", Some("*.corp")),
            ("*", Some("*")),
        ] {
            assert_eq!(direct(entry).as_deref(), expected, "{entry}");
        }
    }
}
