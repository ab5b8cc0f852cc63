//! Completion by the shell: of commands and flags, of providers and connections that exist, and of
//! the command that follows `authsome run --`.
//!
//! What is completed comes from names alone: the vault's key is not read, no file is made, and
//! whatever cannot be read is left out.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use authsome_providers::Catalog;
use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter};

use crate::connection::ids_by_names;
use crate::credential::ConnectionId;
use crate::os::home::Home;
use crate::os::program_path::search_path;
use crate::session::living;
use crate::vault::names_without_key;

/// At most so many programs are offered; a shell would ask before it showed more.
const MAX_PROGRAMS: usize = 2000;

/// The home, if there is one.
fn home() -> Option<Home> {
    let variable = |name| std::env::var_os(name);
    let path = Home::path_of(variable("AUTHSOME_HOME"), variable("HOME")).ok()?;
    if !path.join("vault.db").exists() {
        return None;
    }
    Home::open(Some(path.into()), None).ok()
}

/// The providers.
pub(super) fn providers() -> Vec<CompletionCandidate> {
    let custom = home().map(|home| home.path("providers"));
    let listed = Catalog::new(custom).list().into_iter();
    let named = listed.map(|listed| {
        let about = listed
            .definition
            .ok()
            .map(|known| known.provider.display_name.clone());
        CompletionCandidate::new(listed.id.to_string()).help(about.map(Into::into))
    });
    named.collect()
}

/// The connections, if there is a vault that tells.
fn connections() -> Vec<ConnectionId> {
    let names =
        |home: &Home| ids_by_names(|kind| names_without_key(home, kind).unwrap_or_default());
    home().as_ref().map(names).unwrap_or_default()
}

/// The runs that are alive.
pub(super) fn runs() -> Vec<CompletionCandidate> {
    let ids = home().map(|home| living(&home)).unwrap_or_default();
    ids.into_iter().map(CompletionCandidate::new).collect()
}

/// The providers, and the connections as `provider/name`.
pub(super) fn targets() -> Vec<CompletionCandidate> {
    let ids = connections();
    let ids = ids
        .iter()
        .map(|id| CompletionCandidate::new(id.to_string()));
    providers().into_iter().chain(ids).collect()
}

/// The connections as `provider=name`.
pub(super) fn choices() -> Vec<CompletionCandidate> {
    let ids = connections();
    let choice = |id: &ConnectionId| format!("{}={}", id.provider, id.name);
    ids.iter()
        .map(choice)
        .map(CompletionCandidate::new)
        .collect()
}

/// The words of the command that `authsome run` starts: programs and files.
pub(super) fn command_words(current: &OsStr) -> Vec<CompletionCandidate> {
    let mut found = PathCompleter::any().complete(current);
    let Some(start) = current
        .to_str()
        .filter(|start| !start.is_empty() && !start.contains('/'))
    else {
        return found;
    };
    for directory in std::env::split_paths(&search_path()) {
        let entries = directory.read_dir().into_iter().flatten().flatten();
        let fitting = entries.filter(|entry| {
            let name = entry.file_name();
            name.to_str().is_some_and(|name| name.starts_with(start)) && is_program(&entry.path())
        });
        found.extend(fitting.map(|entry| CompletionCandidate::new(entry.file_name())));
        if found.len() > MAX_PROGRAMS {
            break;
        }
    }
    found.sort_by(|one, other| one.get_value().cmp(other.get_value()));
    found.dedup_by(|one, other| one.get_value() == other.get_value());
    found
}

fn is_program(path: &Path) -> bool {
    let found = path.metadata();
    found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
