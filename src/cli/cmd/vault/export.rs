//! `authsome vault export`: connections in a sealed file.

use std::path::Path;

use serde_json::json;

use crate::age_file::{Identity, SealWith, seal};
use crate::audit::{Event, Kind};
use crate::cli::args::{Target, VaultExport};
use crate::cli::cmd::login::read_secret_of;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure, not_found};
use crate::connection::{Exported, lock_grant};
use crate::credential::ConnectionId;
use crate::os::home::HomeError;
use crate::os::private_file::replace_private_file;
use crate::session::UserData;
use crate::text::with_causes;

/// The flag that names a passphrase.
pub(super) const PASSPHRASE_FLAG: &str = "--passphrase-file";

pub(super) fn run(arguments: &VaultExport, context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let passphrase = match &arguments.passphrase_file {
        Some(path) => {
            let runtime = Context::runtime()?;
            let read = read_secret_of(path, PASSPHRASE_FLAG, "Passphrase (not shown): ", &runtime);
            Some(read?.ok_or_else(|| empty_passphrase(path))?)
        }
        None => None,
    };
    let data = Context::user_data()?;
    let all = chosen(&arguments.only, &data)?;
    let (encoded, with) = match passphrase {
        Some(passphrase) => (Exported::encode(&all)?, SealWith::Passphrase(passphrase)),
        None if arguments.recipient.is_empty() => {
            let keys = data.store.export_keys();
            let own = Identity::of_key(keys.sealing()).recipient();
            let encoded = Exported::encode_authentic(&all, keys)?;
            (encoded, SealWith::Recipients(vec![own]))
        }
        None => {
            let recipients = SealWith::Recipients(arguments.recipient.clone());
            (Exported::encode(&all)?, recipients)
        }
    };
    let sealed = seal(&encoded, &with)?;
    for exported in &all {
        let event = Event::new(Kind::Export).of(exported.id());
        data.audit.record(&event.because("vault export"));
    }
    // Before the file is there, so that the user is warned of an export that is not in the log.
    if let Some(problem) = data.audit.finish() {
        printer.warn(&problem);
    }
    if arguments.to == Path::new("-") {
        printer.data(&String::from_utf8_lossy(&sealed)); // it is base64
        return Ok(());
    }
    replace_private_file(&arguments.to, &sealed).map_err(|error| not_written(&error))?;
    tell(&all, &arguments.to, context);
    Ok(())
}

fn tell(all: &[Exported], to: &Path, context: &Context<'_>) {
    let printer = context.printer;
    let names: Vec<_> = all.iter().map(|one| one.id().to_string()).collect();
    if printer.is_json() {
        printer.value(&json!({ "file": to.display().to_string(), "connections": names }));
        return;
    }
    printer.say(&format!(
        "{} has {}, sealed.",
        to.display(),
        names.join(" ")
    ));
    if all
        .iter()
        .any(|one| one.connection.tokens.refresh.is_some())
    {
        printer.say(
            "A refresh token works once: from now on use the connection there or here, not in both places.",
        );
    }
}

/// The connections that the flags name, or all.
fn chosen(only: &[Target], data: &UserData) -> Result<Vec<Exported>, Failure> {
    let mut ids: Vec<ConnectionId> = Vec::new();
    let known = data.store.list()?;
    for target in only {
        let fits = |id: &&ConnectionId| {
            let name = target.name.as_ref();
            id.provider == target.provider && name.is_none_or(|name| *name == id.name)
        };
        let before = ids.len();
        ids.extend(known.iter().filter(fits).cloned());
        if ids.len() == before {
            data.catalog.get(&target.provider)?; // an unknown provider is reported first
            return Err(not_found(&target.provider, target.name.as_ref()));
        }
    }
    if only.is_empty() {
        ids = known;
    }
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        let message = "there is no connection to export";
        let hint = "connect one first: authsome login gitlab";
        return Err(Failure::new(
            Exit::NoConnection,
            "connection_not_found",
            message,
            hint,
        ));
    }
    let load = |id: &ConnectionId| {
        // A refresh that is under way would make this pair the spent one.
        let _lock = lock_grant(&data.store, id)?;
        let found = data.store.exported(id)?;
        found.ok_or_else(|| not_found(&id.provider, Some(&id.name)))
    };
    ids.iter().map(load).collect()
}

fn not_written(error: &HomeError) -> Failure {
    let message = format!("the export was not written: {}", with_causes(error));
    let hint =
        "name a file in a directory that you can write: --to FILE, or --to - for standard output";
    Failure::new(Exit::Unexpected, "not_written", message, hint)
}

pub(super) fn empty_passphrase(path: &Path) -> Failure {
    let message = format!("the passphrase in {} is empty", path.display());
    let hint = format!("write one into it, or name another file: {PASSPHRASE_FLAG} PATH");
    Failure::new(Exit::Usage, "usage", message, hint)
}
