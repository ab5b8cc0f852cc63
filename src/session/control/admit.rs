//! Which connections to a run's socket are served: those of this user's processes that belong to no
//! run.
//!
//! A process belongs to a run in either of these cases:
//!
//! - One of its ancestors is the authsome of a run of this home that is alive, or of any run by its
//!   name and its arguments. Orphans stay below the run (`os/process_tree.rs`).
//! - It, or one of its ancestors, was started with `AUTHSOME_SESSION` of a run that is alive. This
//!   covers what something else started with the run's environment, such as the server of a
//!   terminal multiplexer or a container's engine.
//!
//! Where the kernel tells nothing about the peer, it is refused. This is no sandbox: a process of
//! the same user could let another one ask, as it could read the vault's files.

use tokio::net::UnixStream;

use super::handler::ControlError;
use super::shared::Shared;
use crate::defence::Defence;
use crate::os::home::Home;
use crate::os::peer::{Relative, line_of_peer};
use crate::session::living::{allows_export, facts_of, living};

/// The variable that names the session in its command's environment.
pub(crate) const SESSION: &str = "AUTHSOME_SESSION";

/// The program's name, and the commands that are a run.
const PROGRAM: &[u8] = b"authsome";
const RUNS: [&[u8]; 2] = [b"run", b"proxy"];

/// Refuses a process of a run.
pub(super) fn check(stream: &UnixStream, shared: &Shared) -> Result<(), ControlError> {
    if !Defence::ControlOutsideRuns.stands() {
        return Ok(());
    }
    let Some(line) = line_of_peer(stream, SESSION) else {
        let message = "the system does not tell which process asks";
        return Err(ControlError::new("unknown_process", message));
    };
    if is_of_a_run(&shared.home, &line) {
        let message = "a process of a run is refused: only you may see and decide, outside of it";
        return Err(ControlError::new("inside_run", message));
    }
    Ok(())
}

/// Whether a process with that line of ancestors, which begins with itself, belongs to a run.
pub(crate) fn is_of_a_run(home: &Home, line: &[Relative]) -> bool {
    let by_mark = line.iter().any(|relative| {
        let mark = relative.mark.as_deref().map(str::from_utf8);
        mark.is_some_and(|id| id.is_ok_and(|id| allows_export(home, id).is_some()))
    });
    // The peer itself may be a run: it asks for none of its processes.
    let ancestors = line.get(1..).unwrap_or_default();
    by_mark || ancestors.iter().any(is_a_run) || {
        let own = std::process::id();
        let runs = living(home).into_iter();
        let pids = runs.filter_map(|id| facts_of(home, &id).map(|facts| facts.pid));
        let pids: Vec<_> = pids.chain([own]).collect();
        ancestors.iter().any(|one| pids.contains(&one.pid))
    }
}

/// Whether an ancestor is an authsome that has a run, by what `/proc` shows of it. Any of its words
/// counts: rather a process too many is refused.
fn is_a_run(ancestor: &Relative) -> bool {
    let has_word = |word: &Vec<u8>| RUNS.contains(&word.as_slice());
    ancestor.name == PROGRAM && ancestor.arguments.iter().any(has_word)
}
