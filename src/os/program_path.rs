//! Finds a program: in the absolute directories of `PATH`, which the administrator or the user has
//! filled. An empty or relative element of `PATH` means the working directory or one below it,
//! often a repository that somebody else wrote; a program from there could be an attacker's.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::defence::Defence;

/// The search path if `PATH` is not set.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The path of a program, searched for on `PATH`.
pub fn find_on_path(program: &OsStr) -> Option<PathBuf> {
    find(program, &search_path())
}

/// `PATH` without its empty and relative elements.
pub fn search_path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let absolute = std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute() || !Defence::ProgramSearch.stands());
    // Elements that were split at colons can always be joined by colons.
    std::env::join_paths(absolute).unwrap_or_else(|_| DEFAULT_PATH.into())
}

/// The path of a program: searched for in `path`, or its own path if `program` has a slash.
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
