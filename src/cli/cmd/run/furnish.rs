//! The session's files, and the child's whole environment.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use authsome_providers::{ExportField, Provider, ProviderId};

use super::Member;
use super::places;
use super::scrub::Scrubbed;
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;
use crate::clock::Timestamp;
use crate::env_vars::{Environment, PLACEHOLDER, SessionValues};
use crate::git_config::{self, AskedRemotes, GitConfiguration, GitPlace, GitSession, UserRemotes};
use crate::helpers::{self, ADMITS_BY_PROCESS, Helpers};
use crate::programs::Programs;
use crate::proxy::Preference;
use crate::run_dir::{self, RunDirectory};
use crate::secret::{Secret, random_text};
use crate::tls::ReadAhead;

/// The public name of a session.
const SESSION_LENGTH: usize = 16;

/// What the members want the child to have, and not to have.
#[derive(Default)]
pub(super) struct Wishes {
    /// Variables that get the placeholder.
    placeholders: Vec<String>,
    /// Variables that the child must not have.
    removed: Vec<String>,
    /// Variables with the address of an instance.
    addresses: Vec<Address>,
    /// Where git's requests get a credential.
    git: Vec<GitPlace>,
    /// What git says of the user's remotes and proxies.
    remotes: Option<AskedRemotes>,
    /// Whether SSH remotes go over HTTPS.
    rewrites_ssh: bool,
}

/// A variable with the address of a member's instance.
struct Address {
    variable: String,
    url: String,
    /// Whether it is set where the parent has another value: the user chose that connection for this very run.
    overrides: bool,
}

/// Placeholders, addresses, places for git, and none of the real values.
pub(super) fn wishes(members: &[Member], rewrites_ssh: bool, programs: &Programs) -> Wishes {
    let git = GitPlace::of(members.iter().map(|member| &member.service));
    let mut wishes = Wishes {
        // git and ssh take their time, which they have until the rest of the session is made.
        remotes: Some(UserRemotes::ask(
            programs,
            &git,
            std::env::var_os("HOME")
                .filter(|_| rewrites_ssh)
                .map(PathBuf::from),
        )),
        rewrites_ssh,
        git,
        ..Wishes::default()
    };
    let mut told = HashSet::new();
    let mut companies: HashMap<&ProviderId, Company> = HashMap::new();
    for member in members {
        let company = companies.entry(&member.provider.id).or_default();
        company.members += 1;
        company.has_choice |= member.preference == Preference::Chosen;
    }
    for member in members {
        // What the definition says is the same for all of a provider's connections.
        if told.insert(&member.provider.id) {
            wishes.tell(&member.provider);
        }
        let company = companies.get(&member.provider.id);
        let addresses = company.map(|company| addresses(member, company));
        wishes.addresses.extend(addresses.into_iter().flatten());
    }
    wishes
}

/// The connections of one provider in a session.
#[derive(Default)]
struct Company {
    members: usize,
    has_choice: bool,
}

/// A tool that is told nothing goes to the public instance; where the provider's default connection is another one, it is told.
fn addresses(member: &Member, company: &Company) -> Vec<Address> {
    let Some(base) = &member.service.base_url else {
        return Vec::new();
    };
    let speaks = match member.preference {
        Preference::Chosen => true,
        Preference::Default => !company.has_choice,
        Preference::None => company.members == 1,
    };
    if !speaks || member.provider.base_url.as_ref() == Some(base) {
        return Vec::new();
    }
    let address = |address: &authsome_providers::Address| Address {
        variable: address.variable.clone(),
        url: format!("{base}{}", address.path),
        overrides: member.preference == Preference::Chosen,
    };
    member.provider.addresses.iter().map(address).collect()
}

/// What the child's environment is made from, beside the members.
pub(super) struct Furnishing<'a> {
    pub(super) roots: ReadAhead,
    /// The files that they are from.
    pub(super) trusted_files: &'a [&'a Path],
    pub(super) ca_pem: &'a str,
    pub(super) ca_public_key_digest: [u8; 32],
    pub(super) proxy: SocketAddr,
    pub(super) password: &'a Secret<String>,
    /// The hosts that the child shall reach without the proxy.
    pub(super) direct: &'a [String],
    /// Variables that the user wants as they are.
    pub(super) left_alone: &'a [OsString],
}

impl Furnishing<'_> {
    /// Makes the run directory with its files, and the environment that names them.
    pub(super) fn furnish(
        self,
        mut wishes: Wishes,
        scrubbed: &Scrubbed,
        printer: &Printer,
    ) -> Result<(RunDirectory, Environment), Failure> {
        let session = random_text(SESSION_LENGTH).map_err(std::io::Error::other)?;
        let roots = self.roots.bundle()?;
        if roots.pem().is_empty() {
            printer.warn("this system has no trusted root certificates (package ca-certificates); only hosts of connections with a CA of their own can be verified");
        }
        let bundle = roots.with_pem(self.ca_pem);
        let (directory, files) = places::in_first_good(printer, |parent| {
            run_dir::sweep(parent);
            let directory = RunDirectory::create(parent, session.expose())?;
            let helpers = Helpers {
                directory: &directory,
                bundle: &bundle,
                ca_pem: self.ca_pem,
                ca_public_key_digest: self.ca_public_key_digest,
                proxy: self.proxy,
                no_proxy: self.direct,
                parent: &|name| scrubbed.parent(name),
                bundled_files: self.trusted_files,
                now: Timestamp::now().to_system_time(),
            };
            let files = helpers.write()?;
            Ok((directory, files))
        })?;
        let url = Secret::new(format!(
            "http://authsome:{}@{}",
            self.password.expose(),
            self.proxy
        ));
        let remotes = wishes.remotes.take().map(AskedRemotes::answer);
        let remotes = remotes.unwrap_or_default();
        let mut environment = Environment::for_session(&SessionValues {
            proxy: url.expose(),
            no_proxy: &self.direct.join(","),
            files: &files,
            session: session.expose(),
            pins: &helpers::pins(
                &|name| std::env::var_os(name),
                &std::env::current_dir().unwrap_or_default(),
                remotes.names_proxy,
            ),
        });
        let git = GitSession {
            proxy: url.expose(),
            overrides_proxy: remotes.names_proxy,
            admits_by_process: ADMITS_BY_PROCESS,
            bundle: &files.bundle,
            helper: &directory.write("git-credential.sh", git_config::CREDENTIAL_HELPER)?,
        };
        let git = git.configuration(&wishes.git, wishes.rewrites_ssh.then_some(&remotes));
        configure_git(git, &directory, &mut environment)?;
        wishes.fill(&mut environment);
        for name in self.left_alone {
            if !environment.leave(name) {
                printer.warn(&format!(
                    "--no-env {} has no effect: authsome does not change that variable",
                    name.display()
                ));
            }
        }
        scrubbed.complete(&mut environment, printer);
        Ok((directory, environment))
    }
}

fn configure_git(
    git: GitConfiguration,
    directory: &RunDirectory,
    environment: &mut Environment,
) -> Result<(), Failure> {
    let mut entries = git.entries;
    if let Some(text) = git.file {
        let file = directory.write("git.config", text.as_bytes())?;
        entries.push(("include.path".to_owned(), file.display().to_string()));
    }
    let inherited = std::env::var_os("GIT_CONFIG_COUNT");
    environment.configure_git(inherited.as_deref(), &entries);
    Ok(())
}

impl Wishes {
    fn tell(&mut self, provider: &Provider) {
        for export in &provider.export {
            match export.field {
                ExportField::RefreshToken => self.removed.push(export.variable.clone()),
                _ => self.placeholders.push(export.variable.clone()),
            }
        }
        self.placeholders.extend_from_slice(&provider.placeholders);
    }

    fn fill(&self, environment: &mut Environment) {
        for address in &self.addresses {
            let is_free = || std::env::var_os(&address.variable).is_none_or(|url| url.is_empty());
            if address.overrides || is_free() {
                environment.set(&address.variable, &address.url);
            }
        }
        for name in &self.removed {
            environment.remove(name);
        }
        for name in &self.placeholders {
            environment.set(name, PLACEHOLDER);
        }
    }
}
