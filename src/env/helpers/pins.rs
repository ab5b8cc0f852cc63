//! Finds the tools whose own settings name a proxy, which would take precedence over the usual
//! variables.
//!
//! Anything that looks like such a setting counts as one. A false match only overrides a setting
//! without need; a missed one lets the tool bypass the proxy.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::dotfiles::{MAX_FILE, read, set};
use super::java;
use crate::env::env_vars::Pin;

/// The parent's environment.
type Parent<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// What the settings of the user's tools say of proxies, as far as variables do not.
#[derive(Clone, Debug)]
pub struct ToolSettings {
    /// The tools whose settings name one.
    naming_proxy: Vec<Pin>,
    /// Whether the defaults of a JDK in use name one.
    pub(super) jdk_names_proxy: bool,
}

impl ToolSettings {
    /// Reads them. It looks for about a hundred files, so it is done beside other work where it
    /// can be.
    pub fn read(parent: Parent<'_>, directory: &Path) -> Self {
        let mut naming_proxy = Vec::new();
        if any(cargo_files(parent, directory), whole_line) {
            naming_proxy.push(Pin::Cargo);
        }
        if any(npm_files(parent, directory), key) {
            naming_proxy.push(Pin::Npm);
        }
        if any(pip_files(parent), key) {
            naming_proxy.push(Pin::Pip);
        }
        if any(yarn_files(parent, directory), key) {
            naming_proxy.push(Pin::Yarn);
        }
        Self {
            naming_proxy,
            jdk_names_proxy: java::defaults_name_proxy(parent),
        }
    }

    /// The tools with such settings. `git_names_proxy` is what git reports of its own
    /// configuration, which cargo reads too.
    pub fn pins(&self, git_names_proxy: bool) -> Vec<Pin> {
        let is_cargos = self.naming_proxy.contains(&Pin::Cargo);
        let by_git = (git_names_proxy && !is_cargos).then_some(Pin::Cargo);
        let own = self.naming_proxy.iter().copied();
        by_git.into_iter().chain(own).collect()
    }
}

/// Whether one of the files mentions a proxy in the given part of a line.
fn any(files: Vec<PathBuf>, part: fn(&str) -> &str) -> bool {
    // Some are found in several ways.
    let files = BTreeSet::from_iter(files);
    files
        .iter()
        .filter_map(|file| read(file, MAX_FILE))
        .any(|content| {
            let content = String::from_utf8_lossy(&content).to_ascii_lowercase();
            content.lines().any(|line| part(line).contains("proxy"))
        })
}

/// The name of a setting in an ini file, an rc file or YAML; empty for a comment.
fn key(line: &str) -> &str {
    let line = line.trim_start();
    if line.starts_with(['#', ';']) {
        return "";
    }
    let end = line.find(['=', ':', ' ', '\t']);
    &line[..end.unwrap_or(line.len())]
}

/// A TOML line may hold a whole table, so all of it counts except a comment.
fn whole_line(line: &str) -> &str {
    line.split('#').next().unwrap_or_default()
}

/// `name` in the directory and in each of its parents.
fn upwards<'a>(directory: &'a Path, name: &'a str) -> impl Iterator<Item = PathBuf> + use<'a> {
    directory
        .ancestors()
        .map(move |directory| directory.join(name))
}

fn cargo_files(parent: Parent<'_>, directory: &Path) -> Vec<PathBuf> {
    let home = set(parent, "CARGO_HOME").or_else(|| Some(set(parent, "HOME")?.join(".cargo")));
    let names = ["config.toml", "config"];
    let of_home = names
        .iter()
        .filter_map(|name| Some(home.as_ref()?.join(name)));
    let nearby = [".cargo/config.toml", ".cargo/config"];
    let nearby = nearby.into_iter().flat_map(|name| upwards(directory, name));
    of_home.chain(nearby).collect()
}

/// The files of npm(1), "npmrc" (of the project, of the user, the global one next to `node`, that
/// of Debian's package), and pnpm's own.
fn npm_files(parent: Parent<'_>, directory: &Path) -> Vec<PathBuf> {
    let named = [
        "npm_config_userconfig",
        "NPM_CONFIG_USERCONFIG",
        "npm_config_globalconfig",
        "NPM_CONFIG_GLOBALCONFIG",
    ];
    let mut files: Vec<_> = named.iter().filter_map(|name| set(parent, name)).collect();
    files.extend(upwards(directory, ".npmrc"));
    files.extend(below(parent, "HOME", &[".npmrc", ".config/pnpm/rc"]));
    files.extend(below(parent, "XDG_CONFIG_HOME", &["pnpm/rc"]));
    files.extend(below(parent, "npm_config_prefix", &["etc/npmrc"]));
    let places = parent("PATH").unwrap_or_default();
    for place in std::env::split_paths(&places).filter(|place| place.is_absolute()) {
        if place.join("npm").exists() {
            files.extend(place.parent().map(|prefix| prefix.join("etc/npmrc")));
        }
    }
    files.extend(["/etc/npmrc", "/usr/etc/npmrc"].map(PathBuf::from));
    files
}

/// The files of pip's documentation, "Configuration Files".
fn pip_files(parent: Parent<'_>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    files.extend(set(parent, "PIP_CONFIG_FILE"));
    files.extend(below(parent, "XDG_CONFIG_HOME", &["pip/pip.conf"]));
    let mac = "Library/Application Support/pip/pip.conf";
    files.extend(below(
        parent,
        "HOME",
        &[".config/pip/pip.conf", ".pip/pip.conf", mac],
    ));
    files.extend(below(parent, "VIRTUAL_ENV", &["pip.conf"]));
    let shared = parent("XDG_CONFIG_DIRS").filter(|shared| !shared.is_empty());
    let shared = shared.unwrap_or_else(|| "/etc/xdg".into());
    files.extend(std::env::split_paths(&shared).map(|place| place.join("pip/pip.conf")));
    files.extend(["/etc/pip.conf".into(), Path::new("/").join(mac)]);
    files
}

fn yarn_files(parent: Parent<'_>, directory: &Path) -> Vec<PathBuf> {
    let own = set(parent, "YARN_RC_FILENAME");
    let own = own.as_deref().and_then(Path::to_str);
    let names = [".yarnrc.yml", ".yarnrc"].into_iter().chain(own);
    let mut files = Vec::new();
    for name in names {
        files.extend(upwards(directory, name));
        files.extend(below(parent, "HOME", &[name]));
    }
    files
}

fn below(parent: Parent<'_>, variable: &str, names: &[&str]) -> Vec<PathBuf> {
    let directory = set(parent, variable);
    let names = names.iter();
    names
        .filter_map(|name| Some(directory.as_ref()?.join(name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machines() -> ToolSettings {
        ToolSettings::read(&|_| None, Path::new("/nonexistent"))
    }

    /// The pins of a user whose home directory has only this file and who is in `project/below`
    /// there.
    fn pins(file: &str, content: &str) -> Vec<Pin> {
        let home = tempfile::tempdir().unwrap();
        let work = home.path().join("project/below");
        std::fs::create_dir_all(&work).unwrap();
        let file = home.path().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let mut file = std::fs::File::create(file).unwrap();
        std::io::Write::write_all(&mut file, content.as_bytes()).unwrap();
        let parent = |name: &str| match name {
            "HOME" => Some(home.path().into()),
            "PIP_CONFIG_FILE" => Some(home.path().join("named").into()),
            _ => None,
        };
        let mut found = ToolSettings::read(&parent, &work).pins(false);
        // The machine's own files may name a proxy too.
        let machines = machines().pins(false);
        found.retain(|pin| !machines.contains(pin));
        found
    }

    #[test]
    fn a_proxy_in_a_tools_settings_is_found_wherever_they_are() {
        for (file, content, expected) in [
            (
                ".npmrc",
                "registry=x\n https-proxy = http://corp:1\n",
                Pin::Npm,
            ),
            ("project/.npmrc", "noproxy=x", Pin::Npm),
            (".config/pnpm/rc", "proxy=x", Pin::Npm),
            (".config/pip/pip.conf", "[global]\nproxy = x\n", Pin::Pip),
            ("named", "[global]\nProxy: x\n", Pin::Pip),
            (".cargo/config.toml", "[http]\nproxy = 'x'\n", Pin::Cargo),
            (
                "project/below/.cargo/config",
                "http = { proxy = 'x' }\n",
                Pin::Cargo,
            ),
            (".yarnrc.yml", "httpsProxy: x\n", Pin::Yarn),
            ("project/.yarnrc", "https-proxy \"x\"\n", Pin::Yarn),
        ] {
            assert_eq!(pins(file, content), [expected], "{file}");
        }
    }

    #[test]
    fn other_settings_pin_nothing() {
        for (file, content) in [
            (
                ".npmrc",
                "registry=https://proxy.test/\n# proxy=x\n; proxy=x\n",
            ),
            (
                ".config/pip/pip.conf",
                "[global]\nindex-url = https://proxy.test/\n",
            ),
            (".cargo/config.toml", "# proxy\n[net]\nretry = 2\n"),
            (".yarnrc.yml", "npmRegistryServer: https://proxy.test\n"),
            (".wgetrc", "https_proxy = x"),
        ] {
            assert_eq!(pins(file, content), [], "{file}");
        }
        assert_eq!(machines().pins(true)[0], Pin::Cargo);
    }

    #[test]
    fn cargo_is_pinned_once() {
        let mut settings = machines();
        for own in [vec![], vec![Pin::Cargo], vec![Pin::Cargo, Pin::Pip]] {
            settings.naming_proxy = own.clone();
            assert_eq!(settings.pins(false), own);
            let cargos = settings.pins(true);
            let cargos = cargos.iter().filter(|pin| **pin == Pin::Cargo);
            assert_eq!(cargos.count(), 1, "{own:?}");
        }
    }
}
