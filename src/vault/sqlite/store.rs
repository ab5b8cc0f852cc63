//! The file while it is open.

use std::path::PathBuf;
use std::sync::Mutex;

use rusqlite::Connection;

use crate::os::home::Home;

/// The file in the home directory.
pub(super) const FILE: &str = "vault.db";

/// An open file.
pub(in crate::vault) struct SqliteStore {
    pub(super) home: Home,
    pub(super) connection: Mutex<Connection>,
    pub(super) path: PathBuf,
}
