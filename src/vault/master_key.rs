//! The 256-bit key that opens the vault. It is given by the environment (`AUTHSOME_MASTER_KEY`, or
//! the file that `AUTHSOME_MASTER_KEY_FILE` names), or it is in the file `master.key`, or in the
//! keyring, where that file names its entry.

use std::ffi::OsStr;
use std::fs;
use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::derived_key::{derived, extract};
use super::error::{KeyOrigin, VaultError};
use super::os_keyring;
use crate::age_file::Identity;
use crate::os::home::{Home, io_error};

use crate::secret::Secret;

/// The file in the home directory: the key, or where it is.
const FILE: &str = "master.key";

/// The file with the key that a vault is being sealed with anew (`rekey.rs`).
const NEXT: &str = "master.key.next";

/// The bytes of a key in a file: 32 bytes in base64, and a line feed.
const LENGTH: usize = 45;

/// How an identity of age begins.
const IDENTITY: &[u8] = b"AGE-SECRET-KEY-1";

/// The use of a key that is derived from one.
const FROM_IDENTITY: &[u8] = b"authsome master key of an identity 1";

/// What the file says if the key is not in it.
const IN_ENVIRONMENT: &str = "environment\n";
const IN_KEYRING: &str = "keyring ";

/// The vault's key. It does not print, and is wiped when it is dropped.
#[derive(Debug)]
pub struct MasterKey {
    bytes: Secret<[u8; 32]>,
    origin: KeyOrigin,
}

/// Where a key is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    File,
    /// The name of the entry.
    Keyring(String),
}

impl Holder {
    /// An entry of its own for each key, so that a new key never overwrites the one in use.
    pub(super) fn new_in_keyring(home: &Home) -> Result<Self, VaultError> {
        let mut number = [0; 4];
        getrandom::fill(&mut number)?;
        let number = u32::from_ne_bytes(number);
        let home = home.root().display();
        Ok(Self::Keyring(format!("{home} {number:08x}")))
    }
}

impl MasterKey {
    /// The key for an existing vault.
    pub(super) fn load(home: &Home, environment: Option<&OsStr>) -> Result<Self, VaultError> {
        if let Some(value) = environment {
            return Self::parse(value.as_encoded_bytes(), KeyOrigin::Environment);
        }
        Self::load_from(home, FILE)
    }

    /// The key that the vault was being sealed with anew, if that was begun.
    pub(super) fn load_next(home: &Home) -> Option<Self> {
        Self::load_from(home, NEXT).ok()
    }

    fn load_from(home: &Home, name: &str) -> Result<Self, VaultError> {
        let path = home.path(name);
        let text = match fs::read(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(VaultError::KeyMissing(path));
            }
            Err(error) => return Err(io_error("read", &path)(error).into()),
        };
        if *text == IN_ENVIRONMENT.as_bytes() {
            return Err(VaultError::KeyNotGiven);
        }
        match entry_in(&text) {
            Some(entry) => {
                let key = os_keyring::read(&entry).map_err(VaultError::Keyring)?;
                Self::parse(key.expose(), KeyOrigin::Keyring)
            }
            None => Self::parse(&text, KeyOrigin::File(path)),
        }
    }

    /// Where the file of that home says that the key is.
    pub(super) fn origin_in(home: &Home) -> Result<KeyOrigin, VaultError> {
        let path = home.path(FILE);
        let text = fs::read(&path).map(Zeroizing::new);
        let text = text.map_err(|error| io_error("read", &path)(error))?;
        Ok(if *text == IN_ENVIRONMENT.as_bytes() {
            KeyOrigin::Environment
        } else if entry_in(&text).is_some() {
            KeyOrigin::Keyring
        } else {
            KeyOrigin::File(path)
        })
    }

    /// Whether there is a file with a key. If that cannot be found out, it is assumed, so that no
    /// key is removed.
    pub(super) fn is_there(home: &Home) -> bool {
        fs::exists(home.path(FILE)).unwrap_or(true)
    }

    /// Removes the key of a vault that could not be created.
    pub(super) fn forget(home: &Home) {
        let entry = Self::entry(home);
        let _ = fs::remove_file(home.path(FILE));
        remove_entry(entry);
    }

    /// The entry in the keyring that the file names, if it names one.
    fn entry(home: &Home) -> Option<String> {
        let text = fs::read(home.path(FILE)).map(Zeroizing::new).ok()?;
        entry_in(&text)
    }

    /// The key for a new vault: an existing one, or a random one, which is stored before it is
    /// used: in the keyring if that is wanted and one is open, else in the file.
    pub(super) fn load_or_create(
        home: &Home,
        environment: Option<&OsStr>,
        wants_keyring: bool,
    ) -> Result<Self, VaultError> {
        match Self::load(home, environment) {
            Err(VaultError::KeyMissing(path)) => {
                let key = Self::random()?;
                if wants_keyring && let Holder::Keyring(entry) = Holder::new_in_keyring(home)? {
                    let stored = os_keyring::write_if_open(&entry, &key.text());
                    if stored.is_ok() {
                        home.write_private(FILE, format!("{IN_KEYRING}{entry}\n").as_bytes())?;
                        let origin = KeyOrigin::Keyring;
                        return Ok(Self { origin, ..key });
                    }
                }
                home.write_private(FILE, key.text().expose())?;
                let origin = KeyOrigin::File(path);
                Ok(Self { origin, ..key })
            }
            other => other,
        }
    }

    /// A new key, which is stored nowhere yet.
    pub(super) fn random() -> Result<Self, VaultError> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        getrandom::fill(bytes.as_mut())?;
        Ok(Self {
            bytes: Secret::new(*bytes),
            origin: KeyOrigin::Environment,
        })
    }

    /// The key as a variable holds it.
    pub(super) fn encoded(&self) -> Secret<String> {
        // With its final capacity: a string that grew would leave an unwiped copy behind.
        let mut text = Zeroizing::new(String::with_capacity(LENGTH));
        STANDARD.encode_string(self.bytes.expose(), &mut text);
        Secret::new(std::mem::take(&mut *text))
    }

    /// The key as a file holds it.
    fn text(&self) -> Secret<Vec<u8>> {
        let mut text = Vec::with_capacity(LENGTH);
        text.extend_from_slice(self.encoded().expose().as_bytes());
        text.push(b'\n');
        Secret::new(text)
    }

    /// Stores the key beside the one in use.
    pub(super) fn store_as_next(&self, home: &Home, holder: &Holder) -> Result<(), VaultError> {
        match holder {
            Holder::File => home.write_private(NEXT, self.text().expose())?,
            Holder::Keyring(entry) => {
                os_keyring::write(entry, &self.text()).map_err(VaultError::Keyring)?;
                home.write_private(NEXT, format!("{IN_KEYRING}{entry}\n").as_bytes())?;
            }
        }
        Ok(())
    }

    /// Puts the next key in place of the one before, which opens nothing any more.
    pub(super) fn put_next_in_place(home: &Home) -> Result<(), VaultError> {
        let (next, path) = (home.path(NEXT), home.path(FILE));
        if !fs::exists(&next).map_err(io_error("look at", &next))? {
            return Ok(()); // another process was first
        }
        let before = Self::entry(home);
        fs::rename(&next, &path).map_err(io_error("replace", &path))?;
        home.sync()?;
        // Not earlier: until then, a kill would leave a file that names an entry that is gone.
        remove_entry(before);
        Ok(())
    }

    /// From now on, the key is only where the user keeps it.
    pub(super) fn leave_to_environment(home: &Home) -> Result<(), VaultError> {
        let before = Self::entry(home);
        home.write_private(FILE, IN_ENVIRONMENT.as_bytes())?;
        remove_entry(before);
        Ok(())
    }

    /// 32 bytes in base64; or an identity as `age-keygen` writes it, from which the key is derived.
    fn parse(text: &[u8], origin: KeyOrigin) -> Result<Self, VaultError> {
        if let Some(bytes) = key_of_identity(text) {
            return Ok(Self { bytes, origin });
        }
        let decoded = STANDARD.decode(text.trim_ascii()).map(Zeroizing::new);
        match decoded
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok())
        {
            Some(bytes) => Ok(Self {
                bytes: Secret::new(bytes),
                origin,
            }),
            None => Err(VaultError::KeyMalformed(origin)),
        }
    }

    pub(super) fn bytes(&self) -> &Secret<[u8; 32]> {
        &self.bytes
    }

    pub(super) fn origin(&self) -> &KeyOrigin {
        &self.origin
    }

    #[cfg(any(fuzzing, test))]
    pub(super) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self {
            bytes: Secret::new(bytes),
            origin: KeyOrigin::Environment,
        }
    }
}

/// The key that belongs to an identity of age, if the text is one.
fn key_of_identity(text: &[u8]) -> Option<Secret<[u8; 32]>> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut identities = lines.filter(|line| line.starts_with(IDENTITY));
    let identity = identities.next()?;
    let checked = Identity::all_of(&Secret::new(identity.to_vec()));
    let is_alone = identities.next().is_none() && checked.is_ok();
    is_alone.then(|| derived(&extract(identity), FROM_IDENTITY))
}

/// Removes a key from the keyring that opens nothing any more. If that fails, it stays there to no
/// effect.
fn remove_entry(entry: Option<String>) {
    if let Some(entry) = entry {
        let _ = os_keyring::remove(&entry);
    }
}

/// The name of the entry in the keyring, if the text of a file names one.
fn entry_in(text: &[u8]) -> Option<String> {
    let entry = text.strip_prefix(IN_KEYRING.as_bytes())?;
    let entry = std::str::from_utf8(entry.trim_ascii()).ok()?;
    Some(entry.to_owned())
}
