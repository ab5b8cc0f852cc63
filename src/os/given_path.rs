//! A private file at a path of the user's choice. It goes with its owner, and never takes the place
//! of a file of the user's.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::Uid;

use super::home::{create_private_file, remove_if_present};

/// The longest file that is looked at, in bytes. What is longer was not written here.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// The file that was written. Dropping it removes it.
#[derive(Debug)]
pub struct FileAtGivenPath {
    path: PathBuf,
    /// Kept open, so that its inode is not given to another file: what another process has put
    /// there in the meantime stays.
    file: File,
}

impl FileAtGivenPath {
    /// Removes what an earlier process has left at the path. If anything else is there, that is an
    /// error of the kind `AlreadyExists`. `is_ours` knows the text of such a file.
    pub fn make_room(path: &Path, is_ours: impl Fn(&str) -> bool) -> io::Result<()> {
        if refuse_others(path, is_ours)? {
            remove_if_present(path).map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Writes it: a reader sees the whole file, or none.
    pub fn write(path: &Path, text: &str, is_ours: impl Fn(&str) -> bool) -> io::Result<Self> {
        refuse_others(path, is_ours)?;
        let mut staging = path.as_os_str().to_owned();
        staging.push(format!(".{}.new", std::process::id()));
        let staging = PathBuf::from(staging);
        let mut file = create_private_file(&staging).map_err(io::Error::other)?;
        let written = file.write_all(text.as_bytes());
        if let Err(error) = written.and_then(|()| fs::rename(&staging, path)) {
            let _ = fs::remove_file(&staging);
            return Err(error);
        }
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    fn is_at(&self, found: &Metadata) -> bool {
        let own = self.file.metadata();
        own.is_ok_and(|own| (own.dev(), own.ino()) == (found.dev(), found.ino()))
    }
}

impl Drop for FileAtGivenPath {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| self.is_at(&found)) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether such a file of an earlier process is there.
fn refuse_others(path: &Path, is_ours: impl Fn(&str) -> bool) -> io::Result<bool> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if !found.is_file() {
        return Err(io::Error::other("it is there, and no file"));
    }
    if found.uid() == Uid::effective().as_raw() && is_ours(&read(path)?) {
        return Ok(true);
    }
    let reason = "it is there already, and authsome has not written it";
    Err(io::Error::new(io::ErrorKind::AlreadyExists, reason))
}

fn read(path: &Path) -> io::Result<String> {
    // Whatever has taken its place since: a link is not followed, and a pipe not waited for.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(flags.bits()).open(path)?;
    let mut text = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut text)?;
    Ok(String::from_utf8(text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_ours(text: &str) -> bool {
        text.starts_with("# ours")
    }

    #[test]
    fn only_what_was_written_here_is_replaced_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.env");
        FileAtGivenPath::make_room(&path, is_ours).unwrap();
        let first = FileAtGivenPath::write(&path, "# ours 1", is_ours).unwrap();
        let second = FileAtGivenPath::write(&path, "# ours 2", is_ours).unwrap();
        drop(first);
        assert_eq!(fs::read_to_string(&path).unwrap(), "# ours 2");
        FileAtGivenPath::make_room(&path, is_ours).unwrap();
        assert!(!path.exists());
        create_private_file(&path)
            .unwrap()
            .write_all(b"KEY=1\n")
            .unwrap();
        drop(second);
        for refused in [
            FileAtGivenPath::make_room(&path, is_ours),
            FileAtGivenPath::write(&path, "# ours 3", is_ours).map(drop),
        ] {
            assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "KEY=1\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
