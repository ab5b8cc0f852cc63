//! What a user has: the home directory with its settings, definitions and log, and the connections
//! in its vault.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use authsome_providers::{Catalog, Definition, ProviderId};

use super::error::SessionError;
use super::key_file;
use super::notice::Notice;
use super::parent::Parent;
use super::settings::Settings;
use super::shared_vault;
use crate::audit::Audit;
use crate::connection::{ConnectionStore, take_in_pending};
use crate::env::env_vars::{MASTER_KEY, MASTER_KEY_FILE};
use crate::os::home::Home;
use crate::os::lock_wait::LockWaits;
use crate::secret::Secret;
use crate::vault::{self, ExportKeys, KeyOrigin, KeyPlace, Offline, Vault, VaultError};

/// An open home directory, without its vault.
pub struct UserFiles {
    /// Where it is.
    pub home: Home,
    /// The log.
    pub audit: Arc<Audit>,
    /// The definitions, bundled and the user's own.
    pub catalog: Catalog,
    /// `config.toml`.
    pub settings: Settings,
    /// What to do where the server of a vault that machines share cannot be reached.
    pub offline: Offline,
}

/// An open home directory with its vault.
pub struct UserData {
    /// Where it is.
    pub home: Home,
    /// The log.
    pub audit: Arc<Audit>,
    /// The definitions, bundled and the user's own.
    pub catalog: Catalog,
    /// `config.toml`.
    pub settings: Settings,
    /// The connections.
    pub store: ConnectionStore,
    /// Where the vault's key is, if the vault was created just now.
    pub key_made: Option<KeyOrigin>,
}

impl UserFiles {
    /// Opens the home that the parent's variables name.
    pub fn open(parent: &Parent) -> Result<Self, SessionError> {
        Self::open_telling(parent, None)
    }

    /// The same; `waits` is told if another process holds the vault for long.
    pub fn open_telling(parent: &Parent, waits: Option<LockWaits>) -> Result<Self, SessionError> {
        let variable = |name| parent.variable(name).map(OsStr::to_owned);
        let mut home = Home::open(variable("AUTHSOME_HOME"), variable("HOME"))?;
        if let Some(waits) = waits {
            home = home.telling(waits);
        }
        let settings = Settings::load(&home)?;
        let catalog = Catalog::new(Some(home.path("providers")));
        Ok(Self {
            audit: Arc::new(Audit::new(&home)),
            home,
            catalog,
            settings,
            offline: Offline::Refuse,
        })
    }

    /// Opens the vault too. The master key comes from one variable of the parent, from the file
    /// that another variable names, or from the home's own key file.
    ///
    /// If that file is a descriptor (`/dev/fd/N`), it is closed, even if the key comes from the
    /// other variable.
    pub fn with_vault(self, parent: &Parent) -> Result<UserData, SessionError> {
        let open = |key: Option<&OsStr>| self.open_vault(parent, key);
        let opened = with_key::<_, SessionError>(parent, open)?;
        Ok(self.with_opened(opened))
    }

    /// The same for something that the vault's own key opens. `check` opens it: before a vault is
    /// created, which takes a key that is there already.
    pub fn with_vault_for<E: From<SessionError>>(
        self,
        parent: &Parent,
        check: impl FnOnce(&ExportKeys) -> Result<(), E>,
    ) -> Result<UserData, E> {
        let opened = with_key::<_, E>(parent, |key| {
            let open = || self.open_vault(parent, key);
            if shared_vault::address(&self.settings, parent)?.is_some() {
                let opened = open()?;
                check(opened.0.export_keys())?;
                return Ok(opened);
            }
            match vault::export_keys_before_creation(&self.home, key) {
                Ok(Some(keys)) => {
                    check(&keys)?;
                    Ok(open()?)
                }
                Ok(None) => {
                    let opened = open()?;
                    check(opened.0.export_keys())?;
                    Ok(opened)
                }
                Err(VaultError::KeyMissing(_)) => Err(SessionError::NoKey.into()),
                Err(error) => Err(SessionError::from(error).into()),
            }
        })?;
        Ok(self.with_opened(opened))
    }

    fn open_vault(
        &self,
        parent: &Parent,
        key: Option<&OsStr>,
    ) -> Result<(Arc<dyn Vault>, Option<KeyOrigin>), SessionError> {
        match shared_vault::address(&self.settings, parent)? {
            Some(address) => {
                let vault =
                    vault::open_shared(&address, &self.home, key, &parent.trust(), self.offline)?;
                Ok((vault, None))
            }
            None => Ok(vault::open_or_create(
                &self.home,
                key,
                wants_keyring(parent),
            )?),
        }
    }

    fn with_opened(self, (vault, key_made): (Arc<dyn Vault>, Option<KeyOrigin>)) -> UserData {
        let store = ConnectionStore::new(vault);
        take_in_pending(&store);
        let Self {
            home,
            audit,
            catalog,
            settings,
            offline: _,
        } = self;
        UserData {
            home,
            audit,
            catalog,
            settings,
            store,
            key_made,
        }
    }
}

/// Reads the key that the parent's variables give.
pub(super) fn with_key<T, E: From<SessionError>>(
    parent: &Parent,
    use_key: impl FnOnce(Option<&OsStr>) -> Result<T, E>,
) -> Result<T, E> {
    match (
        parent.variable(MASTER_KEY),
        parent.variable(MASTER_KEY_FILE),
    ) {
        (Some(key), unread) => {
            if let Some(path) = unread {
                key_file::close(Path::new(path));
            }
            use_key(Some(key))
        }
        (None, Some(path)) => {
            let path = Path::new(path);
            let key = key_file::read(path).map_err(|source| SessionError::KeyFile {
                path: path.to_owned(),
                source,
            })?;
            use_key(Some(OsStr::from_bytes(key.expose())))
        }
        (None, None) => use_key(None),
    }
}

/// Whether a new vault's key should be in the user's keyring: where the user's session has a bus
/// for one. In a CI job, a keyring would not outlive the job.
fn wants_keyring(parent: &Parent) -> bool {
    let has = |name| parent.variable(name).is_some_and(|value| !value.is_empty());
    (has("DBUS_SESSION_BUS_ADDRESS") || cfg!(target_os = "macos")) && !has("CI")
}

impl UserData {
    /// Opens the home that the parent's variables name, and its vault.
    pub fn open(parent: &Parent) -> Result<Self, SessionError> {
        UserFiles::open(parent)?.with_vault(parent)
    }

    /// Where the vault's key comes from.
    pub fn key_origin(&self, parent: &Parent) -> Result<KeyOrigin, SessionError> {
        let given = [MASTER_KEY, MASTER_KEY_FILE];
        if given.iter().any(|name| parent.variable(name).is_some()) {
            return Ok(KeyOrigin::Environment);
        }
        Ok(vault::key_origin(&self.home)?)
    }

    /// Gives the vault a new key (`vault/rekey.rs`). No run must be alive. This value can no longer
    /// be used.
    pub fn rekey(
        self,
        parent: &Parent,
        place: KeyPlace,
        hand_over: &mut dyn FnMut(&Secret<String>) -> io::Result<()>,
    ) -> Result<KeyOrigin, SessionError> {
        let key = parent.variable(MASTER_KEY).map(OsStr::to_owned);
        let Self { home, store, .. } = self;
        drop(store); // closes the vault
        Ok(vault::rekey(&home, key.as_deref(), place, hand_over)?)
    }

    /// The definition of a provider. Fields in it that have no effect are reported.
    pub(crate) fn definition_of(
        &self,
        id: &ProviderId,
        notify: &dyn Fn(Notice),
    ) -> Result<Definition, SessionError> {
        let mut definition = self.catalog.get(id)?;
        for warning in std::mem::take(&mut definition.warnings) {
            notify(Notice::Definition {
                provider: id.clone(),
                warning,
            });
        }
        Ok(definition)
    }
}
