//! Users by their names.

use nix::unistd::{Uid, User};

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
