//! Where the session's files go: the first good one of the places that are there for such.

use std::path::{Path, PathBuf};

use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::home::{self, HomeError};
use crate::run_dir::{Unfit, fit};

/// Where nothing else is set.
const LAST: &str = "/tmp";

/// Has the files made in the first of the places where they can be: what is wrong with one of them is said, and the next is tried.
pub(super) fn in_first_good<T>(
    printer: &Printer,
    write: impl Fn(&Path) -> Result<T, HomeError>,
) -> Result<T, Failure> {
    let mut last: Option<String> = None;
    for (variable, place) in candidates() {
        if let Some(problem) = last.take() {
            printer.warn(&problem);
        }
        let parent = match fit(&place) {
            Ok(parent) => parent,
            // That of a login that has ended, as `sudo -E` and `su` leave it: nothing to be told each time.
            Err(Unfit::Missing) if variable == RUNTIME => continue,
            Err(reason) => {
                last = Some(problem(variable, &place, &reason.to_string()));
                continue;
            }
        };
        match write(&parent) {
            Ok(made) => return Ok(made),
            Err(error) => {
                let failure = Failure::from(error);
                last = Some(problem(variable, &place, &failure.message));
            }
        }
    }
    let message = last.unwrap_or_else(|| format!("there is no {LAST}"));
    let hint = "name a directory of your own, with some MB of room: TMPDIR=DIR authsome run -- …";
    Err(Failure::new(
        Exit::Unexpected,
        "no_temporary_directory",
        message,
        hint,
    ))
}

const RUNTIME: &str = "XDG_RUNTIME_DIR";

/// The user's own directory for such files, the one for temporary files, and everybody's. A variable that is empty says nothing.
fn candidates() -> impl Iterator<Item = (&'static str, PathBuf)> {
    let of = |name| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        value.map(|value| (name, PathBuf::from(value)))
    };
    // A runtime directory is its user's alone (the XDG Base Directory Specification); what is not, is none.
    let runtime =
        of(RUNTIME).filter(|(_, path)| !path.is_dir() || home::check_private(path).is_ok());
    let all = [runtime, of("TMPDIR"), Some((LAST, LAST.into()))];
    all.into_iter().flatten()
}

fn problem(variable: &str, place: &Path, reason: &str) -> String {
    let named = match variable {
        LAST => LAST.to_owned(),
        // A path that cannot be told to programs shall not move the cursor either.
        variable => format!("{variable} ({})", place.to_string_lossy().escape_debug()),
    };
    format!("{named} is not used for the session's files: {reason}")
}
