//! Where a program is: in the absolute directories of `PATH`, where the user's administrator or the
//! user put it. An empty or a relative element of `PATH` stands for the working directory, which is
//! often a repository that somebody else has written.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where programs are where `PATH` is not set.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Where a program is on `PATH`.
pub fn find_on_path(program: &OsStr) -> Option<PathBuf> {
    find(program, &search_path())
}

/// `PATH` without its empty and relative elements.
pub fn search_path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let absolute = std::env::split_paths(&path).filter(|directory| directory.is_absolute());
    // What was split at colons joins by them.
    std::env::join_paths(absolute).unwrap_or_else(|_| DEFAULT_PATH.into())
}

/// A program by name in `path`, or by a path of its own.
pub fn find(program: &OsStr, path: &OsStr) -> Option<PathBuf> {
    if program.as_encoded_bytes().contains(&b'/') {
        return std::path::absolute(program).ok();
    }
    std::env::split_paths(path)
        .map(|directory| directory.join(program))
        .find(|file| !program.is_empty() && is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_absolute_directories_only() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tool");
        std::fs::File::create(&file).unwrap();
        let path = directory.path().as_os_str();
        assert_eq!(find("tool".as_ref(), path), None, "it is not executable");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("tool".as_ref(), path), Some(file.clone()));
        assert_eq!(find("".as_ref(), path), None);
        assert_eq!(find(file.as_os_str(), "".as_ref()), Some(file));
    }
}
