//! The keyring of the user's session: the Secret Service on Linux (GNOME Keyring, `KWallet`,
//! `KeePassXC`), the Keychain on macOS.
//!
//! A keyring may ask the user for its password, and a service that hangs never responds. So each
//! call runs on a thread of its own and is given up after some time.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::secret::Secret;

/// The name under which a keyring shows the entries to its user.
const SERVICE: &str = "authsome";

/// How long to wait for a keyring that may be asking its user for a password.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long to wait where a file is as good, and nobody knows that a keyring will be asked.
const BRIEFLY: Duration = Duration::from_secs(5);

/// Why the keyring cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// There is no such entry.
    #[error("the keyring has no such entry")]
    NoEntry,
    /// The keyring, or the way to it, does not work.
    #[error("the keyring cannot be used: {0}")]
    Unusable(String),
}

/// The secret of an entry.
pub(super) fn read(entry: &str) -> Result<Secret<Vec<u8>>, KeyringError> {
    within(PATIENCE, entry, |entry| entry.get_secret().map(Secret::new))
}

/// Stores a secret, where the user has asked for it.
pub(super) fn write(entry: &str, secret: &Secret<Vec<u8>>) -> Result<(), KeyringError> {
    store(PATIENCE, entry, secret)
}

/// Stores a secret if a keyring is there and open.
pub(super) fn write_if_open(entry: &str, secret: &Secret<Vec<u8>>) -> Result<(), KeyringError> {
    store(BRIEFLY, entry, secret)
}

/// Removes an entry.
pub(super) fn remove(entry: &str) -> Result<(), KeyringError> {
    within(PATIENCE, entry, keyring::Entry::delete_credential)
}

fn store(patience: Duration, entry: &str, secret: &Secret<Vec<u8>>) -> Result<(), KeyringError> {
    let stored = secret.clone();
    within(patience, entry, move |entry| {
        entry.set_secret(stored.expose())
    })?;
    // Some services confirm what they have not kept, for example in a session that is not unlocked.
    match within(patience, entry, |entry| entry.get_secret().map(Secret::new))? {
        read if secret.matches(read.expose()) => Ok(()),
        _ => Err(KeyringError::Unusable(
            "it does not return what was stored".to_owned(),
        )),
    }
}

fn within<T: Send + 'static>(
    patience: Duration,
    entry: &str,
    work: impl FnOnce(&keyring::Entry) -> keyring::Result<T> + Send + 'static,
) -> Result<T, KeyringError> {
    let entry = keyring::Entry::new(SERVICE, entry).map_err(unusable)?;
    let (sender, receiver) = mpsc::channel();
    let started = thread::Builder::new().spawn(move || {
        let _ = sender.send(work(&entry)); // the receiver may have given up
    });
    started.map_err(|error| KeyringError::Unusable(error.to_string()))?;
    let done = receiver.recv_timeout(patience).map_err(|_| {
        let seconds = patience.as_secs();
        KeyringError::Unusable(format!("it does not respond within {seconds} s"))
    })?;
    done.map_err(unusable)
}

fn unusable(error: keyring::Error) -> KeyringError {
    match error {
        keyring::Error::NoEntry => KeyringError::NoEntry,
        // Its own words name the crate's variants; the cause says what has happened.
        keyring::Error::PlatformFailure(cause) | keyring::Error::NoStorageAccess(cause) => {
            KeyringError::Unusable(cause.to_string())
        }
        other => KeyringError::Unusable(other.to_string()),
    }
}
