//! Where the session's files go: the first good one of the directories that are there for such.

use std::path::{Path, PathBuf};

use super::error::{DirectoryTrouble, SessionError, UnusedDirectory};
use super::notice::Notice;
use super::parent::Parent;
use crate::os::home::{self, HomeError};
use crate::os::run_dir::{Unfit, fit};

/// Where nothing else is set.
const LAST: &str = "/tmp";

const RUNTIME: &str = "XDG_RUNTIME_DIR";

/// Has the files made in the first directory where they can be: what is wrong with one of them is
/// told, and the next is tried.
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
            // That of a login that has ended, as `sudo -E` and `su` leave it: nothing to be told
            // each time.
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

/// The user's own directory for such files, the one for temporary files, and everybody's. A
/// variable that is empty says nothing.
fn candidates(parent: &Parent) -> impl Iterator<Item = (&'static str, PathBuf)> {
    let of = |name| {
        let value = parent.filled(name);
        value.map(|value| (name, PathBuf::from(value)))
    };
    // A runtime directory is its user's alone (the XDG Base Directory Specification); what is not,
    // is none.
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

    /// Where the files go, and the variables whose directories were told to be unused.
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
