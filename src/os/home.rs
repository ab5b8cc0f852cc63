//! Private files: modes set at creation, atomic replacement.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::unistd::{Gid, Uid};

use super::lock_wait::LockWaits;
use crate::defence::Defence;

/// Errors of the home directory or of a file in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// Neither `AUTHSOME_HOME` nor `HOME` is set.
    #[error("neither AUTHSOME_HOME nor HOME is set, so there is no place for the vault")]
    Unset,
    /// The path exists, but it is not a directory.
    #[error("{} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// The directory belongs to another user.
    #[error("{} belongs to another user (uid {owner})", .path.display())]
    NotOwned {
        /// The directory.
        path: PathBuf,
        /// The user ID of the owner.
        owner: u32,
    },
    /// Other users can read or enter the directory.
    #[error("{} is open to others (mode {mode:04o})", .path.display())]
    TooOpen {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The lock was not free before its deadline.
    #[error("another process has held the lock {} for more than {} s", .path.display(), .waited.as_secs())]
    LockTimeout {
        /// The lock file.
        path: PathBuf,
        /// How long the lock was waited for.
        waited: Duration,
    },
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// The operation.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// The home directory: `AUTHSOME_HOME`, otherwise `~/.authsome`. It has mode 0700 and is created on
/// first use.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
    /// Is told of long waits.
    pub(super) waits: Option<LockWaits>,
}

impl Home {
    /// Where the directory is, whether it exists or not.
    pub fn path_of(
        authsome_home: Option<OsString>,
        user_home: Option<OsString>,
    ) -> Result<PathBuf, HomeError> {
        let root = match (authsome_home, user_home) {
            (Some(root), _) if !root.is_empty() => PathBuf::from(root),
            (_, Some(home)) if !home.is_empty() => Path::new(&home).join(".authsome"),
            _ => return Err(HomeError::Unset),
        };
        std::path::absolute(&root).map_err(io_error("find", &root))
    }

    /// Finds the directory, creates it if it is missing, and refuses it if other users can read it.
    pub fn open(
        authsome_home: Option<OsString>,
        user_home: Option<OsString>,
    ) -> Result<Self, HomeError> {
        let root = Self::path_of(authsome_home, user_home)?;
        if root.exists() && !root.is_dir() {
            return Err(HomeError::NotADirectory(root));
        }
        create_private_directory(&root)?;
        match check_private(&root) {
            Err(HomeError::TooOpen { mode, .. }) if is_prepared(&root, mode) => {
                fs::set_permissions(&root, Permissions::from_mode(0o700))
                    .map_err(io_error("make private", &root))?;
                check_private(&root)?;
            }
            checked => checked?,
        }
        Ok(Self { root, waits: None })
    }

    /// A home of a test, and the directory that removes it when it is dropped.
    #[cfg(test)]
    pub(crate) fn temporary() -> (tempfile::TempDir, Self) {
        let directory = tempfile::tempdir().unwrap();
        let home = Self::open(Some(directory.path().join("home").into()), None).unwrap();
        (directory, home)
    }

    /// The same directory, whose long waits for a lock are told.
    #[must_use]
    pub fn telling(self, waits: LockWaits) -> Self {
        Self {
            waits: Some(waits),
            ..self
        }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Writes a file of mode 0600 atomically: a reader sees either the old content or the new, and
    /// so does the next start after a power failure.
    pub fn write_private(&self, name: &str, content: &[u8]) -> Result<(), HomeError> {
        let target = self.path(name);
        let staging = self.path(&format!("{name}.new"));
        remove_if_present(&staging)?;
        let mut file = create_private_file(&staging)?;
        let written = file
            .write_all(content)
            .and_then(|()| file.sync_all())
            .map_err(io_error("write", &staging))
            .and_then(|()| fs::rename(&staging, &target).map_err(io_error("replace", &target)));
        if written.is_err() {
            let _ = fs::remove_file(&staging); // a partial file is useless
        }
        written?;
        self.sync()
    }

    /// Makes renames and new files in the directory durable.
    pub fn sync(&self) -> Result<(), HomeError> {
        File::open(&self.root)
            .and_then(|directory| directory.sync_all())
            .map_err(io_error("synchronise", &self.root))
    }
}

/// Opens a file, but refuses a pipe or socket. Without `O_NONBLOCK`, opening a pipe would block
/// until another process opens its other end.
pub fn open_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    open_with(options, path, OFlag::O_NONBLOCK)
}

/// The same for a file that authsome makes itself, in a directory that others may write: a link is
/// refused as well.
pub fn open_file_itself(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    open_with(options, path, OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW)
}

fn open_with(options: &mut OpenOptions, path: &Path, flags: OFlag) -> io::Result<File> {
    let file = options.custom_flags(flags.bits()).open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_fifo() || kind.is_socket() {
        return Err(io::Error::other("it is a pipe, and not a file"));
    }
    Ok(file)
}

/// Creates a directory of mode 0700, and its parents. An existing directory is left unchanged.
pub fn create_private_directory(path: &Path) -> Result<(), HomeError> {
    DirBuilder::new()
        .recursive(true)
        .mode(mode(0o700))
        .create(path)
        .map_err(io_error("create", path))
}

/// Creates a file of mode 0600 that must not exist yet.
pub fn create_private_file(path: &Path) -> Result<File, HomeError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(mode(0o600))
        .open(path)
        .map_err(io_error("create", path))
}

/// The mode of what is private.
pub(super) fn mode(private: u32) -> u32 {
    if Defence::PrivateFiles.stands() {
        private
    } else {
        0o777
    }
}

/// Refuses a directory that is not this user's, or that other users can access.
pub fn check_private(path: &Path) -> Result<(), HomeError> {
    let metadata = fs::metadata(path).map_err(io_error("look at", path))?;
    if !metadata.is_dir() {
        return Err(HomeError::NotADirectory(path.to_owned()));
    }
    if metadata.uid() != Uid::effective().as_raw() {
        return Err(HomeError::NotOwned {
            path: path.to_owned(),
            owner: metadata.uid(),
        });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 && Defence::HomeCheck.stands() {
        return Err(HomeError::TooOpen {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

/// What a user may put into the directory by hand, before it holds anything secret.
const BY_HAND: [&str; 2] = ["config.toml", "providers"];

/// Whether the user made the directory to put settings there (`mkdir -p ~/.authsome/providers`),
/// with the mode that the umask gives. Nothing secret has been in it yet, so it may still be made
/// private. It is not taken over if other users could have written to it. Nor is an empty
/// directory, because its purpose is unknown.
fn is_prepared(root: &Path, mode: u32) -> bool {
    let own_group = |metadata: &fs::Metadata| metadata.gid() == Gid::effective().as_raw();
    // With a umask of 002 the user's own group may write. Only the user is a member of that group.
    let is_ours_to_write = |metadata: &fs::Metadata, mode: u32| {
        metadata.uid() == Uid::effective().as_raw()
            && mode & 0o002 == 0
            && (mode & 0o020 == 0 || own_group(metadata))
    };
    let is_ours = |path: &Path| {
        fs::symlink_metadata(path).is_ok_and(|found| is_ours_to_write(&found, found.mode()))
    };
    let all = |directory: &Path, allowed: &dyn Fn(&fs::DirEntry) -> bool| {
        let entries = fs::read_dir(directory).ok()?;
        let mut seen = 0;
        for entry in entries {
            let entry = entry.ok()?;
            if !allowed(&entry) || !is_ours(&entry.path()) {
                return None;
            }
            seen += 1;
        }
        Some(seen)
    };
    let by_hand = |entry: &fs::DirEntry| BY_HAND.iter().any(|name| entry.file_name() == *name);
    let is_known = all(root, &by_hand).is_some_and(|seen| seen > 0);
    let providers = root.join("providers");
    let providers_are_ours = !providers.exists() || all(&providers, &|_| true).is_some();
    let writable = fs::metadata(root).is_ok_and(|found| is_ours_to_write(&found, mode));
    writable && is_known && providers_are_ours
}

/// Removes a file. It is no error if the file does not exist.
pub fn remove_if_present(path: &Path) -> Result<(), HomeError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Adds the action and the path to an I/O error.
pub fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HomeError {
    let path = path.to_owned();
    move |source| HomeError::Io {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_private_and_refused_when_open() {
        let (_directory, home) = Home::temporary();
        assert_eq!(fs::metadata(home.root()).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(home.root(), Permissions::from_mode(0o750)).unwrap();
        let again = Home::open(Some(home.root().into()), None);
        assert!(matches!(again, Err(HomeError::TooOpen { mode: 0o750, .. })));
    }

    #[test]
    fn one_that_was_made_by_hand_becomes_private_until_it_has_a_secret() {
        for (mode, entries, expected) in [
            (0o755, &["providers/"][..], 0o700),
            (
                0o775,
                &["providers/", "providers/gitlab.json", "config.toml"],
                0o700,
            ),
            (0o777, &["providers/"], 0o777),
            (0o755, &[], 0o755),
            (0o755, &["providers/", "vault.db"], 0o755),
            (0o755, &["providers/", "locks/"], 0o755),
        ] {
            let directory = tempfile::tempdir().unwrap();
            for entry in entries {
                let path = directory.path().join(entry);
                match entry.strip_suffix('/') {
                    Some(_) => fs::create_dir(path).unwrap(),
                    None => drop(File::create(path).unwrap()),
                }
            }
            fs::set_permissions(directory.path(), Permissions::from_mode(mode)).unwrap();
            let opened = Home::open(Some(directory.path().into()), None);
            assert_eq!(opened.is_ok(), expected == 0o700, "{mode:o} {entries:?}");
            let found = fs::metadata(directory.path()).unwrap().mode() & 0o777;
            assert_eq!(found, expected, "{mode:o} {entries:?}");
        }
    }

    #[test]
    fn private_files_are_private_and_replaced_whole() {
        let (_directory, home) = Home::temporary();
        home.write_private("file", b"one").unwrap();
        home.write_private("file", b"two").unwrap();
        assert_eq!(fs::read(home.path("file")).unwrap(), b"two");
        assert_eq!(
            fs::metadata(home.path("file")).unwrap().mode() & 0o777,
            0o600
        );
        assert!(!home.path("file.new").exists());
    }
}
