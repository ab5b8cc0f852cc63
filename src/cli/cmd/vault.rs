//! `authsome vault`.

mod export;
mod import;
mod moving;

use std::io::{self, IsTerminal, Write};

use serde_json::json;

use crate::cli::args::{KeyPlaceArgument, Rekey, Vault};
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::env::env_vars::{MASTER_KEY, MASTER_KEY_FILE};
use crate::secret::Secret;
use crate::session::{Parent, UserData, living};
use crate::vault::{KeyOrigin, KeyPlace};

pub(in crate::cli) fn run(arguments: &Vault, context: &Context<'_>) -> Result<(), Failure> {
    match arguments {
        Vault::Status => status(context),
        Vault::Move(arguments) => moving::run(arguments, context),
        Vault::Rekey(arguments) => rekey(arguments, context),
        Vault::Export(arguments) => export::run(arguments, context),
        Vault::Import(arguments) => import::run(arguments, context),
    }
}

fn status(context: &Context<'_>) -> Result<(), Failure> {
    let parent = Parent::of_this_process();
    let data = Context::user_data_of(&parent)?;
    let vault = data.vault_place(&parent)?;
    let key = data.key_origin(&parent)?;
    let printer = context.printer;
    if printer.is_json() {
        printer.value(&json!({ "vault": vault, "key": place(&key), "key_file": file(&key) }));
        return Ok(());
    }
    let rows = [("vault", vault), ("key", key.to_string())];
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
    printer.table(&rows);
    if matches!(key, KeyOrigin::File(_)) {
        printer.say("The key lies beside the vault. To move it: authsome vault rekey --to keyring");
    }
    Ok(())
}

fn place(key: &KeyOrigin) -> &'static str {
    match key {
        KeyOrigin::Environment => "env",
        KeyOrigin::File(_) => "file",
        KeyOrigin::Keyring => "keyring",
    }
}

fn file(key: &KeyOrigin) -> Option<String> {
    match key {
        KeyOrigin::File(path) => Some(path.display().to_string()),
        KeyOrigin::Environment | KeyOrigin::Keyring => None,
    }
}

/// The key of a vault that machines share is kept by who gives it to them. Runs may be alive: those
/// of other machines are not known here.
fn rekey_shared(
    arguments: &Rekey,
    data: &UserData,
    parent: &Parent,
    context: &Context<'_>,
) -> Result<(), Failure> {
    if arguments.to != KeyPlaceArgument::Env {
        let message = "the key of a vault that machines share is kept in none of them";
        let hint = "authsome vault rekey --to env --show-secret > key.txt";
        return Err(Failure::new(Exit::Usage, "usage", message, hint));
    }
    data.rekey_shared(parent, &mut print_key)?;
    let printer = context.printer;
    printer.say("The key is printed. Each machine needs it in AUTHSOME_MASTER_KEY_FILE; runs go on with their tokens until these expire.");
    Ok(())
}

fn print_key(key: &Secret<String>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(key.expose().as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

fn rekey(arguments: &Rekey, context: &Context<'_>) -> Result<(), Failure> {
    if arguments.to == KeyPlaceArgument::Env && !arguments.show_secret {
        let message = "with --to env, the new key is printed, and kept nowhere else";
        let hint = "authsome vault rekey --to env --show-secret > key.txt";
        return Err(Failure::new(Exit::Usage, "usage", message, hint));
    }
    let parent = Parent::of_this_process();
    let data = Context::user_data_of(&parent)?;
    if data.is_shared(&parent)? {
        return rekey_shared(arguments, &data, &parent, context);
    }
    if let Some(live) = living(&data.home).first() {
        let message = format!("a run is alive ({live}), and would go on with the key of before");
        let hint = "end it first, see: authsome status";
        return Err(Failure::new(Exit::Usage, "run_alive", message, hint));
    }
    if parent.variable(MASTER_KEY_FILE).is_some() && parent.variable(MASTER_KEY).is_none() {
        let message =
            "the present key comes from AUTHSOME_MASTER_KEY_FILE, which is read only once";
        let hint = "give it in AUTHSOME_MASTER_KEY for this command";
        return Err(Failure::new(Exit::Usage, "usage", message, hint));
    }
    let to = match arguments.to {
        KeyPlaceArgument::Env => KeyPlace::Environment,
        KeyPlaceArgument::File => KeyPlace::File,
        KeyPlaceArgument::Keyring => KeyPlace::Keyring,
    };
    let key = data.rekey(&parent, to, &mut print_key)?;
    let printer = context.printer;
    if printer.is_json() {
        if arguments.to != KeyPlaceArgument::Env {
            printer.value(&json!({ "key": place(&key), "key_file": file(&key) }));
        }
        return Ok(());
    }
    match key {
        KeyOrigin::Environment if io::stdout().is_terminal() => {
            printer.say("Keep this key. Each start needs it in AUTHSOME_MASTER_KEY.");
        }
        KeyOrigin::Environment => {
            printer.say("The key is printed. Each start needs it in AUTHSOME_MASTER_KEY.");
        }
        KeyOrigin::File(path) => printer.say(&format!("The new key is in {}.", path.display())),
        KeyOrigin::Keyring => printer.say("The new key is in the keyring."),
    }
    if std::env::var_os("AUTHSOME_MASTER_KEY").is_some() && to != KeyPlace::Environment {
        printer.warn("AUTHSOME_MASTER_KEY is set to the key of before; unset it");
    }
    Ok(())
}
