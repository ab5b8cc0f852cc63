//! The session's files, and the child's whole environment.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use authsome_providers::{ExportField, ProviderId};

use super::Member;
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;
use crate::clock::Timestamp;
use crate::env_vars::{Environment, PLACEHOLDER, SessionValues};
use crate::git_config::{self, GitPlace, GitSession, UserRemotes};
use crate::helpers::Helpers;
use crate::proxy::Preference;
use crate::run_dir::{self, RunDirectory};
use crate::secret::{Secret, random_text};
use crate::tls::Trust;

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
    /// Every secret in the vault.
    secrets: Vec<Secret<String>>,
    /// Where git's requests get a credential.
    git: Vec<GitPlace>,
}

/// A variable with the address of a member's instance.
struct Address {
    variable: String,
    url: String,
    /// Whether it is set where the parent has another value: the user chose that connection for this very run.
    overrides: bool,
}

/// Placeholders, addresses, places for git, and none of the real values.
pub(super) fn wishes(members: &[Member], secrets: Vec<Secret<String>>) -> Wishes {
    let mut wishes = Wishes {
        secrets,
        git: GitPlace::of(members.iter().map(|member| &member.service)),
        ..Wishes::default()
    };
    let mut companies: HashMap<&ProviderId, Company> = HashMap::new();
    for member in members {
        let company = companies.entry(&member.provider.id).or_default();
        company.members += 1;
        company.has_choice |= member.preference == Preference::Chosen;
    }
    for member in members {
        for export in &member.provider.export {
            match export.field {
                ExportField::RefreshToken => wishes.removed.push(export.variable.clone()),
                _ => wishes.placeholders.push(export.variable.clone()),
            }
        }
        let placeholders = member.provider.placeholders.iter().cloned();
        wishes.placeholders.extend(placeholders);
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
    pub(super) trust: &'a Trust,
    pub(super) ca_pem: &'a str,
    pub(super) ca_public_key_digest: [u8; 32],
    pub(super) proxy: SocketAddr,
    pub(super) password: &'a Secret<String>,
    /// The hosts of the routes.
    pub(super) managed_hosts: &'a HashSet<String>,
    /// Variables that the user wants as they are.
    pub(super) left_alone: &'a [OsString],
    /// Whether git's SSH remotes go over HTTPS.
    pub(super) rewrites_ssh: bool,
}

impl Furnishing<'_> {
    /// Makes the run directory with its files, and the environment that names them.
    pub(super) fn furnish(
        &self,
        wishes: Wishes,
        printer: &Printer,
    ) -> Result<(RunDirectory, Environment), Failure> {
        let parent = std::path::absolute(runtime_directory())?;
        run_dir::sweep(&parent);
        let session = random_text(SESSION_LENGTH).map_err(std::io::Error::other)?;
        let directory = RunDirectory::create(&parent, session.expose())?;
        let direct: Vec<_> = ["localhost", "127.0.0.1", "::1"]
            .into_iter()
            .filter(|host| !self.managed_hosts.contains(*host))
            .collect();
        let bundle = self.trust.bundle()?.with_pem(self.ca_pem);
        let files = Helpers {
            directory: &directory,
            bundle: &bundle,
            ca_pem: self.ca_pem,
            ca_public_key_digest: self.ca_public_key_digest,
            proxy: self.proxy,
            no_proxy: &direct,
            parent: &|name| std::env::var_os(name),
            bundled_files: &self.trust.files(),
            now: Timestamp::now().to_system_time(),
        }
        .write()?;
        let url = Secret::new(format!(
            "http://authsome:{}@{}",
            self.password.expose(),
            self.proxy
        ));
        let mut environment = Environment::for_session(&SessionValues {
            proxy: url.expose(),
            no_proxy: &direct.join(","),
            files: &files,
            session: session.expose(),
        });
        let git = GitSession {
            proxy: url.expose(),
            bundle: &files.bundle,
            helper: &directory.write("git-credential.sh", git_config::CREDENTIAL_HELPER)?,
        };
        self.configure_git(git, &wishes.git, &mut environment);
        wishes.fill(&mut environment);
        for name in self.left_alone {
            if !environment.leave(name) {
                printer.warn(&format!(
                    "--no-env {}: authsome does not change it",
                    name.display()
                ));
            }
        }
        wishes.keep_secrets_out(&mut environment, printer);
        Ok((directory, environment))
    }

    fn configure_git(
        &self,
        git: GitSession<'_>,
        places: &[GitPlace],
        environment: &mut Environment,
    ) {
        let mut entries = git.entries(places);
        if self.rewrites_ssh && !places.is_empty() {
            entries.extend(git_config::ssh_rewrites(places, &UserRemotes::read()));
        }
        let inherited = std::env::var_os("GIT_CONFIG_COUNT");
        environment.configure_git(inherited.as_deref(), &entries);
    }
}

impl Wishes {
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

    /// Whatever the variable, and whoever set it: no secret of the vault reaches the child.
    fn keep_secrets_out(self, environment: &mut Environment, printer: &Printer) {
        let secrets = self.secrets.iter();
        let secrets: Vec<_> = secrets.map(|secret| secret.expose().as_str()).collect();
        for name in environment.replace_secrets(std::env::vars_os(), &secrets) {
            printer.warn(&format!(
                "{} holds a secret that authsome manages; the command gets the placeholder in its place",
                name.display()
            ));
        }
    }
}

/// The user's own directory for such files, else the one for temporary files.
fn runtime_directory() -> PathBuf {
    let private = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    private
        .filter(|path| crate::home::check_private(path).is_ok())
        .unwrap_or_else(std::env::temp_dir)
}
