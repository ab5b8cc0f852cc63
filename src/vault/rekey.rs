//! Gives a vault a new key, and puts the key where the user wants it.
//!
//! The new key is stored before anything is sealed with it; the old one is removed after all is.
//! A process that is killed in between leaves both, and the next one that opens the vault finds the
//! one that fits:
//!
//! ```text
//! the old key               -- the new key is stored as the next one --> both
//! both, sealed with the old -- one transaction seals all anew --------> both, sealed with the new
//! both, sealed with the new -- the next takes the place of the old ----> the new key
//! ```

use std::ffi::OsStr;
use std::time::Duration;

use super::master_key::{Holder, MasterKey};
use super::seal::Seal;
use super::sealed::SealedVault;
use super::sqlite::SqliteStore;
use super::{KeyOrigin, VaultError};
use crate::os::home::Home;
use crate::secret::Secret;

/// How long to wait for renewals that are under way.
pub(super) const RENEWAL_WAIT: Duration = Duration::from_secs(45);

/// Where a vault's key is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// Nowhere: the user keeps it, and gives it to each start in `AUTHSOME_MASTER_KEY`.
    Environment,
    /// In a file beside the vault.
    File,
    /// In the keyring of the user's session.
    Keyring,
}

/// Gives the vault of that home a new key. For [`KeyPlace::Environment`], `hand_over` gets the key
/// in base64 before anything is changed, and an error of it changes nothing. The caller makes sure
/// that no run is alive: it would go on with the old key.
pub fn rekey(
    home: &Home,
    environment_key: Option<&OsStr>,
    place: KeyPlace,
    hand_over: &mut dyn FnMut(&Secret<String>) -> std::io::Result<()>,
) -> Result<KeyOrigin, VaultError> {
    let _lock = SqliteStore::setup_lock(home)?;
    let old = MasterKey::load(home, environment_key)?;
    let store = SqliteStore::open(home)?;
    let vault = SealedVault::open(store, &old, home)?;
    let _renewals = vault.lock_all(RENEWAL_WAIT)?;
    vault.refuse_pending()?;
    let next = MasterKey::random()?;
    match place {
        KeyPlace::Environment => {
            hand_over(&next.encoded()).map_err(VaultError::NotHandedOver)?;
        }
        KeyPlace::File => next.store_as_next(home, &Holder::File)?,
        KeyPlace::Keyring => next.store_as_next(home, &Holder::new_in_keyring(home)?)?,
    }
    vault.seal_anew(&Seal::new(&next))?;
    match place {
        KeyPlace::Environment => MasterKey::leave_to_environment(home)?,
        KeyPlace::File | KeyPlace::Keyring => MasterKey::put_next_in_place(home)?,
    }
    MasterKey::origin_in(home)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io;

    use super::*;
    use crate::vault::{Change, Expect, RecordKey, open};

    /// A home whose vault has some records.
    fn home() -> (tempfile::TempDir, Home) {
        let (directory, home) = Home::temporary();
        let vault = open(&home, None).unwrap();
        for number in 0..10 {
            let put = Change::Put {
                key: RecordKey::new("thing", number.to_string()),
                value: Secret::new(format!("value {number}").into_bytes()),
                expect: Expect::Absent,
            };
            vault.apply(&[put]).unwrap();
        }
        (directory, home)
    }

    fn assert_whole(home: &Home, key: Option<&OsStr>) {
        let vault = open(home, key).unwrap();
        for number in 0..10 {
            let record = vault.get(&RecordKey::new("thing", number.to_string()));
            let value = record.unwrap().unwrap().value;
            assert_eq!(value.expose(), format!("value {number}").as_bytes());
        }
    }

    fn nowhere(_: &Secret<String>) -> io::Result<()> {
        panic!("the key is handed over")
    }

    #[test]
    fn the_old_key_opens_nothing_any_more() {
        let (_directory, home) = home();
        let old = fs::read(home.path("master.key")).unwrap();
        rekey(&home, None, KeyPlace::File, &mut nowhere).unwrap();
        assert_whole(&home, None);
        assert_ne!(fs::read(home.path("master.key")).unwrap(), old);
        assert!(!home.path("master.key.next").exists());
        let refused = open(
            &home,
            Some(OsStr::new(std::str::from_utf8(&old).unwrap().trim())),
        );
        assert!(matches!(refused, Err(VaultError::WrongKey(_))));
    }

    #[test]
    fn a_user_keeps_the_key_and_gives_it_back() {
        let (_directory, home) = home();
        let mut kept = String::new();
        let origin = rekey(&home, None, KeyPlace::Environment, &mut |key| {
            key.expose().clone_into(&mut kept);
            Ok(())
        });
        assert_eq!(origin.unwrap(), KeyOrigin::Environment);
        assert!(matches!(open(&home, None), Err(VaultError::KeyNotGiven)));
        assert_whole(&home, Some(OsStr::new(&kept)));
        let given = Some(OsStr::new(&kept));
        rekey(&home, given, KeyPlace::File, &mut nowhere).unwrap();
        assert_whole(&home, None);
    }

    #[test]
    fn a_key_that_is_not_handed_over_changes_nothing() {
        let (_directory, home) = home();
        let full = &mut |_: &Secret<String>| Err(io::ErrorKind::StorageFull.into());
        let refused = rekey(&home, None, KeyPlace::Environment, full);
        assert!(matches!(refused, Err(VaultError::NotHandedOver(_))));
        assert_whole(&home, None);
    }

    #[test]
    fn who_is_killed_in_between_loses_nothing() {
        let (_directory, home) = home();
        // Before anything is sealed with the next key.
        let next = MasterKey::random().unwrap();
        next.store_as_next(&home, &Holder::File).unwrap();
        assert_whole(&home, None);
        // After all is.
        let old = MasterKey::load(&home, None).unwrap();
        let store = SqliteStore::open(&home).unwrap();
        let vault = SealedVault::open(store, &old, &home).unwrap();
        vault.seal_anew(&Seal::new(&next)).unwrap();
        assert_whole(&home, None);
        assert!(!home.path("master.key.next").exists());
        assert_whole(&home, None);
    }

    #[test]
    fn who_has_the_vault_open_writes_nothing_with_the_old_key() {
        let (_directory, home) = home();
        let vault = open(&home, None).unwrap();
        rekey(&home, None, KeyPlace::File, &mut nowhere).unwrap();
        let put = Change::Put {
            key: RecordKey::new("thing", "3"),
            value: Secret::new(b"sealed with the old key".to_vec()),
            expect: Expect::Any,
        };
        let refused = vault.apply(&[put]);
        assert!(
            matches!(refused, Err(VaultError::KeyChanged)),
            "{refused:?}"
        );
        assert_whole(&home, None);
    }

    #[test]
    fn a_renewal_that_is_under_way_is_waited_for() {
        let (_directory, home) = home();
        let key = RecordKey::new("connection", "gitlab/work");
        let vault = open(&home, None).unwrap();
        let put = Change::Put {
            key: key.clone(),
            value: Secret::new(b"one".to_vec()),
            expect: Expect::Absent,
        };
        let generation = vault.apply(&[put]).unwrap()[0];
        let lock = vault.lock(&key, Duration::ZERO).unwrap();
        let at = home.clone();
        let changing = std::thread::spawn(move || {
            rekey(&at, None, KeyPlace::File, &mut nowhere).unwrap();
        });
        let put = Change::Put {
            key: key.clone(),
            value: Secret::new(b"renewed".to_vec()),
            expect: Expect::Generation(generation),
        };
        vault.apply(&[put]).unwrap();
        drop(lock);
        changing.join().unwrap();
        let renewed = open(&home, None).unwrap().get(&key).unwrap().unwrap();
        assert_eq!(renewed.value.expose(), b"renewed");
    }

    #[test]
    fn a_record_that_does_not_open_stops_the_change() {
        let (_directory, home) = home();
        let path = home.path("vault.db");
        let file = rusqlite::Connection::open(path).unwrap();
        let altered = "UPDATE record SET sealed = zeroblob(40) WHERE name = '7'";
        file.execute(altered, []).unwrap();
        let refused = rekey(&home, None, KeyPlace::File, &mut nowhere);
        assert!(matches!(refused, Err(VaultError::Tampered { .. })));
        let vault = open(&home, None).unwrap();
        let other = vault.get(&RecordKey::new("thing", "3")).unwrap();
        assert_eq!(other.unwrap().value.expose(), b"value 3");
    }
}
