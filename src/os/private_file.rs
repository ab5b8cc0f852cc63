//! Private files outside of the home directory, where the user or a CI job has them.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::home::{HomeError, create_private_file, io_error};

/// Writes a file of mode 0600 atomically: a reader sees either the old content or the new, and so
/// does the next start after a power failure. What is there must be a file.
pub fn replace_private_file(path: &Path, content: &[u8]) -> Result<(), HomeError> {
    let kind = fs::metadata(path).map(|found| found.is_file());
    if kind.is_ok_and(|is_file| !is_file) {
        return Err(io_error("replace", path)(std::io::Error::other(
            "it is not a file",
        )));
    }
    let staging = staging(path)?;
    let written = write(&staging, content)
        .and_then(|()| fs::rename(&staging, path).map_err(io_error("replace", path)));
    if written.is_err() {
        let _ = fs::remove_file(&staging); // a partial file is useless
    }
    written?;
    let directory = directory(path);
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(io_error("synchronise", directory))
}

fn write(path: &Path, content: &[u8]) -> Result<(), HomeError> {
    let mut file = create_private_file(path)?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(io_error("write", path))
}

/// A name of its own for each writer: process IDs are the same in several containers that share the
/// directory.
fn staging(path: &Path) -> Result<PathBuf, HomeError> {
    let mut number = [0; 8];
    let random = getrandom::fill(&mut number);
    random.map_err(|error| io_error("name a file beside", path)(std::io::Error::other(error)))?;
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{:016x}.new", u64::from_ne_bytes(number)));
    Ok(path.with_file_name(name))
}

/// The directory of a path; of a bare name, the working directory.
pub fn directory(path: &Path) -> &Path {
    let parent = path.parent();
    parent
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_private_whole_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for content in [&b"one"[..], b"two"] {
            replace_private_file(&path, content).unwrap();
            assert_eq!(fs::read(&path).unwrap(), content);
        }
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let in_a_file = replace_private_file(&path.join("below"), b"x");
        assert!(in_a_file.is_err());
        assert!(replace_private_file(directory.path(), b"x").is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
