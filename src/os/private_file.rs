//! Private files outside of the home directory, where the user or a CI job has them.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::home::{HomeError, create_private_file, io_error};

/// Where the system shows what is no file of a directory. One could be replaced there, by root, and
/// would then be gone for all.
const OF_THE_SYSTEM: [&str; 2] = ["/dev", "/proc"];

/// A directory below those whose files are files.
const SHARED_MEMORY: &str = "/dev/shm";

/// The file that a path leads to, through links if it has some. What is there must be a file; if
/// nothing is there, it can be made.
pub fn resolved(path: &Path) -> Result<PathBuf, HomeError> {
    let refused = |words| io_error("replace", path)(io::Error::other(words));
    let given = std::path::absolute(path).map_err(io_error("find", path))?;
    let found = match fs::canonicalize(path) {
        Ok(found) => found,
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(io_error("find", path)(error));
        }
        // To replace it would part those who know the link from those who know the file.
        Err(_) if fs::symlink_metadata(path).is_ok() => {
            return Err(refused("it is a link to what is not there"));
        }
        Err(_) => match fs::canonicalize(directory(path)) {
            Ok(directory) => directory.join(path.file_name().unwrap_or_default()),
            Err(_) => given.clone(), // whoever creates the file says what is wrong
        },
    };
    if is_of_the_system(&given) || is_of_the_system(&found) {
        return Err(refused(
            "it is not a file, but a name for a device or a process",
        ));
    }
    if fs::metadata(&found).is_ok_and(|found| !found.is_file()) {
        return Err(refused("it is not a file"));
    }
    Ok(found)
}

fn is_of_the_system(path: &Path) -> bool {
    let mut system = OF_THE_SYSTEM.iter();
    system.any(|directory| path.starts_with(directory)) && !path.starts_with(SHARED_MEMORY)
}

/// Writes a file of mode 0600 atomically: a reader sees either the old content or the new, and so
/// does the next start after a power failure. What is there must be a file; a link to one stays,
/// and its file is replaced.
pub fn replace_private_file(path: &Path, content: &[u8]) -> Result<(), HomeError> {
    let path = &resolved(path)?;
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
    random.map_err(|error| io_error("name a file beside", path)(io::Error::other(error)))?;
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
    use std::os::unix::fs::{PermissionsExt, symlink};

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

    #[test]
    fn a_link_stays_and_its_file_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("real")).unwrap();
        let file = path("real/file");
        fs::File::create(&file).unwrap();
        symlink(&file, path("link")).unwrap();
        symlink(path("real"), path("directory")).unwrap();
        replace_private_file(&path("link"), b"two").unwrap();
        assert!(path("link").is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"two");
        replace_private_file(&path("directory/new"), b"three").unwrap();
        assert_eq!(fs::read(path("real/new")).unwrap(), b"three");
        symlink(path("nothing"), path("to nothing")).unwrap();
        replace_private_file(&path("to nothing"), b"x").unwrap_err();
        assert!(path("to nothing").is_symlink());
    }

    #[test]
    fn devices_and_processes_are_no_files_to_replace() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        symlink("/proc/self/status", &link).unwrap();
        for path in ["/dev/stdout", "/dev/null", "/dev/new", "/proc/self/fd/1"] {
            resolved(Path::new(path)).unwrap_err();
        }
        replace_private_file(&link, b"x").unwrap_err();
        assert!(link.is_symlink());
        resolved(&Path::new(SHARED_MEMORY).join("new")).unwrap();
    }
}
