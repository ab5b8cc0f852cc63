//! The private temporary directory of one session, removed at its end, or by the next session if
//! this one is killed.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::Uid;

use crate::os::home::{HomeError, create_private_directory, create_private_file, io_error};

/// What the names of all session directories start with.
const PREFIX: &str = "authsome-";

/// The file whose lock says that the session lives.
const ALIVE: &str = "alive";

/// A directory of mode 0700 with files of mode 0600. Dropping it removes it.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    /// Held as long as the session lives; the kernel lets go of it however the process ends.
    _alive: File,
}

impl RunDirectory {
    /// Makes the directory of that session under `parent`.
    pub fn create(parent: &Path, session: &str) -> Result<Self, HomeError> {
        let path = parent.join(format!("{PREFIX}{session}"));
        let alive_path = path.join(ALIVE);
        loop {
            create_private_directory(&path)?;
            let alive = create_private_file(&alive_path)?;
            alive.lock().map_err(io_error("lock", &alive_path))?;
            let links = alive.metadata().map_err(io_error("look at", &alive_path))?;
            // Before the lock was ours, another session's sweep may have taken the directory for a
            // dead one's: once more.
            if links.nlink() > 0 {
                return Ok(Self {
                    path,
                    _alive: alive,
                });
            }
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a directory in it.
    pub fn create_directory(&self, name: &str) -> Result<PathBuf, HomeError> {
        let path = self.path.join(name);
        create_private_directory(&path)?;
        Ok(path)
    }

    /// Writes a file into it.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, HomeError> {
        let path = self.path.join(name);
        create_private_file(&path)?
            .write_all(content)
            .map_err(io_error("write", &path))?;
        Ok(path)
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        // A child may have written into it; the next session tries again.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Why a directory is no place for a session's files.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// There is none.
    #[error("there is no such directory")]
    Missing,
    /// It cannot be looked at.
    #[error("it cannot be used: {0}")]
    Unusable(io::Error),
    /// It is something else.
    #[error("it is not a directory")]
    NotADirectory,
    /// Java, Node, PHP and wget have no way to take such a path.
    #[error(
        "its path has a character ($, %, \", \\ or a control character) that not all programs can be given"
    )]
    Unspeakable,
    /// Others may put another directory in its place, or in that of one above it.
    #[error("other users can change {}", .0.display())]
    OpenToOthers(PathBuf),
}

/// The path of a directory under which a session's may be made: nobody but its user and root can
/// exchange what is in it, and the programs of the run can all be told of it.
pub fn fit(directory: &Path) -> Result<PathBuf, Unfit> {
    // Links are followed here, once: who could exchange one later would exchange the directory.
    let path = std::path::absolute(directory).and_then(fs::canonicalize);
    let path = path.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unfit::Missing,
        _ => Unfit::Unusable(error),
    })?;
    if !is_plain(&path) {
        return Err(Unfit::Unspeakable);
    }
    for ancestor in path.ancestors() {
        let found = fs::symlink_metadata(ancestor).map_err(Unfit::Unusable)?;
        if !found.is_dir() {
            return Err(Unfit::NotADirectory);
        }
        if !is_kept_from_others(&found) {
            return Err(Unfit::OpenToOthers(ancestor.to_owned()));
        }
    }
    Ok(path)
}

/// Whether others cannot rename or remove what another user has in that directory: they cannot
/// write to it, or it is sticky (inode(7)).
fn is_kept_from_others(directory: &Metadata) -> bool {
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    let is_owners = directory.mode() & WRITABLE_BY_OTHERS == 0 || directory.mode() & STICKY != 0;
    let owner = directory.uid();
    let is_trusted = owner == 0 || owner == Uid::effective().as_raw() || is_of_nobody_here(owner);
    is_owners && is_trusted
}

/// In a user namespace, what belongs to root outside shows as the overflow user's
/// (`user_namespaces(7)`).
fn is_of_nobody_here(owner: u32) -> bool {
    const OVERFLOW: u32 = 65534;
    let maps_all = |map: String| map.split_whitespace().nth(2) == Some("4294967295");
    owner == OVERFLOW && !fs::read_to_string("/proc/self/uid_map").is_ok_and(maps_all)
}

/// Whether each format in which a path is told to a program takes it between double quotes as it
/// is.
pub fn is_plain(path: &Path) -> bool {
    let special =
        |character: char| matches!(character, '"' | '\\' | '$' | '%') || character.is_control();
    path.to_str().is_some_and(|path| !path.contains(special))
}

/// Removes the directories of sessions that are no more.
pub fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes())
        {
            remove_if_dead(&entry.path());
        }
    }
}

fn remove_if_dead(path: &Path) {
    // A link or another user's directory of that name is not ours to touch.
    let ours = fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_dir() && found.uid() == Uid::effective().as_raw());
    // Whatever stands there: a link is not followed, and a pipe does not hold us up.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let mut options = OpenOptions::new();
    let Ok(alive) = options
        .read(true)
        .custom_flags(flags.bits())
        .open(path.join(ALIVE))
    else {
        return;
    };
    if ours && alive.try_lock().is_ok() {
        let _ = fs::remove_dir_all(path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_that_others_can_exchange_is_unfit() {
        let parent = tempfile::tempdir().unwrap();
        let inner = parent.path().join("above/inner");
        create_private_directory(&inner).unwrap();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        assert_eq!(fit(&inner).unwrap(), inner.canonicalize().unwrap());
        for (bits, fits) in [
            (0o777, false),
            (0o1777, true),
            (0o770, false),
            (0o755, true),
        ] {
            mode(&inner, bits);
            assert_eq!(fit(&inner).is_ok(), fits, "{bits:o}");
            mode(&inner, 0o700);
            mode(inner.parent().unwrap(), bits);
            assert_eq!(fit(&inner).is_ok(), fits, "{bits:o} above");
            mode(inner.parent().unwrap(), 0o700);
        }
        let file = inner.join("file");
        create_private_file(&file).unwrap();
        assert!(matches!(fit(&file), Err(Unfit::NotADirectory)));
        assert!(matches!(fit(&inner.join("none")), Err(Unfit::Missing)));
    }

    #[test]
    fn a_directory_that_not_all_programs_can_be_told_is_unfit() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["a$b", "a%b", "a\"b", "a\\b", "a\nb"] {
            let path = parent.path().join(name);
            create_private_directory(&path).unwrap();
            assert!(matches!(fit(&path), Err(Unfit::Unspeakable)), "{name:?}");
        }
        let blank = parent.path().join("a b 'c' ü");
        create_private_directory(&blank).unwrap();
        fit(&blank).unwrap();
    }

    #[test]
    fn only_dead_sessions_are_swept() {
        let parent = tempfile::tempdir().unwrap();
        let living = RunDirectory::create(parent.path(), "living").unwrap();
        living.write("file", b"content").unwrap();
        let dead = parent.path().join("authsome-dead");
        create_private_directory(&dead).unwrap();
        create_private_file(&dead.join(ALIVE)).unwrap();
        create_private_directory(&parent.path().join("other")).unwrap();
        sweep(parent.path());
        assert!(living.path().join("file").exists());
        assert!(!dead.exists());
        assert!(parent.path().join("other").exists());
        let path = living.path().to_owned();
        drop(living);
        assert!(!path.exists());
    }
}
