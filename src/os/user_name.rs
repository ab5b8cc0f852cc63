//! Users by their names, and files that become theirs.

use std::fs;
use std::os::unix::fs::lchown;
use std::path::Path;

use nix::unistd::{Uid, User};

use super::home::{HomeError, io_error};

/// The user ID and the first group's ID of that user.
///
/// # Errors
///
/// The list of users cannot be read. `None` is a name that is not on it.
pub fn ids_of(name: &str) -> std::io::Result<Option<(u32, u32)>> {
    let user = User::from_name(name)?;
    Ok(user.map(|user| (user.uid.as_raw(), user.gid.as_raw())))
}

/// Whether this process is root's.
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Gives a directory and what is in it to another user, which only root can.
pub fn give(path: &Path, user: u32, group: u32) -> Result<(), HomeError> {
    let failed = |source| io_error("give away", path)(source);
    lchown(path, Some(user), Some(group)).map_err(failed)?;
    if !fs::symlink_metadata(path).map_err(failed)?.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        give(&entry.map_err(failed)?.path(), user, group)?;
    }
    Ok(())
}
