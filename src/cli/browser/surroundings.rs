//! Where authsome runs, as far as it matters for a browser.

use std::ffi::OsString;
use std::path::Path;

use crate::os::host_name::host_name;

/// Whether the user certainly has a browser here.
pub(in crate::cli) fn has_browser() -> bool {
    reaches_a_browser(|name| std::env::var_os(name))
}

/// Whether a variable leads to a browser, or to a display that has one.
fn reaches_a_browser(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let variables = ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY"];
    let is_set = |name: &&str| variable(name).is_some_and(|value| !value.is_empty());
    variables.iter().any(is_set)
}

/// Where authsome runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Surroundings {
    /// In a container that opens no browser outside.
    Container,
    /// At a desktop, or wherever else a browser may be opened.
    Desktop,
    /// In an SSH session without a display of its own. The command makes the port of the login
    /// reachable from the machine that the user sits at.
    Ssh {
        /// `ssh -N -L …`.
        tunnel: String,
    },
}

impl Surroundings {
    /// Of this process.
    pub(super) fn detect(port: u16) -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Self::of(port, variable, |path| Path::new(path).exists(), host_name)
    }

    /// By its variables and files. `BROWSER` and a display come first: editors that forward both
    /// the browser and the port set the former, `ssh -X` the latter.
    fn of(
        port: u16,
        variable: impl Fn(&str) -> Option<OsString>,
        exists: impl Fn(&str) -> bool,
        host_name: impl Fn() -> Option<String>,
    ) -> Self {
        if reaches_a_browser(&variable) {
            return Self::Desktop;
        }
        if let Some(connection) = variable("SSH_CONNECTION") {
            let tunnel = tunnel(port, &connection.to_string_lossy(), &variable, host_name);
            return Self::Ssh { tunnel };
        }
        let marks = ["container", "KUBERNETES_SERVICE_HOST", "REMOTE_CONTAINERS"];
        let files = ["/.dockerenv", "/run/.containerenv"];
        if marks.iter().any(|name| variable(name).is_some()) || files.into_iter().any(exists) {
            return Self::Container;
        }
        Self::Desktop
    }
}

/// The command for the user's own machine. `SSH_CONNECTION` is the client's address and port, then
/// the server's.
fn tunnel(
    port: u16,
    connection: &str,
    variable: impl Fn(&str) -> Option<OsString>,
    host_name: impl Fn() -> Option<String>,
) -> String {
    let mut words = connection.split_whitespace().skip(2);
    let (address, ssh_port) = (words.next(), words.next());
    let host = host_name().or(address.map(str::to_owned));
    let user = variable("USER").or(variable("LOGNAME"));
    let user = user.map(|user| format!("{}@", user.to_string_lossy()));
    let other_port = ssh_port.filter(|port| *port != "22");
    let other_port = other_port.map(|port| format!("-p {port} "));
    format!(
        "ssh -N -L {port}:127.0.0.1:{port} {}{}{}",
        other_port.unwrap_or_default(),
        user.unwrap_or_default(),
        host.unwrap_or_else(|| "HOST".to_owned())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)], files: &[&str]) -> Surroundings {
        let variable = |name: &str| {
            let found = variables.iter().find(|(have, _)| *have == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let name = || Some("build7".to_owned());
        Surroundings::of(7998, variable, |path| files.contains(&path), name)
    }

    #[test]
    fn a_place_without_a_browser_is_recognized() {
        let ssh = ("SSH_CONNECTION", "10.0.0.1 50000 10.0.0.7 22");
        let tunnel = |end: &str| Surroundings::Ssh {
            tunnel: format!("ssh -N -L 7998:127.0.0.1:7998 {end}"),
        };
        assert_eq!(found(&[], &[]), Surroundings::Desktop);
        assert_eq!(found(&[ssh, ("USER", "ada")], &[]), tunnel("ada@build7"));
        let other_port = ("SSH_CONNECTION", "10.0.0.1 50000 10.0.0.7 2222");
        assert_eq!(found(&[other_port], &[]), tunnel("-p 2222 build7"));
        assert_eq!(
            found(&[ssh, ("DISPLAY", ":10")], &[]),
            Surroundings::Desktop
        );
        assert_eq!(
            found(&[ssh, ("BROWSER", "code")], &[]),
            Surroundings::Desktop
        );
        assert_eq!(found(&[], &["/.dockerenv"]), Surroundings::Container);
        assert_eq!(
            found(&[("container", "podman")], &[]),
            Surroundings::Container
        );
    }
}
