//! Errors of a session that cannot be created.

use std::io;
use std::path::PathBuf;

use authsome_providers::{CatalogError, DefinitionError, ProviderId};

use super::settings::SettingsError;
use crate::connection::StoreError;
use crate::credential::ConnectionId;
use crate::net::tls::TrustError;
use crate::os::home::HomeError;
use crate::os::run_dir::Unfit;
use crate::proxy::{Contradiction, HostInUse, PolicySource, ProxyError};
use crate::vault::VaultError;

/// Why a session, or a part that it is made from, could not be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// A definition is missing or cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A definition does not fit a connection.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// The home, or a file of the session, cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The file of the master key cannot be read.
    #[error("the file {} of the master key cannot be read", .path.display())]
    KeyFile {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A connection that the user chose does not exist.
    #[error("there is no connection {0}")]
    NoConnection(ConnectionId),
    /// There is no vault yet, and what is asked for takes a key that is there already.
    #[error("there is no vault here yet, and no key to open the file with")]
    NoKey,
    /// A guard rule that was to be lifted does not exist.
    #[error("no connection of this run has a rule {0}")]
    NoSuchRule(String),
    /// A file lifts a guard rule that does not exist.
    #[error("{origin} lifts the guard rule {rule}, and there is none of that name")]
    NoSuchLift {
        /// Where that is said.
        origin: PolicySource,
        /// The rule.
        rule: String,
    },
    /// A rule is about a provider that does not exist.
    #[error("{origin} has a rule for {provider}, which is no provider")]
    NoSuchProvider {
        /// Where the rule is.
        origin: PolicySource,
        /// The provider.
        provider: ProviderId,
    },
    /// A rule of the flags is about a provider that no connection of this session is of.
    #[error("a rule is about {0}, and no connection of this run is of it")]
    NothingOf(ProviderId),
    /// Rules of the flags contradict each other.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    /// A connection cannot join, as its host is another's.
    #[error(transparent)]
    HostInUse(#[from] HostInUse),
    /// No directory is usable for the session's files. Contains what is wrong with the last one
    /// tried.
    #[error("there is no directory for the session's files")]
    NoDirectory(Option<UnusedDirectory>),
    /// A file of rules cannot be read, or holds what is no rule.
    #[error(transparent)]
    PolicyFile(SettingsError),
    /// The proxy cannot listen, or its CA cannot be created.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The kernel gave no random bytes.
    #[error("the system has no random bytes")]
    Random(#[from] getrandom::Error),
    /// The settings cannot be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The connections cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system's certificates cannot be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The vault cannot be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl SessionError {
    /// Whether the error concerns one connection only, so that the others can still take part.
    pub(super) fn is_of_one_connection(&self) -> bool {
        matches!(
            self,
            // A definition of the user's own that cannot be used is the user's to mend or remove:
            // without it, a run would go on in another way than the user has set up.
            Self::Catalog(CatalogError::NotFound { .. })
                | Self::Definition(_)
                | Self::Store(
                    StoreError::Unreadable { .. } | StoreError::Vault(VaultError::Tampered { .. })
                )
        )
    }
}

/// A directory in which the session's files cannot be made.
#[derive(Debug)]
pub struct UnusedDirectory {
    /// The variable that names it, or its own path if no variable does.
    pub variable: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with it.
    pub trouble: DirectoryTrouble,
}

/// Why files cannot be made in a directory.
#[derive(Debug)]
pub enum DirectoryTrouble {
    /// A file could not be written.
    Files(HomeError),
    /// The directory is not fit for such files.
    Unfit(Unfit),
}
