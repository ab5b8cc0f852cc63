//! The user's editor.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::ExitStatus;

use super::context::{Context, interrupt};
use super::failure::{Exit, Failure};
use crate::env::programs::Programs;
use crate::session::Scrub;

/// The editor where no variable names one, as POSIX has it for every program that starts one.
const DEFAULT_EDITOR: &str = "vi";

/// Opens a file in the editor, and waits until the user has closed it.
pub(super) fn edit(file: &Path) -> Result<ExitStatus, Failure> {
    // The editor gets no secret of the vault, in whatever variable it is. If the vault cannot be
    // opened, the variables are passed on as the shell has them.
    let programs = Context::user_data().and_then(|data| Ok(Scrub::programs(&data.store)?));
    let editor = editor();
    start(&programs.unwrap_or_default(), &editor, file).map_err(|error| {
        let message = format!("cannot start the editor {}: {error}", editor.display());
        let hint = "name one: export EDITOR=nano";
        Failure::new(Exit::Usage, "editor_failed", message, hint)
    })
}

fn editor() -> OsString {
    let named = ["VISUAL", "EDITOR"]
        .into_iter()
        .filter_map(std::env::var_os);
    let mut named = named.filter(|editor| !editor.is_empty());
    named
        .next()
        .unwrap_or_else(|| OsStr::new(DEFAULT_EDITOR).to_owned())
}

/// The variables may hold a command with arguments (`code --wait`), so a shell splits it, as git
/// does.
fn start(programs: &Programs, editor: &OsStr, file: &Path) -> io::Result<ExitStatus> {
    let shell = programs.command(OsStr::new("sh"));
    let mut shell = shell.ok_or_else(|| io::Error::other("there is no sh"))?;
    let mut script = editor.to_owned();
    script.push(" \"$@\"");
    shell.arg("-c").arg(script).arg(editor).arg(file);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut child = shell.spawn()?;
        let waited = tokio::task::spawn_blocking(move || child.wait());
        tokio::pin!(waited);
        loop {
            // Ctrl-C is the editor's: it must not leave the editor behind without its terminal.
            tokio::select! {
                status = &mut waited => return status.map_err(io::Error::other)?,
                () = interrupt() => {}
            }
        }
    })
}
