//! `authsome vault import`: connections of a sealed file.

use std::io;
use std::path::Path;

use authsome_providers::CatalogError;
use serde_json::json;

use super::export::{PASSPHRASE_FLAG, empty_passphrase};
use crate::age_file::{Identity, OpenWith, open};
use crate::audit::{Event, Kind};
use crate::cli::args::VaultImport;
use crate::cli::client_certificate::{MAX_FILE, read_file};
use crate::cli::cmd::login::read_secret_of;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::connection::{Compared, Exported};
use crate::os::home::create_private_directory;
use crate::secret::Secret;
use crate::session::UserData;

pub(super) fn run(arguments: &VaultImport, context: &Context<'_>) -> Result<(), Failure> {
    let standard_input = Path::new("-");
    let passphrase = arguments.passphrase_file.as_deref();
    if arguments.file == standard_input && passphrase == Some(standard_input) {
        let message = "the file and the passphrase cannot both come from standard input";
        let hint = format!("name a file for one of them: {PASSPHRASE_FLAG} PATH");
        return Err(Failure::new(Exit::Usage, "usage", message, hint));
    }
    let sealed = read(&arguments.file)?;
    let given = given(arguments)?;
    // What the flags name opens the file before the vault is opened, which would create one.
    let opened = given.map(|with| opened(&sealed, &with)).transpose()?;
    let data = Context::user_data()?;
    let mut all = if let Some(all) = opened {
        all
    } else {
        let own = Identity::of_key(data.store.export_key());
        self::opened(&sealed, &OpenWith::Identities(vec![own]))?
    };
    // The first connection of a provider becomes its default.
    all.sort_by_key(|exported| !exported.is_default);
    refuse_others(&all, arguments.force, &data)?;
    let mut done = Vec::new();
    for exported in &all {
        register(exported, &data)?;
        let compared = data.store.import(exported, arguments.force)?;
        if compared.is_taken(arguments.force) {
            let event = Event::new(Kind::Import).of(exported.id());
            data.audit.record(&event);
        }
        done.push((exported, word(compared, arguments.force)));
    }
    tell(&done, context);
    if let Some(problem) = data.audit.finish() {
        context.printer.warn(&problem);
    }
    Ok(())
}

fn read(path: &Path) -> Result<Secret<Vec<u8>>, Failure> {
    if path != Path::new("-") {
        return read_file(path, "vault import");
    }
    let read = Secret::read(io::stdin().lock(), MAX_FILE);
    read.map_err(|error| {
        let message = format!("standard input cannot be read: {error}");
        Failure::new(Exit::Usage, "usage", message, "authsome vault import FILE")
    })
}

/// What the flags name to open the file with.
fn given(arguments: &VaultImport) -> Result<Option<OpenWith>, Failure> {
    if let Some(path) = &arguments.identity_file {
        let identities = Identity::all_of(&read_file(path, "--identity-file")?);
        return Ok(Some(OpenWith::Identities(identities?)));
    }
    let Some(path) = &arguments.passphrase_file else {
        return Ok(None);
    };
    let runtime = Context::runtime()?;
    let read = read_secret_of(path, PASSPHRASE_FLAG, "Passphrase (not shown): ", &runtime);
    let passphrase = read?.ok_or_else(|| empty_passphrase(path))?;
    Ok(Some(OpenWith::Passphrase(passphrase)))
}

fn opened(sealed: &Secret<Vec<u8>>, with: &OpenWith) -> Result<Vec<Exported>, Failure> {
    let content = open(sealed.expose(), with)?;
    Exported::decode(&content).map_err(|error| {
        let message = error.to_string();
        let hint = "export it again, with this version: authsome vault export --to FILE";
        Failure::new(Exit::Usage, "export_invalid", message, hint)
    })
}

/// Before anything is written: nothing is, if a connection needs `--force`.
fn refuse_others(all: &[Exported], is_forced: bool, data: &UserData) -> Result<(), Failure> {
    let mut others = Vec::new();
    for exported in all {
        if data.store.compare(exported)? == Compared::Other && !is_forced {
            others.push(exported.id().to_string());
        }
    }
    if others.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the file has another login of {} than this vault, where it works; nothing was changed",
        others.join(" and ")
    );
    let hint = "to replace it: authsome vault import FILE --force";
    Err(Failure::new(
        Exit::ConnectionExists,
        "connection_exists",
        message,
        hint,
    ))
}

/// Without the definition of its provider, a connection could not be used.
fn register(exported: &Exported, data: &UserData) -> Result<(), Failure> {
    let provider = &exported.id().provider;
    let is_unknown = matches!(
        data.catalog.get(provider),
        Err(CatalogError::NotFound { .. })
    );
    if let Some(text) = exported.definition().filter(|_| is_unknown) {
        create_private_directory(&data.home.path("providers"))?;
        let name = format!("providers/{provider}.json");
        data.home.write_private(&name, text.as_bytes())?;
    }
    Ok(())
}

/// What was done, in a word.
fn word(compared: Compared, is_forced: bool) -> &'static str {
    match compared {
        Compared::New => "imported",
        Compared::Later => "updated",
        Compared::Same => "unchanged",
        Compared::Earlier => "kept",
        Compared::Mends => "replaced",
        Compared::Other if is_forced => "replaced",
        Compared::Other => "refused",
    }
}

fn tell(done: &[(&Exported, &'static str)], context: &Context<'_>) {
    let printer = context.printer;
    if printer.is_json() {
        let connections = done.iter().map(|(exported, word)| {
            let id = exported.id();
            json!({
                "provider": id.provider.to_string(),
                "connection": id.name.to_string(),
                "result": word,
            })
        });
        printer.value(&json!({ "connections": connections.collect::<Vec<_>>() }));
        return;
    }
    let why = |word| match word {
        "kept" => "this vault has a later pair of it",
        "unchanged" => "this vault has the same pair",
        _ => "",
    };
    let rows = done.iter().map(|(exported, word)| {
        let columns = [exported.id().to_string(), (*word).to_owned()];
        columns.into_iter().chain([why(word).to_owned()]).collect()
    });
    printer.table(&rows.collect::<Vec<Vec<_>>>());
}
