//! `authsome inspect`.

use std::fs;
use std::path::Path;

use authsome_providers::{Definition, Source};

use crate::cli::args::Inspect;
use crate::cli::context::Context;
use crate::cli::editor;
use crate::cli::failure::{Exit, Failure};
use crate::os::home::{Home, create_private_directory};
use crate::session::UserFiles;

pub(in crate::cli) fn run(arguments: &Inspect, context: &Context<'_>) -> Result<(), Failure> {
    let files = Context::user_files()?;
    if arguments.edit {
        return edit(arguments, &files, context);
    }
    let printer = context.printer;
    let (definition, unused) = files.catalog.get_or_bundled(&arguments.provider)?;
    if let Some(error) = unused {
        let file = files.home.path(&own_file(arguments));
        let is_empty = fs::metadata(&file).is_ok_and(|found| found.len() == 0);
        // A shell that redirects the output into the file empties it before anything is read.
        let why = if is_empty {
            format!("{} is empty", file.display())
        } else {
            error.to_string()
        };
        let instead = "so this is the definition that comes with authsome";
        printer.warn(&format!("{why}, {instead}"));
    }
    for warning in &definition.warnings {
        printer.warn(&format!("{}: {warning}", arguments.provider));
    }
    printer.value(&definition.json());
    Ok(())
}

fn own_file(arguments: &Inspect) -> String {
    format!("providers/{}.json", arguments.provider)
}

/// Lets the user edit a copy of the definition, and puts it into force if it is valid. A run never
/// sees a definition that is half written or wrong.
fn edit(arguments: &Inspect, files: &UserFiles, context: &Context<'_>) -> Result<(), Failure> {
    let provider = &arguments.provider;
    let target = files.home.path(&own_file(arguments));
    let draft = files.home.path(&format!("providers/{provider}.json.draft"));
    create_private_directory(&files.home.path("providers"))?;
    let before = match fs::read_to_string(&draft) {
        Ok(draft) => draft, // from an edit that was not valid
        Err(_) => starting_point(arguments, files, &target)?,
    };
    files
        .home
        .write_private(&name_in(&files.home, &draft), before.as_bytes())?;
    let status = editor::edit(&draft)?;
    let text = fs::read_to_string(&draft)?;
    let printer = context.printer;
    if !status.success() || text == before {
        fs::remove_file(&draft)?;
        printer.say(&format!("{provider} is unchanged."));
        return Ok(());
    }
    let parsed = Definition::parse(&text, Source::Custom(draft.clone()));
    let parsed = parsed.map_err(|error| error.to_string());
    let named = parsed.and_then(|definition| {
        let name = &definition.provider.id;
        (name == provider)
            .then_some(())
            .ok_or(format!("its name is {name}, not {provider}"))
    });
    if let Err(reason) = named {
        let message = format!("what you have written is not in force: {reason}");
        let again = format!("authsome inspect {provider} --edit");
        let hint = format!("correct it: {again}; or drop it: rm '{}'", draft.display());
        return Err(Failure::new(
            Exit::Usage,
            "definition_invalid",
            message,
            hint,
        ));
    }
    files
        .home
        .write_private(&own_file(arguments), text.as_bytes())?;
    fs::remove_file(&draft)?;
    printer.say(&format!("{} is in force.", target.display()));
    printer.say(&format!(
        "For more hosts or fewer guard rules, log in again: authsome login {provider} --force"
    ));
    Ok(())
}

/// The path of a file relative to the home directory.
fn name_in(home: &Home, file: &Path) -> String {
    let name = file.strip_prefix(home.root()).unwrap_or(file);
    name.to_string_lossy().into_owned()
}

fn starting_point(
    arguments: &Inspect,
    files: &UserFiles,
    target: &Path,
) -> Result<String, Failure> {
    match fs::read_to_string(target) {
        // Also if it is not valid: to correct it is what the user has come for.
        Ok(own) if !own.trim().is_empty() => Ok(own),
        _ => {
            let (definition, _) = files.catalog.get_or_bundled(&arguments.provider)?;
            Ok(format!("{:#}\n", definition.json()))
        }
    }
}
