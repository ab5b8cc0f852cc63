//! The private temporary directory of one session. It is removed at the session's end, or by the
//! next session if this one was killed.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::Uid;

use crate::defence::Defence;
use crate::os::home::{HomeError, create_private_directory, create_private_file, io_error};

/// The prefix of every session directory's name.
const PREFIX: &str = "authsome-";

/// The file whose lock shows that the session is alive.
const ALIVE: &str = "alive";

/// The directory for the files of containers, within the session's.
const FOR_CONTAINERS: &str = "container";

/// What whoever has a container's mount may do with a directory, and with a file.
const OPEN_DIRECTORY: u32 = 0o755;
const OPEN_FILE: u32 = 0o644;

/// What is in that file: a directory at a path of the user's choice has no name that tells whose it
/// is.
const MARK: &[u8] = b"authsome\n";

/// A directory of mode 0700 with files of mode 0600. Dropping it removes it.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    /// Where containers see the files, which are then in a directory of their own.
    seen_at: Option<PathBuf>,
    /// Held as long as the session lives. The kernel releases it however the process ends.
    _alive: File,
}

impl RunDirectory {
    /// Creates the session's directory under `parent`.
    pub fn create(parent: &Path, session: &str) -> Result<Self, HomeError> {
        Self::create_at(parent.join(format!("{PREFIX}{session}")))
    }

    /// Creates the session's directory at a path of the user's choice, where nothing is yet. No
    /// other session removes it.
    pub fn create_at(path: PathBuf) -> Result<Self, HomeError> {
        let alive_path = path.join(ALIVE);
        loop {
            create_private_directory(&path)?;
            let mut alive = create_private_file(&alive_path)?;
            alive.lock().map_err(io_error("lock", &alive_path))?;
            let links = alive.metadata().map_err(io_error("look at", &alive_path))?;
            // Before this process had the lock, another session's sweep may have removed the
            // directory as that of a dead session. Then try again.
            if links.nlink() > 0 {
                alive
                    .write_all(MARK)
                    .map_err(io_error("write", &alive_path))?;
                return Ok(Self {
                    path,
                    seen_at: None,
                    _alive: alive,
                });
            }
        }
    }

    /// The same, for files that containers see at `seen_at`. Everybody in a container can read
    /// them, because its users are others than this one; outside, nobody else gets through the
    /// session's own directory.
    pub fn for_containers(mut self, seen_at: PathBuf) -> Result<Self, HomeError> {
        self.seen_at = Some(seen_at);
        self.make_directory(&self.files())?;
        Ok(self)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory with the files that clients read.
    pub fn files(&self) -> PathBuf {
        match self.seen_at {
            Some(_) => self.path.join(FOR_CONTAINERS),
            None => self.path.clone(),
        }
    }

    /// Where clients see that directory.
    pub fn seen(&self) -> &Path {
        self.seen_at.as_deref().unwrap_or(&self.path)
    }

    /// Creates a directory in it. Returns where clients see it.
    pub fn create_directory(&self, name: &str) -> Result<PathBuf, HomeError> {
        self.make_directory(&self.files().join(name))?;
        Ok(self.seen().join(name))
    }

    /// Writes a file into it. Returns where clients see it.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, HomeError> {
        let path = self.files().join(name);
        let written = create_private_file(&path)?.write_all(content);
        written.map_err(io_error("write", &path))?;
        self.open_to_containers(&path, OPEN_FILE)?;
        Ok(self.seen().join(name))
    }

    /// Writes more into a file that [`Self::write`] has written. Returns where clients see it.
    pub fn append(&self, name: &str, content: &[u8]) -> Result<PathBuf, HomeError> {
        let path = self.files().join(name);
        let file = OpenOptions::new().append(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(content));
        written.map_err(io_error("write", &path))?;
        Ok(self.seen().join(name))
    }

    fn make_directory(&self, path: &Path) -> Result<(), HomeError> {
        create_private_directory(path)?;
        self.open_to_containers(path, OPEN_DIRECTORY)
    }

    fn open_to_containers(&self, path: &Path, mode: u32) -> Result<(), HomeError> {
        if self.seen_at.is_none() {
            return Ok(());
        }
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(path, permissions).map_err(io_error("open", path))
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        // This fails if a child is writing into the directory; the next session's sweep removes it.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Why a directory is unsuitable for session directories.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It does not exist.
    #[error("there is no such directory")]
    Missing,
    /// It cannot be inspected.
    #[error("it cannot be used: {0}")]
    Unusable(io::Error),
    /// Something is there already.
    #[error("it is there already")]
    Exists,
    /// It is not a directory.
    #[error("it is not a directory")]
    NotADirectory,
    /// Java, Node, PHP and wget cannot be given such a path.
    #[error(
        "its path has a character ($, %, \", \\ or a control character) that not all programs can be given"
    )]
    Unspeakable,
    /// Other users could replace the directory, or one of its parents.
    #[error("other users can change {}", .0.display())]
    OpenToOthers(PathBuf),
}

/// The canonical path of a directory that may hold session directories: only this user and root can
/// replace it or anything in it, and every program of the run can be given its path.
pub fn fit(directory: &Path) -> Result<PathBuf, Unfit> {
    // Symbolic links are resolved here, once. A user who could replace one later could replace the
    // directory itself.
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
        if !is_kept_from_others(&found) && Defence::SessionPlace.stands() {
            return Err(Unfit::OpenToOthers(ancestor.to_owned()));
        }
    }
    Ok(path)
}

/// Whether other users cannot rename or remove entries of the directory: it belongs to a trusted
/// user, and others either cannot write to it or it is sticky (inode(7)).
fn is_kept_from_others(directory: &Metadata) -> bool {
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    let is_owners = directory.mode() & WRITABLE_BY_OTHERS == 0 || directory.mode() & STICKY != 0;
    let owner = directory.uid();
    let is_trusted = owner == 0 || owner == Uid::effective().as_raw() || is_of_nobody_here(owner);
    is_owners && is_trusted
}

/// Whether this process is in a user namespace and `owner` is the overflow user ID. The namespace
/// shows users that it does not map, such as root outside, with this ID (`user_namespaces(7)`).
fn is_of_nobody_here(owner: u32) -> bool {
    const OVERFLOW: u32 = 65534;
    let maps_all = |map: String| map.split_whitespace().nth(2) == Some("4294967295");
    owner == OVERFLOW && !fs::read_to_string("/proc/self/uid_map").is_ok_and(maps_all)
}

/// Whether every format that gives a path to a program accepts it unchanged between double quotes.
pub fn is_plain(path: &Path) -> bool {
    let special =
        |character: char| matches!(character, '"' | '\\' | '$' | '%') || character.is_control();
    path.to_str().is_some_and(|path| !path.contains(special))
}

/// Removes the directories of sessions that have ended.
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

/// Removes what a session that was killed has left at a path of the user's choice; whether it is
/// gone. Anything else stays as it is.
pub fn remove_if_left(path: &Path) -> bool {
    let is_marked = open_alive(path).is_some_and(|alive| {
        let mut text = Vec::new();
        let most = u64::try_from(MARK.len()).unwrap_or(u64::MAX) + 1;
        alive.take(most).read_to_end(&mut text).is_ok() && text == MARK
    });
    if is_marked {
        remove_if_dead(path);
    }
    path.symlink_metadata().is_err()
}

fn remove_if_dead(path: &Path) {
    // A symbolic link or another user's directory with such a name must not be touched.
    let ours = fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_dir() && found.uid() == Uid::effective().as_raw());
    let Some(alive) = open_alive(path) else {
        return;
    };
    if ours && alive.try_lock().is_ok() {
        let _ = fs::remove_dir_all(path);
    }
}

/// Opens whatever has this name: a symbolic link is not followed, and opening a pipe does not
/// block.
fn open_alive(directory: &Path) -> Option<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let mut options = OpenOptions::new();
    let options = options.read(true).custom_flags(flags.bits());
    options.open(directory.join(ALIVE)).ok()
}

#[cfg(test)]
mod tests {
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
    fn at_a_path_of_the_users_choice_only_what_a_session_has_left_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("files");
        let living = RunDirectory::create_at(path.clone()).unwrap();
        living.write("file", b"content").unwrap();
        assert!(
            !remove_if_left(&path) && path.join("file").exists(),
            "it lives"
        );
        std::mem::forget(living); // as if killed, but for its lock
        let copy = parent.path().join("left");
        create_private_directory(&copy).unwrap();
        fs::copy(path.join(ALIVE), copy.join(ALIVE)).unwrap();
        create_private_file(&copy.join("file")).unwrap();
        assert!(remove_if_left(&copy) && !copy.exists());
        // A directory of the user's own, with a file of that name.
        for content in ["", "authsome", "authsome\nmore", "x"] {
            let own = parent.path().join("own");
            create_private_directory(&own).unwrap();
            fs::copy(path.join(ALIVE), own.join("other")).unwrap();
            let mut alive = create_private_file(&own.join(ALIVE)).unwrap();
            alive.write_all(content.as_bytes()).unwrap();
            drop(alive);
            assert!(
                !remove_if_left(&own) && own.join("other").exists(),
                "{content:?}"
            );
            fs::remove_dir_all(own).unwrap();
        }
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(!remove_if_left(&link) && link.is_symlink());
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

    #[test]
    fn containers_see_their_files_elsewhere_and_other_users_outside_do_not() {
        let parent = tempfile::tempdir().unwrap();
        let plain = RunDirectory::create(parent.path(), "one").unwrap();
        let shared = plain.for_containers("/run/authsome".into()).unwrap();
        let seen = shared.write("file", b"content").unwrap();
        assert_eq!(seen, Path::new("/run/authsome/file"));
        let inner = shared.create_directory("inner").unwrap();
        assert_eq!(inner, Path::new("/run/authsome/inner"));
        shared.write("inner/file", b"").unwrap();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(shared.path().to_owned()), 0o700);
        for (name, expected) in [
            ("", 0o755),
            ("file", 0o644),
            ("inner", 0o755),
            ("inner/file", 0o644),
        ] {
            assert_eq!(mode(shared.files().join(name)), expected, "{name}");
        }
        assert!(!shared.files().join(ALIVE).exists());
    }
}
