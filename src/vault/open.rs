//! The vault of a home directory: created on first use, opened with its key.

use std::ffi::OsStr;
use std::sync::Arc;

use super::export_key::ExportKeys;
use super::master_key::MasterKey;
use super::seal::Seal;
use super::sealed::{SealedVault, key_check, sealed};
use super::sqlite::SqliteStore;
use super::store::SealedStore;
use super::{KeyOrigin, Vault, VaultError};
use crate::os::home::Home;

/// Opens the vault of that home, and creates it on first use. `environment_key` is the key that the
/// environment gives, if it gives one (`AUTHSOME_MASTER_KEY` or `AUTHSOME_MASTER_KEY_FILE`).
pub fn open(home: &Home, environment_key: Option<&OsStr>) -> Result<Arc<dyn Vault>, VaultError> {
    open_or_create(home, environment_key, false).map(|(vault, _)| vault)
}

/// The same. A vault that is created keeps its key in the keyring, if that is wanted and one is
/// open. Returns where the key of a new vault is.
pub fn open_or_create(
    home: &Home,
    environment_key: Option<&OsStr>,
    wants_keyring: bool,
) -> Result<(Arc<dyn Vault>, Option<KeyOrigin>), VaultError> {
    let is_new = !SqliteStore::is_in(home)?;
    if is_new {
        create(home, environment_key, wants_keyring)?;
    }
    let store = SqliteStore::open(home)?;
    let key = MasterKey::load(home, environment_key)?;
    match SealedVault::open(store, &key, home) {
        Ok(vault) => {
            let origin = is_new.then(|| key.origin().clone());
            Ok((Arc::new(vault), origin))
        }
        // A change of the key was interrupted after all was sealed with the next one.
        Err(VaultError::WrongKey(origin)) => match MasterKey::load_next(home) {
            Some(next) => {
                let vault = SealedVault::open(SqliteStore::open(home)?, &next, home)?;
                MasterKey::put_next_in_place(home)?;
                Ok((Arc::new(vault), None))
            }
            None => Err(VaultError::WrongKey(origin)),
        },
        Err(error) => Err(error),
    }
}

/// The keys for exports that the vault of that home will have; `None` if there is a vault. Nothing
/// is created: a key that is nowhere is an error.
pub fn export_keys_before_creation(
    home: &Home,
    environment_key: Option<&OsStr>,
) -> Result<Option<ExportKeys>, VaultError> {
    if SqliteStore::is_in(home)? {
        return Ok(None);
    }
    let key = MasterKey::load(home, environment_key)?;
    Ok(Some(ExportKeys::of(&key)))
}

/// The names of the records of that kind in an existing vault. They are not sealed.
pub fn names_without_key(home: &Home, kind: &'static str) -> Result<Vec<String>, VaultError> {
    SqliteStore::open(home)?.names_from(kind, "")
}

/// Where the key of that home's vault is, if the environment does not give it.
pub fn key_origin(home: &Home) -> Result<KeyOrigin, VaultError> {
    MasterKey::origin_in(home)
}

/// Removes the key of that home's vault: from the keyring, if it is there, and the file.
pub fn forget_key(home: &Home) {
    MasterKey::forget(home);
}

fn create(
    home: &Home,
    environment_key: Option<&OsStr>,
    wants_keyring: bool,
) -> Result<(), VaultError> {
    let lock = SqliteStore::setup_lock(home)?;
    if SqliteStore::is_in(home)? {
        return Ok(()); // another process was first
    }
    let had_key = MasterKey::is_there(home);
    let made = make(home, environment_key, wants_keyring);
    if made.is_err() {
        // If the vault could not be created (on a full disk), the home is left as it was found.
        SqliteStore::forget_half_made(home);
        if !had_key {
            MasterKey::forget(home);
        }
        lock.remove();
    }
    made
}

fn make(
    home: &Home,
    environment_key: Option<&OsStr>,
    wants_keyring: bool,
) -> Result<(), VaultError> {
    let key = MasterKey::load_or_create(home, environment_key, wants_keyring)?;
    let seal = Seal::new(&key);
    SqliteStore::create(home, &[sealed(&seal, &key_check())])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread;

    use super::*;
    use crate::secret::Secret;
    use crate::vault::{Change, Expect, RecordKey};

    #[test]
    fn tells_wrong_missing_and_malformed_keys_apart() {
        let (_directory, home) = Home::temporary();
        drop(open(&home, None).unwrap());
        let refused = |key| open(&home, key).err();
        let other = OsStr::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert!(matches!(
            refused(Some(other)),
            Some(VaultError::WrongKey(_))
        ));
        assert!(matches!(
            refused(Some(OsStr::new("short"))),
            Some(VaultError::KeyMalformed(_))
        ));
        fs::rename(home.path("master.key"), home.path("elsewhere")).unwrap();
        assert!(matches!(refused(None), Some(VaultError::KeyMissing(_))));
        assert!(
            !home.path("master.key").exists(),
            "no new key is made for an existing vault"
        );
    }

    #[test]
    fn many_first_users_make_one_vault() {
        let (_directory, home) = Home::temporary();
        let first_use = |index: u32| {
            let put = Change::Put {
                key: RecordKey::new("thing", index.to_string()),
                value: Secret::new(b"x".to_vec()),
                expect: Expect::Absent,
            };
            open(&home, None).unwrap().apply(&[put]).unwrap()[0]
        };
        let mut generations: Vec<_> = thread::scope(|scope| {
            let users: Vec<_> = (0..8)
                .map(|index| scope.spawn(move || first_use(index)))
                .collect();
            users.into_iter().map(|user| user.join().unwrap()).collect()
        });
        generations.sort_unstable();
        generations.dedup();
        assert_eq!(generations.len(), 8);
        assert_eq!(open(&home, None).unwrap().names("thing").unwrap().len(), 8);
    }
}
