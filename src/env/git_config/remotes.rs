//! The remotes and proxies in git's own configuration.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use super::place::GitPlace;
use super::rule::Rule;
use super::ssh::{self, Aliases, Configuration};
use super::ssh_url::SshUrl;
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
    /// Asks git, which knows its files, their order and their includes, and asks ssh for the
    /// aliases of `places`.
    ///
    /// `home` is the directory with the user's `.ssh`. Without it, or without places, ssh is not
    /// asked.
    pub fn ask(programs: &Programs, places: &[GitPlace], home: Option<PathBuf>) -> AskedRemotes {
        let Some(mut git) = programs.command("git".as_ref()) else {
            return AskedRemotes(None);
        };
        git.args(["config", "-z", "--show-scope", "--get-regexp", SETTINGS])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let (started, child) = sync_channel(1);
        let (sender, output) = sync_channel(1);
        // It is started on that thread as well, because whoever starts a program waits until its
        // file is executed.
        let read = move || {
            let mut git = git.spawn().ok();
            let stdout = git.as_mut().and_then(|git| git.stdout.take());
            let _ = started.send(git);
            let mut text = Vec::new();
            if let Some(stdout) = stdout
                && stdout.take(MAX_OUTPUT).read_to_end(&mut text).is_ok()
            {
                let _ = sender.send(text); // the receiver may have timed out
            }
        };
        // If no thread can be started, the senders are dropped, so the receivers fail at once and
        // the rewrites are made without the user's settings.
        let _ = thread::Builder::new().spawn(read);
        // It may have been put behind this one, on the same processor; git takes longest of all.
        thread::yield_now();
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
            child,
            output,
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
    /// git, or `None` where it could not be started.
    child: Receiver<Option<Child>>,
    output: Receiver<Vec<u8>>,
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
        let child = asked.child.recv_timeout(READ_TIMEOUT);
        if let Ok(None) = child {
            return UserRemotes::default();
        }
        let received = asked.output.recv_timeout(READ_TIMEOUT);
        if let Ok(Some(mut git)) = child {
            let _ = git.kill(); // it may hang or have more output; usually it has ended
            let _ = git.wait();
        }
        let is_unknown = received.is_err();
        let output = received.unwrap_or_default();
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
const SETTINGS: &str =
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
