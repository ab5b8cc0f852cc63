//! Where the session's files go: the first usable one of several candidate directories.

use std::path::{Path, PathBuf};

use super::error::{DirectoryTrouble, SessionError, UnusedDirectory};
use super::notice::Notice;
use super::parent::Parent;
use crate::os::home::{self, HomeError};
use crate::os::run_dir::{Unfit, fit, is_plain, remove_if_left};

/// The last candidate, which no variable has to name.
const LAST: &str = "/tmp";

const RUNTIME: &str = "XDG_RUNTIME_DIR";

/// The name of the flag by which the user names a directory, where a variable would stand.
const FLAG: &str = "--dir";

/// The path of a directory that the user has named. Its parent must be one that others cannot
/// change. What a session that was killed has left there is removed.
pub(super) fn named(path: &Path) -> Result<PathBuf, SessionError> {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let unfit = |unfit| {
        SessionError::NoDirectory(Some(UnusedDirectory {
            variable: FLAG,
            path: path.to_owned(),
            trouble: DirectoryTrouble::Unfit(unfit),
        }))
    };
    let (Some(parent), Some(name)) = (whole.parent(), whole.file_name()) else {
        return Err(unfit(Unfit::NotADirectory));
    };
    let path = fit(parent).map_err(unfit)?.join(name);
    if !is_plain(&path) {
        return Err(unfit(Unfit::Unspeakable));
    }
    // What is in it would be removed with the session.
    if path.symlink_metadata().is_ok() && !remove_if_left(&path) {
        return Err(unfit(Unfit::Exists));
    }
    Ok(path)
}

/// Files cannot be written into a directory that the user has named.
pub(super) fn unusable(path: PathBuf, error: HomeError) -> SessionError {
    SessionError::NoDirectory(Some(UnusedDirectory {
        variable: FLAG,
        path,
        trouble: DirectoryTrouble::Files(error),
    }))
}

/// Calls `write` with the first usable directory. Each directory that turns out to be unusable is
/// reported as a notice when the next one is tried; the last one is returned in the error.
pub(super) fn in_first_good<T>(
    parent: &Parent,
    notify: &dyn Fn(Notice),
    write: impl Fn(&Path) -> Result<T, HomeError>,
) -> Result<T, SessionError> {
    let mut last: Option<UnusedDirectory> = None;
    for (variable, path) in candidates(parent) {
        if let Some(unused) = last.take() {
            notify(Notice::DirectoryUnused(unused));
        }
        let trouble = match fit(&path) {
            Ok(directory) => match write(&directory) {
                Ok(made) => return Ok(made),
                Err(error) => DirectoryTrouble::Files(error),
            },
            // The runtime directory of a login session that has ended. `sudo -E` and `su` leave the
            // variable behind, so this is too common to report each time.
            Err(Unfit::Missing) if variable == RUNTIME => continue,
            Err(unfit) => DirectoryTrouble::Unfit(unfit),
        };
        last = Some(UnusedDirectory {
            variable,
            path,
            trouble,
        });
    }
    Err(SessionError::NoDirectory(last))
}

/// The directory that [`in_first_good`] tries first.
pub(super) fn first(parent: &Parent) -> Option<PathBuf> {
    candidates(parent).next().map(|(_, path)| path)
}

/// The user's runtime directory, the directory for temporary files, and `/tmp`. An empty variable
/// counts as unset.
fn candidates(parent: &Parent) -> impl Iterator<Item = (&'static str, PathBuf)> {
    let of = |name| {
        let value = parent.filled(name);
        value.map(|value| (name, PathBuf::from(value)))
    };
    // The XDG Base Directory Specification demands that a runtime directory is accessible to its
    // user only. An existing directory that is not, is not used.
    let runtime =
        of(RUNTIME).filter(|(_, path)| !path.is_dir() || home::check_private(path).is_ok());
    let all = [runtime, of("TMPDIR"), Some((LAST, LAST.into()))];
    all.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn parent(variables: &[(&str, &Path)]) -> Parent {
        let variables = variables.iter();
        let variables = variables.map(|(name, path)| ((*name).into(), (*path).into()));
        Parent::new(variables, "/")
    }

    /// Where the files go, and the variables whose directories were reported as unused.
    fn first_good(parent: &Parent) -> (PathBuf, Vec<&'static str>) {
        let told = RefCell::new(Vec::new());
        let notify = |notice| match notice {
            Notice::DirectoryUnused(unused) => told.borrow_mut().push(unused.variable),
            other => panic!("{other:?}"),
        };
        let made = in_first_good(parent, &notify, |directory| Ok(directory.to_owned()));
        (made.unwrap(), told.into_inner())
    }

    #[test]
    fn the_users_own_directory_goes_first_and_what_is_wrong_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let private = directory.path().join("private");
        std::fs::create_dir(&private).unwrap();
        std::fs::set_permissions(&private, std::fs::Permissions::from_mode(0o700)).unwrap();
        let missing = directory.path().join("missing");
        for (variables, expected, told) in [
            (vec![(RUNTIME, &*private)], &*private, vec![]),
            (vec![(RUNTIME, &*missing)], Path::new(LAST), vec![]),
            (vec![("TMPDIR", &*missing)], Path::new(LAST), vec!["TMPDIR"]),
            (vec![("TMPDIR", &*private)], &*private, vec![]),
            (vec![("TMPDIR", Path::new(""))], Path::new(LAST), vec![]),
        ] {
            let found = first_good(&parent(&variables));
            let expected = expected.canonicalize().unwrap();
            assert_eq!(found, (expected, told), "{variables:?}");
        }
    }

    #[test]
    fn where_none_is_good_the_last_is_told_with_the_error() {
        let write = |_: &Path| -> Result<(), HomeError> { Err(HomeError::Unset) };
        let error = in_first_good(&parent(&[]), &|_| (), write).unwrap_err();
        let SessionError::NoDirectory(Some(unused)) = error else {
            panic!("{error:?}");
        };
        assert_eq!((unused.variable, &*unused.path), (LAST, Path::new(LAST)));
    }
}
