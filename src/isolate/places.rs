//! Which files are not there inside, and where systems keep the certificates that they trust.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// The environment that the command inherits.
pub type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Directories whose sockets lead to services of the machine, which act for whoever asks: the
/// session's and the system's D-Bus, service managers, resolvers, container engines, virtual
/// machines, printers. Not all of `/run`: some systems keep their programs there.
const SERVICES: &[&str] = &[
    "/run/avahi-daemon",
    "/run/containerd",
    "/run/crio",
    "/run/cups",
    "/run/dbus",
    "/run/docker",
    "/run/docker.sock",
    "/run/incus",
    "/run/libvirt",
    "/run/lxd",
    "/run/nscd",
    "/run/pcscd",
    "/run/podman",
    "/run/snapd.socket",
    "/run/systemd",
    "/run/user",
    "/var/lib/incus/unix.socket",
    "/var/lib/lxd/unix.socket",
    "/var/run/docker.sock",
];

/// The same in the user's home directory.
const SERVICES_AT_HOME: &[&str] = &[
    ".docker/desktop",
    ".docker/run",
    ".colima/default/docker.sock",
    ".local/share/keyrings",
    ".rd/docker.sock",
];

/// Variables that name a socket, alone or as `unix:path=…` and `unix://…`.
const SOCKETS: &[&str] = &[
    "CONTAINER_HOST",
    "DBUS_SESSION_BUS_ADDRESS",
    "DBUS_SYSTEM_BUS_ADDRESS",
    "DOCKER_HOST",
    "GPG_AGENT_INFO",
    "NVIM",
    "SSH_AUTH_SOCK",
    "TMUX",
    "VSCODE_IPC_HOOK_CLI",
];

/// As many sockets as are hidden one by one; a machine has some dozens.
const MAX_SOCKETS: usize = 1024;

/// Bundles of PEM, as distributions have them.
const BUNDLES: &[&str] = &[
    "/etc/ca-certificates/extracted/tls-ca-bundle.pem", // Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, Red Hat
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/tls/certs/ca-bundle.trust.crt",
    "/etc/ssl/ca-bundle.pem", // SUSE
    "/etc/ssl/cert.pem",      // Alpine
    "/etc/ssl/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Gentoo, NixOS
    "/usr/lib/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
    "/usr/local/ssl/cert.pem",
    "/usr/share/pki/ca-trust-legacy/ca-bundle.legacy.default.crt",
    "/usr/share/ssl/certs/ca-bundle.crt",
    "/var/lib/ca-certificates/ca-bundle.pem", // SUSE
];

/// Directories in which OpenSSL looks certificates up by their subject.
const HASHED: &[&str] = &[
    "/etc/ca-certificates/extracted/cadir",           // Arch
    "/etc/pki/ca-trust/extracted/pem/directory-hash", // Fedora
    "/etc/pki/tls/certs",                             // Red Hat
    "/etc/ssl/certs",                                 // Debian, Alpine
    "/usr/local/ssl/certs",
    "/var/lib/ca-certificates/openssl", // SUSE
];

/// Key stores of Java, as distributions have them.
const KEY_STORES: &[&str] = &[
    "/etc/pki/ca-trust/extracted/java/cacerts",
    "/etc/pki/java/cacerts",
    "/etc/ssl/certs/java/cacerts",
    "/var/lib/ca-certificates/java-cacerts",
];

/// The same within a Java installation: of JDK 9 and later or a JRE 8, and of a JDK 8.
const KEY_STORES_OF_JAVA: [&str; 2] = ["lib/security/cacerts", "jre/lib/security/cacerts"];

/// Python's own bundles, below the directory of a version's packages.
const BUNDLES_OF_PYTHON: [&str; 2] = ["certifi/cacert.pem", "pip/_vendor/certifi/cacert.pem"];

/// What is not there inside, beside authsome's own. With `keeps_agents`, the sockets of `ssh-agent`
/// and `gpg-agent` are in the second list: they stay.
pub fn of_services(variable: Variable<'_>, keeps_agents: bool) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mut hidden: BTreeSet<PathBuf> = SERVICES.iter().map(PathBuf::from).collect();
    hidden.extend(variable("XDG_RUNTIME_DIR").map(PathBuf::from));
    if let Some(home) = variable("HOME").map(PathBuf::from) {
        hidden.extend(SERVICES_AT_HOME.iter().map(|name| home.join(name)));
    }
    let named = SOCKETS.iter().filter_map(|name| variable(name));
    hidden.extend(named.filter_map(|value| path_in(&value)));
    hidden.extend(listening_sockets());
    let mut kept = Vec::new();
    if keeps_agents {
        kept.extend(variable("SSH_AUTH_SOCK").map(PathBuf::from));
        let runtime = variable("XDG_RUNTIME_DIR").map(PathBuf::from);
        kept.extend(runtime.map(|directory| directory.join("gnupg")));
        let gnupg = variable("GNUPGHOME").map(PathBuf::from);
        let gnupg = gnupg.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".gnupg")));
        hidden.retain(|path| {
            let is_agents = gnupg.as_ref().is_some_and(|home| path.starts_with(home));
            !is_agents && !kept.iter().any(|kept| path.starts_with(kept))
        });
    }
    let is_usable = |path: &PathBuf| path.is_absolute() && path != Path::new("/");
    hidden.retain(is_usable);
    kept.retain(is_usable);
    (outermost(hidden), kept)
}

/// Those that are not within another one.
fn outermost(paths: BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let mut outer: Vec<PathBuf> = Vec::new();
    for path in paths {
        // They are sorted, so what holds a path comes before it.
        if !outer.iter().any(|held| path.starts_with(held)) {
            outer.push(path);
        }
    }
    outer
}

/// The path in such a variable.
fn path_in(value: &OsStr) -> Option<PathBuf> {
    let text = value.to_str()?;
    let path = text.find('/').and_then(|from| {
        let text = text.get(from..)?.trim_start_matches('/');
        let end = text.find([',', ';', ':']).unwrap_or(text.len());
        text.get(..end)
    })?;
    Some(Path::new("/").join(path))
}

/// The sockets with a path on which somebody listens or takes datagrams now, by the kernel's list
/// of them. Whoever connects to one of them has left the command's namespaces, as a path leads out
/// of all of them but the mounts.
fn listening_sockets() -> Vec<PathBuf> {
    const LISTENS: &str = "00010000";
    const DATAGRAMS: &str = "0002";
    let list = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let lines = list.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace().skip(3);
        let (flags, kind) = (fields.next()?, fields.next()?);
        let path = fields.nth(2)?;
        let takes = flags == LISTENS || kind == DATAGRAMS;
        (takes && path.starts_with('/')).then(|| PathBuf::from(path))
    });
    lines.take(MAX_SOCKETS).collect()
}

/// Where bundles of PEM are that programs trust, and key stores of Java.
pub fn of_certificates(variable: Variable<'_>, directory: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mut bundles: BTreeSet<PathBuf> = BUNDLES.iter().map(PathBuf::from).collect();
    let mut stores: BTreeSet<PathBuf> = KEY_STORES.iter().map(PathBuf::from).collect();
    let path = variable("PATH").unwrap_or_default();
    let programs: Vec<_> = std::env::split_paths(&path).collect();
    let mut pythons: Vec<PathBuf> = vec![directory.join(".venv"), directory.join("venv")];
    pythons.extend(variable("VIRTUAL_ENV").map(PathBuf::from));
    pythons.extend(installations(&programs, &["python3", "python"]));
    for python in pythons {
        bundles.extend(bundles_of_python(&python));
    }
    let mut javas: Vec<PathBuf> = variable("JAVA_HOME")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    javas.extend(installations(&programs, &["java"]));
    let installed = fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
    javas.extend(installed.map(|entry| entry.path()));
    for java in javas {
        stores.extend(KEY_STORES_OF_JAVA.map(|name| java.join(name)));
    }
    (targets(bundles), targets(stores))
}

/// The directories in which OpenSSL looks certificates up by their subject, as far as they are
/// there.
pub fn of_hashed_certificates() -> Vec<PathBuf> {
    let found = HASHED.iter().filter_map(|path| fs::canonicalize(path).ok());
    let found: BTreeSet<_> = found.filter(|path| path.is_dir()).collect();
    found.into_iter().collect()
}

/// Programs that make containers or sandboxes, which takes namespaces: they would fail inside with
/// a word of the kernel's.
const CONTAINER_PROGRAMS: &[&str] = &[
    "apptainer",
    "buildah",
    "bwrap",
    "crun",
    "distrobox",
    "firejail",
    "nerdctl",
    "podman",
    "runc",
    "singularity",
    "systemd-nspawn",
    "toolbox",
];

/// Those of them that the command would find.
pub fn of_container_programs(variable: Variable<'_>) -> Vec<PathBuf> {
    let path = variable("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).flat_map(|directory| {
        CONTAINER_PROGRAMS
            .iter()
            .map(move |name| directory.join(name))
    });
    // A program of several names, told apart by the one it is called by, is not to be replaced.
    let is_itself = |path: &PathBuf| {
        fs::canonicalize(path).is_ok_and(|target| target.file_name() == path.file_name())
    };
    targets(found.filter(is_itself).collect())
}

/// The same in the installations that the words of a command lie in: its program, or the script
/// that it is told, in the `bin` of a virtual environment or of a JDK.
pub fn of_words<'a>(
    words: impl Iterator<Item = &'a OsStr>,
    directory: &Path,
) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut bundles, mut stores) = (BTreeSet::new(), BTreeSet::new());
    for word in words.take(MAX_WORDS) {
        let program = directory.join(word);
        let Some(bin) = program.parent().filter(|above| above.ends_with("bin")) else {
            continue;
        };
        let Some(installation) = bin.parent().filter(|_| program.is_file()) else {
            continue;
        };
        bundles.extend(bundles_of_python(installation));
        stores.extend(KEY_STORES_OF_JAVA.map(|name| installation.join(name)));
    }
    (targets(bundles), targets(stores))
}

/// As many words of a command are looked at.
const MAX_WORDS: usize = 64;

/// What the links lead to, each once, as far as it is there.
fn targets(paths: BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let found = paths
        .into_iter()
        .filter_map(|path| fs::canonicalize(path).ok());
    let files: BTreeSet<_> = found.filter(|path| path.is_file()).collect();
    files.into_iter().collect()
}

/// The installations of a program: the directories above the `bin` that it is in.
fn installations(directories: &[PathBuf], names: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for directory in directories {
        for name in names {
            let program = directory.join(name);
            let ends = [Some(program.clone()), fs::canonicalize(&program).ok()];
            let exists = program.exists();
            let above = ends.into_iter().flatten().filter(|_| exists);
            found.extend(above.filter_map(|path| path.parent()?.parent().map(Path::to_owned)));
        }
    }
    found
}

fn bundles_of_python(installation: &Path) -> Vec<PathBuf> {
    let versions = fs::read_dir(installation.join("lib")).into_iter().flatten();
    let versions = versions.flatten().filter(|entry| {
        let name = entry.file_name();
        name.as_encoded_bytes().starts_with(b"python3")
    });
    let mut bundles = Vec::new();
    for version in versions {
        for packages in ["site-packages", "dist-packages"] {
            let packages = version.path().join(packages);
            bundles.extend(BUNDLES_OF_PYTHON.map(|name| packages.join(name)));
        }
    }
    bundles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_socket_is_found_in_a_variable() {
        let table = [
            ("/tmp/ssh-x/agent.1", Some("/tmp/ssh-x/agent.1")),
            ("unix:path=/run/user/1000/bus", Some("/run/user/1000/bus")),
            ("unix:path=/tmp/bus,guid=ab", Some("/tmp/bus")),
            ("unix:///home/u/docker.sock", Some("/home/u/docker.sock")),
            ("/tmp/tmux-1000/default,1,0", Some("/tmp/tmux-1000/default")),
            ("/tmp/S.gpg-agent:1:1", Some("/tmp/S.gpg-agent")),
            ("unix:abstract=bus", None),
            ("", None),
        ];
        for (value, path) in table {
            let expected = path.map(PathBuf::from);
            assert_eq!(path_in(OsStr::new(value)), expected, "{value}");
        }
    }

    #[test]
    fn agents_stay_where_the_user_keeps_them() {
        let variable = |name: &str| {
            Some(OsString::from(match name {
                "HOME" => "/home/u",
                "SSH_AUTH_SOCK" => "/tmp/ssh-x/agent.1",
                "XDG_RUNTIME_DIR" => "/run/user/1000",
                _ => return None,
            }))
        };
        let (hidden, kept) = of_services(&variable, false);
        assert!(hidden.contains(&PathBuf::from("/tmp/ssh-x/agent.1")));
        assert!(hidden.contains(&PathBuf::from("/run/user")));
        assert!(!hidden.contains(&PathBuf::from("/run/user/1000")), "within");
        assert_eq!(kept, Vec::<PathBuf>::new());
        let (hidden, kept) = of_services(&variable, true);
        assert!(!hidden.contains(&PathBuf::from("/tmp/ssh-x/agent.1")));
        assert!(kept.contains(&PathBuf::from("/tmp/ssh-x/agent.1")));
        assert!(kept.contains(&PathBuf::from("/run/user/1000/gnupg")));
    }
}
