//! The private temporary directory of one session, removed at its end, or by the next session if this one is killed.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::Uid;

use crate::home::{HomeError, create_private_directory, create_private_file, io_error};

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
            // Before the lock was ours, another session's sweep may have taken the directory for a dead one's: once more.
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
        let _ = fs::remove_dir_all(&self.path); // a child may have written into it; the next session tries again
    }
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
    use super::*;

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
