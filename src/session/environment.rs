//! Writes the session's files and builds the child's complete environment.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use authsome_ca::TrustBundle;

use super::contributions::Contributions;
use super::directories;
use super::error::SessionError;
use super::files_ahead::FilesAhead;
use super::notice::Notice;
use super::options::{Options, SeenFrom};
use super::parent::Parent;
use super::scrub::Scrubbed;
use crate::connection::Credentials;
use crate::env::env_vars::{Environment, SessionFiles, SessionValues};
use crate::env::git_config::{self, GitConfiguration, GitSession};
use crate::env::helpers::{ADMITS_BY_PROCESS, Helpers, ToolSettings};
use crate::os::home::HomeError;
use crate::os::run_dir::{self, RunDirectory};
use crate::proxy::Proxy;
use crate::secret::Secret;

/// The length of a session's public name.
pub(super) const NAME_LENGTH: usize = 16;

/// The length of the proxy's password: 43 characters, 257 random bits.
pub(super) const PASSWORD_LENGTH: usize = 43;

/// Where clients of this machine reach a proxy that listens there.
fn reached_at(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// What the child's environment is made from, except what the members contribute.
pub(super) struct EnvironmentBuilder<'a> {
    /// What the children inherit.
    pub(super) parent: &'a Parent,
    /// Whose variables name the directories for the session's files.
    pub(super) host: &'a Parent,
    /// The public name of the session, and the password of its proxy.
    pub(super) session: (&'a str, &'a Secret<String>),
    /// The files that the trusted roots were read from.
    pub(super) trusted_files: &'a [&'a Path],
    pub(super) proxy: &'a Proxy<Credentials>,
    /// The hosts that the child contacts without the proxy.
    pub(super) direct: &'a [String],
    /// What the user has chosen.
    pub(super) options: &'a Options,
}

impl EnvironmentBuilder<'_> {
    /// Creates the run directory with its files, or takes the one that has most of them, and the
    /// environment that refers to them.
    pub(super) fn build(
        &self,
        (roots, ahead): (&TrustBundle, FilesAhead),
        mut contributions: Contributions,
        scrubbed: &Scrubbed,
        notify: &dyn Fn(Notice),
    ) -> Result<(RunDirectory, Environment), SessionError> {
        if roots.pem().is_empty() {
            notify(Notice::NoRoots);
        }
        let (directory, files) = self.write_files((roots, ahead), scrubbed, notify)?;
        let url = Secret::new(format!(
            "http://authsome:{}@{}",
            self.session.1.expose(),
            self.proxy_authority()
        ));
        let remotes = contributions.remotes();
        let mut environment = Environment::for_session(&SessionValues {
            proxy: url.expose(),
            no_proxy: &self.direct.join(","),
            files: &files,
            session: self.session.0,
            pins: &self
                .tools()
                .map(|tools| tools.pins(remotes.names_proxy))
                .unwrap_or_default(),
        });
        let git = GitSession {
            proxy: url.expose(),
            overrides_proxy: remotes.names_proxy,
            admits_by_process: ADMITS_BY_PROCESS,
            bundle: &files.bundle,
            helper: &directory.write("git-credential.sh", git_config::CREDENTIAL_HELPER)?,
        };
        let rewritten = contributions.rewrites_ssh.then_some(&remotes);
        let git = git.configuration(&contributions.git, rewritten);
        self.configure_git(git, &directory, &mut environment)?;
        contributions.fill(&mut environment, self.parent);
        for name in &self.options.left_alone {
            if !environment.leave(name) {
                notify(Notice::LeftAlone(name.clone()));
            }
        }
        scrubbed.complete(&mut environment, notify);
        Ok((directory, environment))
    }

    /// The settings of the user's tools, which children in containers do not have.
    fn tools(&self) -> Option<&ToolSettings> {
        let is_here = self.options.containers.is_none();
        is_here.then(|| self.parent.tools())
    }

    /// The proxy's host and port, as the children reach it.
    fn proxy_authority(&self) -> String {
        let address = self.proxy.address();
        match &self.options.containers {
            None => reached_at(address).to_string(),
            Some(SeenFrom { host, .. }) => format!("{host}:{}", address.port()),
        }
    }

    fn write_files(
        &self,
        (roots, ahead): (&TrustBundle, FilesAhead),
        scrubbed: &Scrubbed,
        notify: &dyn Fn(Notice),
    ) -> Result<(RunDirectory, SessionFiles), SessionError> {
        if let Some(begun) = ahead.directory()
            && let Ok(made) = self.fill((begun, true), roots, scrubbed)
        {
            return Ok(made);
        }
        if let Some(path) = &self.options.directory {
            let path = directories::named(path)?;
            let made = RunDirectory::create_at(path.clone())
                .and_then(|directory| self.fill((directory, false), roots, scrubbed));
            return made.map_err(|error| directories::unusable(path, error));
        }
        directories::in_first_good(self.host, notify, |parent| {
            run_dir::sweep(parent);
            let directory = RunDirectory::create(parent, self.session.0)?;
            self.fill((directory, false), roots, scrubbed)
        })
    }

    fn fill(
        &self,
        (directory, has_common): (RunDirectory, bool),
        roots: &TrustBundle,
        scrubbed: &Scrubbed,
    ) -> Result<(RunDirectory, SessionFiles), HomeError> {
        let directory = match &self.options.containers {
            None => directory,
            Some(seen) => directory.for_containers(seen.directory.clone())?,
        };
        let helpers = Helpers {
            directory: &directory,
            roots,
            ca_pem: self.proxy.ca_pem(),
            ca_public_key_digest: self.proxy.ca_public_key_digest(),
            proxy: reached_at(self.proxy.address()),
            no_proxy: self.direct,
            parent: &|name| scrubbed.parent(name),
            tools: self.tools(),
            bundled_files: self.trusted_files,
            has_common,
        };
        let files = helpers.write()?;
        Ok((directory, files))
    }

    fn configure_git(
        &self,
        git: GitConfiguration,
        directory: &RunDirectory,
        environment: &mut Environment,
    ) -> Result<(), SessionError> {
        let mut entries = git.entries;
        if let Some(text) = git.file {
            let file = directory.write("git.config", text.as_bytes())?;
            entries.push(("include.path".to_owned(), file.display().to_string()));
        }
        let inherited = self.parent.variable("GIT_CONFIG_COUNT");
        environment.configure_git(inherited, &entries);
        Ok(())
    }
}
