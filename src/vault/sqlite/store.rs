//! The file while it is open.

use std::path::PathBuf;
use std::sync::Mutex;

use rusqlite::Connection;

use crate::os::home::Home;

/// The file's name in the home directory.
pub(super) const FILE: &str = "vault.db";

/// An open vault file.
pub(in crate::vault) struct SqliteStore {
    pub(super) home: Home,
    pub(super) connection: Mutex<Connection>,
    pub(super) path: PathBuf,
}
