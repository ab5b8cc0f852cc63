//! The aliases in ssh's configuration: the host in a remote may be an alias from `~/.ssh/config`,
//! and only ssh can resolve it.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::env::asked::Asked;
use crate::env::programs::Programs;
use crate::os::home::open_file;

/// How many names ssh is asked about, and how long all of them may take: ssh's configuration may
/// run programs (`Match exec`).
const MAX_NAMES: usize = 32;
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The maximum size of ssh's output for one name and of one configuration file, and the maximum
/// number of files read.
const MAX_OUTPUT: u64 = 64 * 1024;
const MAX_FILE: u64 = 256 * 1024;
const MAX_FILES: usize = 16;

/// Aliases in ssh's configuration with the hosts that they stand for. The keys are in lower case.
#[derive(Clone, Debug, Default)]
pub(super) struct Aliases(HashMap<String, Alias>);

#[derive(Clone, Debug)]
struct Alias {
    name: String,
    real: String,
}

impl Aliases {
    /// The host's name on the network.
    pub(super) fn real<'a>(&'a self, host: &'a str) -> &'a str {
        let alias = self.0.get(&host.to_ascii_lowercase());
        alias.map_or(host, |alias| &alias.real)
    }

    pub(super) fn has(&self, host: &str) -> bool {
        self.0.contains_key(&host.to_ascii_lowercase())
    }

    pub(super) fn add(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// The aliases of that host.
    pub(super) fn of<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a str> {
        let aliases = self.0.values();
        let aliases = aliases.filter(|alias| alias.real.eq_ignore_ascii_case(host));
        aliases.map(|alias| alias.name.as_str())
    }

    pub(super) fn put(&mut self, name: &str, real: &str) {
        let alias = Alias {
            name: name.to_owned(),
            real: real.to_owned(),
        };
        self.0.insert(name.to_ascii_lowercase(), alias);
    }
}

/// Running ssh processes, one for each name.
pub(super) struct HostQuery {
    asked: Vec<(String, Asked)>,
    until: Instant,
}

impl HostQuery {
    /// Asks `ssh -G` about each name, except those that ssh could parse as an option, or that could
    /// inject a command into a `Match exec`.
    pub(super) fn about(names: BTreeSet<String>, programs: &Programs) -> Self {
        let names = names.into_iter().filter(|name| is_plain(name));
        let asked = names.take(MAX_NAMES).filter_map(|name| {
            let mut ssh = programs.command("ssh".as_ref())?;
            let ssh = Asked::start(ssh.args(["-G", "--", &name]))?;
            Some((name, ssh))
        });
        Self {
            asked: asked.collect(),
            until: Instant::now() + RESPONSE_TIMEOUT,
        }
    }

    /// Waits for all of them.
    pub(super) fn wait(self) -> Aliases {
        let mut found = Aliases::default();
        for (name, ssh) in self.asked {
            let output = ssh.answer(MAX_OUTPUT, self.until).unwrap_or_default();
            let output = String::from_utf8(output).unwrap_or_default();
            let real = output
                .lines()
                .find_map(|line| line.strip_prefix("hostname "));
            if let Some(real) = real {
                found.put(&name, real.trim());
            }
        }
        found
    }
}

fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    name.bytes().all(is_plain) && !name.is_empty() && !name.starts_with('-')
}

/// What ssh's configuration shows without running ssh. To run ssh takes as long as the rest of a
/// start, and most names have no alias.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    /// The aliases that stand, or may stand, for one of the hosts.
    pub(super) ours: BTreeSet<String>,
    /// The names, in lower case, that have a `HostName` setting.
    renamed: BTreeSet<String>,
    /// Whether a pattern or a condition may rename any name.
    by_pattern: bool,
}

impl Configuration {
    /// Reads the user's and the machine's configuration, for `hosts`.
    pub(super) fn read(home: &Path, hosts: &[String]) -> Self {
        let mut found = Self::default();
        found.add(&home.join(".ssh"), "config", home, hosts);
        found.add(Path::new("/etc/ssh"), "ssh_config", home, hosts);
        let is_real = |name: &String| hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
        found.ours.retain(|name| !is_real(name));
        found
    }

    /// Whether a name may stand for another one.
    pub(super) fn may_rename(&self, name: &str) -> bool {
        self.by_pattern || self.renamed.contains(&name.to_ascii_lowercase())
    }

    fn add(&mut self, directory: &Path, name: &str, home: &Path, hosts: &[String]) {
        let mut files = vec![directory.join(name)];
        let mut known = BTreeSet::new(); // a file may include itself
        while let Some(file) = files.pop().filter(|_| known.len() < MAX_FILES) {
            if !known.insert(file.clone()) {
                continue;
            }
            for section in sections(&text_of(&file).unwrap_or_default()) {
                let included = section.values("include");
                files.extend(included.flat_map(|name| matching(directory, home, name)));
                self.note(&section, hosts);
            }
        }
    }

    fn note(&mut self, section: &Section<'_>, hosts: &[String]) {
        let real: Vec<_> = section.values("hostname").collect();
        if real.is_empty() {
            return;
        }
        let is_ours = |name: &&str| {
            name.contains('%') || hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
        };
        let is_ours = real.iter().any(is_ours);
        let (plain, patterns): (Vec<&str>, Vec<&str>) = section
            .patterns
            .iter()
            .copied()
            .partition(|name| is_plain(name));
        self.by_pattern |= section.patterns.is_empty()
            || patterns.iter().any(|pattern| pattern.contains(['*', '?']));
        for name in plain {
            self.renamed.insert(name.to_ascii_lowercase());
            if is_ours {
                self.ours.insert(name.to_owned());
            }
        }
    }
}

/// A `Host` or `Match` line with the settings below it, or those before the first one
/// (`ssh_config(5)`).
#[derive(Default)]
struct Section<'a> {
    patterns: Vec<&'a str>,
    settings: Vec<(String, Vec<&'a str>)>,
}

impl<'a> Section<'a> {
    fn values(&self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let settings = self.settings.iter().filter(move |(known, _)| known == name);
        settings.flat_map(|(_, values)| values.iter().copied())
    }
}

fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections = vec![Section::default()];
    for line in text.lines() {
        let mut words = line
            .split(|character: char| {
                character.is_ascii_whitespace() || matches!(character, '=' | '"')
            })
            .filter(|word| !word.is_empty());
        let Some(keyword) = words.next().map(str::to_ascii_lowercase) else {
            continue;
        };
        match keyword.as_str() {
            "host" => sections.push(Section {
                patterns: words.collect(),
                ..Section::default()
            }),
            "match" => sections.push(Section::default()),
            _ => {
                if let Some(section) = sections.last_mut() {
                    section.settings.push((keyword, words.collect()));
                }
            }
        }
    }
    sections
}

/// The files that an `Include` names. The only supported pattern is one star in the file's name.
fn matching(directory: &Path, home: &Path, name: &str) -> Vec<PathBuf> {
    let path = match name.strip_prefix("~/") {
        Some(below) => home.join(below),
        None => directory.join(name),
    };
    let pattern = path.file_name().and_then(|name| name.to_str());
    let (Some((before, after)), Some(parent)) = (
        pattern.and_then(|pattern| pattern.split_once('*')),
        path.parent(),
    ) else {
        return vec![path];
    };
    let fits = |name: &str| name.starts_with(before) && name.ends_with(after);
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(fits))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files.truncate(MAX_FILES);
    files
}

/// The beginning of a file's text.
fn text_of(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    let file = open_file(File::options().read(true), path).ok()?;
    file.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_for_a_place_are_found_in_the_users_configuration() {
        let home = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = home.path().join(".ssh").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut file = File::create(path).unwrap();
            std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        };
        write(
            "config",
            "Include config.d/*.conf ~/.ssh/more\n# Host not\nHost work lab-* !x\n  HostName=GitLab.test\nhost other\n  hostname elsewhere.test\nMatch user me\n  HostName gitlab.test\nHost short\n  HostName %h.test\n",
        );
        write(
            "config.d/a.conf",
            "Host \"included\"\n\tHostName gitlab.test\n",
        );
        write("config.d/b", "Host unread\n\tHostName gitlab.test\n");
        write(
            "more",
            "Host gitlab.test more -oX\nHostName gitlab.test\nInclude more\n",
        );
        let found = Configuration::read(home.path(), &["gitlab.test".to_owned()]);
        let names: Vec<_> = found.ours.iter().map(String::as_str).collect();
        assert_eq!(names, ["included", "more", "short", "work"]);
        assert!(found.may_rename("anything"), "there are patterns");
        write(
            "config",
            "Host Work\nHostName elsewhere.test\nHost *\nUser me\n",
        );
        let found = Configuration::read(home.path(), &["gitlab.test".to_owned()]);
        assert!(found.ours.is_empty());
        assert!(found.may_rename("work") && !found.may_rename("gitlab.com"));
    }

    #[test]
    fn no_name_is_an_option_or_a_command() {
        for name in ["-oProxyCommand=x", "a;b", "a b", "$(x)", "", "a`b", "[::1]"] {
            assert!(!is_plain(name), "{name}");
        }
        assert!(is_plain("my-lab_1.test"));
    }
}
