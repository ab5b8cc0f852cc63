//! `authsome vault import`: connections of a sealed file.

use std::io;
use std::path::Path;

use authsome_providers::{CatalogError, Definition, ProviderId, Source};
use serde_json::json;

use super::export::{PASSPHRASE_FLAG, empty_passphrase};
use crate::age_file::{self, Identity, OpenWith, open};
use crate::audit::{Event, Kind};
use crate::cli::args::VaultImport;
use crate::cli::client_certificate::{read_file, read_file_up_to};
use crate::cli::cmd::login::read_secret_of;
use crate::cli::cmd::register::what_it_does;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::words::typed_command_with;
use crate::connection::{Compared, Exported, StoreError};
use crate::hand_back::note_imported;
use crate::os::home::create_private_directory;
use crate::secret::Secret;
use crate::session::UserData;

/// What was done with a connection of the file.
type Done<'a> = (&'a Exported, Compared);

pub(super) fn run(arguments: &VaultImport, context: &Context<'_>) -> Result<(), Failure> {
    let standard_input = Path::new("-");
    let passphrase = arguments.passphrase_file.as_deref();
    if arguments.file == standard_input && passphrase == Some(standard_input) {
        let message = "the file and the passphrase cannot both come from standard input";
        let hint = format!("name a file for one of them: {PASSPHRASE_FLAG} PATH");
        return Err(Failure::new(Exit::Usage, "usage", message, hint));
    }
    let sealed = read(&arguments.file)?;
    let (data, mut all) = match given(arguments)? {
        Some(with) => {
            let opened = open(sealed.expose(), &with)?;
            // Before the vault is opened, which would create one.
            let all = Exported::decode(&opened).map_err(|error| invalid(&error))?;
            (Context::user_data()?, all)
        }
        None => by_own_key(&sealed)?,
    };
    // The first connection of a provider becomes its default.
    all.sort_by_key(|exported| !exported.is_default);
    refuse_others(&all, arguments.force, &data)?;
    let definitions = definitions(&all, &data)?;
    register(&definitions, &data, context)?;
    let mut done = Vec::new();
    let taken = take_in(&all, arguments.force, &data, &mut done);
    let is_whole = taken.is_ok();
    // In JSON, a failure is all that is printed.
    if is_whole && others(&done, arguments.force).is_empty() || !context.printer.is_json() {
        tell(&done, arguments.force, context);
    }
    if let Some(problem) = data.audit.finish() {
        context.printer.warn(&problem);
    }
    taken?;
    refused(&others(&done, arguments.force), "it was not imported")
}

/// What the vault's own key opens, which must have been made with the same master key. A vault is
/// created only if it opens.
fn by_own_key(sealed: &Secret<Vec<u8>>) -> Result<(UserData, Vec<Exported>), Failure> {
    let mut all = Vec::new();
    let data = Context::user_data_for(|keys| {
        let own = Identity::of_key(keys.sealing());
        let content = open(sealed.expose(), &OpenWith::Identities(vec![own]))?;
        let decoded = Exported::decode_authentic(&content, keys);
        all = decoded.map_err(|error| invalid(&error))?;
        Ok(())
    })?;
    Ok((data, all))
}

/// Takes the connections in, up to one that fails.
fn take_in<'a>(
    all: &'a [Exported],
    is_forced: bool,
    data: &UserData,
    done: &mut Vec<Done<'a>>,
) -> Result<(), Failure> {
    for exported in all {
        let compared = data.store.import(exported, is_forced)?;
        if compared.is_taken(is_forced) {
            let event = Event::new(Kind::Import).of(exported.id());
            data.audit.record(&event);
        }
        done.push((exported, compared));
        // What is here now is in the file as well.
        if compared.is_taken(is_forced) || compared == Compared::Same {
            note_imported(&data.home, &[exported]);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Secret<Vec<u8>>, Failure> {
    if path != Path::new("-") {
        return read_file_up_to(path, "vault import", age_file::MAX_FILE);
    }
    let read = Secret::read(io::stdin().lock(), age_file::MAX_FILE);
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

fn invalid(error: &StoreError) -> Failure {
    let hint = "export it again, with this version: authsome vault export --to FILE";
    Failure::new(Exit::Usage, "export_invalid", error.to_string(), hint)
}

/// Before anything is written: nothing is, if a connection needs `--force`.
fn refuse_others(all: &[Exported], is_forced: bool, data: &UserData) -> Result<(), Failure> {
    let mut compared = Vec::new();
    for exported in all {
        compared.push((exported, data.store.compare(exported)?));
    }
    refused(&others(&compared, is_forced), "nothing was changed")
}

/// Those that only `--force` takes.
fn others<'a>(compared: &[Done<'a>], is_forced: bool) -> Vec<Done<'a>> {
    let is_refused = |(_, compared): &&Done<'a>| {
        !is_forced && matches!(compared, Compared::Forked | Compared::Other)
    };
    compared.iter().filter(is_refused).copied().collect()
}

fn refused(others: &[Done<'_>], consequence: &str) -> Result<(), Failure> {
    let names = |wanted| {
        let fit = others.iter().filter(|(_, compared)| *compared == wanted);
        let names: Vec<_> = fit.map(|(exported, _)| exported.id().to_string()).collect();
        names.join(" and ")
    };
    let mut parts = Vec::new();
    for (wanted, what) in [
        (Compared::Other, "another login"),
        (Compared::Forked, "another pair of the same login"),
    ] {
        let names = names(wanted);
        if !names.is_empty() {
            parts.push(format!("{what} of {names}"));
        }
    }
    if parts.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the file has {} than this vault, where it works; {consequence}",
        parts.join(", and ")
    );
    let hint = format!("to replace it: {}", typed_command_with("--force"));
    Err(Failure::new(
        Exit::ConnectionExists,
        "connection_exists",
        message,
        hint,
    ))
}

/// The definitions without which a connection could not be used, before anything is written.
fn definitions(all: &[Exported], data: &UserData) -> Result<Vec<Definition>, Failure> {
    let mut definitions: Vec<Definition> = Vec::new();
    for exported in all {
        let provider = &exported.id().provider;
        let is_unknown = matches!(
            data.catalog.get(provider),
            Err(CatalogError::NotFound { .. })
        );
        let is_new = |known: &Definition| known.provider.id != *provider;
        let Some(text) = exported.definition().filter(|_| is_unknown) else {
            continue;
        };
        if definitions.iter().all(is_new) {
            definitions.push(definition(provider, text)?);
        }
    }
    Ok(definitions)
}

fn definition(provider: &ProviderId, text: &str) -> Result<Definition, Failure> {
    let source = Source::Custom(format!("{provider}.json").into());
    let reason = match Definition::parse(text, source) {
        Ok(definition) if definition.provider.id == *provider => return Ok(definition),
        Ok(definition) => format!("it is one of {}", definition.provider.id),
        Err(error) => error.to_string(),
    };
    let message = format!("the definition of {provider} in the file cannot be used: {reason}");
    let hint =
        "correct it where the export was made, and export it again: authsome register FILE --force";
    Err(Failure::new(Exit::Usage, "export_invalid", message, hint))
}

/// Puts definitions in force, and says what they do, as `authsome register` does.
fn register(
    definitions: &[Definition],
    data: &UserData,
    context: &Context<'_>,
) -> Result<(), Failure> {
    for definition in definitions {
        let id = &definition.provider.id;
        create_private_directory(&data.home.path("providers"))?;
        let name = format!("providers/{id}.json");
        data.home
            .write_private(&name, definition.text().as_bytes())?;
        context
            .printer
            .say(&format!("Registered {id}, which the file has:"));
        for line in what_it_does(definition) {
            context.printer.say(&line);
        }
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
        Compared::Forked | Compared::Other if is_forced => "replaced",
        Compared::Forked | Compared::Other => "refused",
    }
}

fn tell(done: &[Done<'_>], is_forced: bool, context: &Context<'_>) {
    let printer = context.printer;
    let done = done
        .iter()
        .map(|(exported, compared)| (exported.id(), word(*compared, is_forced)));
    if printer.is_json() {
        let connections = done.map(|(id, word)| {
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
    let rows = done.map(|(id, word)| {
        let columns = [id.to_string(), word.to_owned(), why(word).to_owned()];
        columns.into_iter().collect()
    });
    printer.table(&rows.collect::<Vec<Vec<_>>>());
}
