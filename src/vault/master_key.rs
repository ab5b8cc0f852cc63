//! The 256-bit key that opens the vault. It is given by the environment (`AUTHSOME_MASTER_KEY`, or
//! the file that `AUTHSOME_MASTER_KEY_FILE` names), or it is in the file `master.key`.

use std::ffi::OsStr;
use std::fs;
use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::error::{KeyOrigin, VaultError};
use crate::os::home::{Home, io_error};
use crate::secret::Secret;

/// The file in the home directory.
const FILE: &str = "master.key";

/// The bytes of that file: 32 bytes in base64, and a line feed.
const LENGTH: usize = 45;

/// The vault's key. It does not print, and is wiped when it is dropped.
#[derive(Debug)]
pub struct MasterKey {
    bytes: Secret<[u8; 32]>,
    origin: KeyOrigin,
}

impl MasterKey {
    /// The key for an existing vault.
    pub(super) fn load(home: &Home, environment: Option<&OsStr>) -> Result<Self, VaultError> {
        if let Some(value) = environment {
            return Self::parse(value.as_encoded_bytes(), KeyOrigin::Environment);
        }
        let path = home.path(FILE);
        match fs::read(&path) {
            Ok(text) => Self::parse(&Zeroizing::new(text), KeyOrigin::File(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(VaultError::KeyMissing(path))
            }
            Err(error) => Err(io_error("read", &path)(error).into()),
        }
    }

    /// Whether there is a file with a key. If that cannot be found out, it is assumed, so that no
    /// key is removed.
    pub(super) fn is_there(home: &Home) -> bool {
        fs::exists(home.path(FILE)).unwrap_or(true)
    }

    /// Removes the key file of a vault that could not be created.
    pub(super) fn forget(home: &Home) {
        let _ = fs::remove_file(home.path(FILE));
    }

    /// The key for a new vault: an existing one, or a random one, which is stored before it is
    /// used.
    pub(super) fn load_or_create(
        home: &Home,
        environment: Option<&OsStr>,
    ) -> Result<Self, VaultError> {
        match Self::load(home, environment) {
            Err(VaultError::KeyMissing(path)) => {
                let mut bytes = Zeroizing::new([0_u8; 32]);
                getrandom::fill(bytes.as_mut())?;
                // With its final capacity: a string that grew would leave an unwiped copy behind.
                let mut text = Zeroizing::new(String::with_capacity(LENGTH));
                STANDARD.encode_string(bytes.as_ref(), &mut text);
                text.push('\n');
                home.write_private(FILE, text.as_bytes())?;
                Ok(Self {
                    bytes: Secret::new(*bytes),
                    origin: KeyOrigin::File(path),
                })
            }
            other => other,
        }
    }

    fn parse(text: &[u8], origin: KeyOrigin) -> Result<Self, VaultError> {
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

    #[cfg(test)]
    pub(super) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self {
            bytes: Secret::new(bytes),
            origin: KeyOrigin::Environment,
        }
    }
}
