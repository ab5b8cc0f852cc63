//! The remotes and proxies in git's own configuration.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::files::GitSurroundings;
use super::place::GitPlace;
use super::rule::Rule;
use super::ssh::{self, Aliases, Configuration};
use super::ssh_url::SshUrl;
use crate::env::asked::Asked;
use crate::env::programs::Programs;

/// The remotes and proxies in git's own configuration, as found in the directory where `run` is
/// started.
#[derive(Clone, Debug, Default)]
pub struct UserRemotes {
    pub(super) remotes: Vec<String>,
    pub(super) rules: Vec<Rule>,
    pub(super) aliases: Aliases,
    /// Whether a proxy is named, which would take precedence over the environment's.
    pub names_proxy: bool,
}

impl UserRemotes {
    /// Asks git, which knows its files, their order and their includes, unless they clearly have
    /// nothing to say, and asks ssh for the aliases of `places`.
    ///
    /// `home` is the directory with the user's `.ssh`. Without it, or without places, ssh is not
    /// asked.
    pub fn ask(
        programs: &Programs,
        surroundings: GitSurroundings<'_>,
        places: &[GitPlace],
        home: Option<PathBuf>,
    ) -> AskedRemotes {
        let Some(mut git) = programs.command("git".as_ref()) else {
            return AskedRemotes(None);
        };
        let git = if surroundings.name_nothing(git.get_program().as_ref()) {
            None
        } else {
            git.args(["config", "-z", "--show-scope", "--get-regexp", SETTINGS]);
            let Some(git) = Asked::start(&mut git) else {
                return AskedRemotes(None);
            };
            Some(git)
        };
        let names = places.iter().flat_map(GitPlace::ssh_names);
        let names: Vec<_> = names.map(|(name, _)| name.to_owned()).collect();
        let home = home.filter(|_| !names.is_empty());
        let ssh = home.map(|home| {
            let configuration = Configuration::read(&home, &names);
            (
                ssh::HostQuery::about(configuration.ours.clone(), programs),
                configuration,
            )
        });
        AskedRemotes(Some(RemoteQuery {
            git,
            ssh,
            programs: programs.clone(),
        }))
    }

    /// Parses `scope NUL key LF value NUL`; section and name are in lower case.
    ///
    /// A rewrite rule of a single repository applies only there, so it must not apply to the whole
    /// run. A remote's address is taken from any scope: it only shows how a place is spelt.
    pub(super) fn parse(output: &[u8]) -> Self {
        let mut found = Self::default();
        let output = String::from_utf8_lossy(output);
        let mut parts = output.split('\0');
        while let (Some(scope), Some(entry)) = (parts.next(), parts.next()) {
            let (key, value) = entry.split_once('\n').unwrap_or((entry, ""));
            let is_shared = !matches!(scope, "local" | "worktree");
            let (section, name) = key.rsplit_once('.').unwrap_or((key, ""));
            match (section.strip_prefix("url."), name) {
                (Some(target), "insteadof" | "pushinsteadof") if is_shared => {
                    found.rules.push(Rule {
                        target: target.to_owned(),
                        prefix: value.to_owned(),
                        push_only: name == "pushinsteadof",
                    });
                }
                (Some(_), _) => {}
                (None, "proxy") => found.names_proxy = true,
                (None, _) => found.remotes.push(value.to_owned()),
            }
        }
        found
    }

    /// The hosts in its SSH remotes and in its rules' targets that may be aliases and have not been
    /// looked up.
    fn unknown_hosts(&self) -> BTreeSet<String> {
        let targets = self.rules.iter().map(|rule| &rule.target);
        let urls = self.remotes.iter().chain(targets);
        let hosts = urls.filter_map(|url| Some(SshUrl::parse(url)?.host.to_owned()));
        hosts.filter(|host| !self.aliases.has(host)).collect()
    }
}

/// git, and perhaps ssh, running while the start goes on.
pub struct AskedRemotes(Option<RemoteQuery>);

struct RemoteQuery {
    /// `None` where its files say nothing.
    git: Option<Asked>,
    ssh: Option<(ssh::HostQuery, Configuration)>,
    programs: Programs,
}

impl AskedRemotes {
    /// Waits for the output. Without git there are no remotes. Errors in git's configuration are
    /// not reported here: the command's own git reports them.
    pub fn wait(self) -> UserRemotes {
        let Some(asked) = self.0 else {
            return UserRemotes::default();
        };
        let output = match asked.git {
            None => Some(Vec::new()),
            Some(git) => git.answer(MAX_OUTPUT, Instant::now() + READ_TIMEOUT),
        };
        let is_unknown = output.is_none();
        let output = output.unwrap_or_default();
        // An entry that was cut off does not count.
        let end = output.iter().rposition(|byte| *byte == 0).unwrap_or(0);
        let mut found = UserRemotes::parse(&output[..end]);
        // If git has not responded, assume that the user names a proxy, so that git cannot bypass
        // ours.
        found.names_proxy |= is_unknown;
        if let Some((known, configuration)) = asked.ssh {
            found.aliases = known.wait();
            let mut hosts = found.unknown_hosts();
            hosts.retain(|host| configuration.may_rename(host));
            found
                .aliases
                .add(ssh::HostQuery::about(hosts, &asked.programs).wait());
        }
        found
    }
}

/// How long git may take to print its configuration, and how much of it is read: a repository's
/// configuration may include a pipe, or a file without an end.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_OUTPUT: u64 = 256 * 1024;

/// The settings that [`UserRemotes`] reads from git's configuration.
pub(super) const SETTINGS: &str =
    r"^(url\..*\.(push)?insteadof|remote\..*\.(push)?url|submodule\..*\.url|http\.(.*\.)?proxy)$";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repositorys_own_rules_are_not_the_whole_runs() {
        let output = "local\0url.git@acme.test:.insteadof\nhttps://other.test/\0\
                      worktree\0url.git@acme.test:.insteadof\nhttps://third.test/\0\
                      system\0url.git@acme.test:.insteadof\nlab:\0\
                      local\0remote.origin.url\nssh://acme.test:22/x\0command\0http.proxy\nx\0glob";
        let user = UserRemotes::parse(output.as_bytes());
        let prefixes: Vec<_> = user.rules.iter().map(|rule| rule.prefix.as_str()).collect();
        assert_eq!(prefixes, ["lab:"]);
        assert_eq!(user.remotes, ["ssh://acme.test:22/x"]);
        assert!(user.names_proxy && !UserRemotes::parse(b"").names_proxy);
    }
}
