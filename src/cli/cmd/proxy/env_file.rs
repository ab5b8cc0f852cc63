//! The children's environment as a file.

mod format;

use std::io;
use std::path::Path;

use self::format::{Formatted, formatted, is_written_here};
use crate::cli::args::EnvFormat;
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::env::env_vars::Environment;
use crate::os::given_path::FileAtGivenPath;

/// Makes room for the file before the session starts: one that an earlier session has left is
/// removed, so that nobody takes its proxy for the new one, and any other is not touched.
pub(super) fn make_room(path: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
        return Ok(());
    };
    let made = FileAtGivenPath::make_room(path, is_written_here);
    made.map_err(|error| failed(path, &error))
}

/// Writes the environment to the file, or to standard output with `-`. It has the proxy's password.
/// Dropping what this returns removes the file.
pub(super) fn give(
    path: &Path,
    format: EnvFormat,
    environment: &Environment,
    printer: &Printer,
) -> Result<Option<FileAtGivenPath>, Failure> {
    let Formatted { text, left_out } = formatted(format, environment);
    if !left_out.is_empty() {
        printer.warn(&format!(
            "not in the environment file, whose form has no place for them: {}; where its reader inherits variables, those from outside may remain",
            left_out.join(", ")
        ));
    }
    if path.as_os_str() == "-" {
        printer.exact(&text);
        return Ok(None);
    }
    let written = FileAtGivenPath::write(path, &text, is_written_here).map(Some);
    written.map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    let message = format!("cannot write {}: {error}", path.display());
    let hint = if error.kind() == io::ErrorKind::AlreadyExists {
        "name a file that is not there yet, or remove this one: --env-file FILE"
    } else {
        "name a file in a directory of yours: --env-file FILE"
    };
    Failure::new(Exit::Usage, "usage", message, hint)
}
