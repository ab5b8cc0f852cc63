//! `authsome policy suggest`: the smallest policy that permits what a run did.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::file;
use super::observed::{self, Logged};
use crate::cli::args::PolicySuggest;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::words::shell_word;
use crate::session::{Notice, Options, Parent, Session, Suggestion, UserData, suggest};

pub(in crate::cli) fn run(arguments: &PolicySuggest, context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let parent = Parent::of_this_process();
    let data = Context::user_data_of(&parent)?;
    let logged = observed::find(&data.home, arguments.run.as_deref())?;
    let options = Options {
        chosen: chosen(&logged, &data)?,
        ..Options::default()
    };
    let notify = |_: Notice| {}; // what concerns a run that is to start
    let plan = Session::plan(options, &data, &parent, &notify)?;
    let suggestion = suggest(&logged.observed, plan, &data.catalog);
    let text = file::text(&logged, &suggestion);
    if let Some(path) = &arguments.out {
        write(path, &text).map_err(|error| not_written(path, &error))?;
        let file = shell_word(path.as_os_str());
        printer.say(&format!(
            "Written; to use it: authsome run --policy-file {file} -- COMMAND"
        ));
    }
    if printer.is_json() {
        printer.value(&value(&logged, &suggestion, &text));
    } else if arguments.out.is_none() {
        printer.data(&text);
    }
    Ok(())
}

/// The connections that the run used, as far as they are still there.
fn chosen(
    logged: &Logged,
    data: &UserData,
) -> Result<Vec<crate::credential::ConnectionId>, Failure> {
    let mut chosen = Vec::new();
    for id in logged
        .observed
        .requests
        .iter()
        .filter_map(|request| request.connection.as_ref())
    {
        if !chosen.contains(id) && data.store.generation(id)?.is_some() {
            chosen.push(id.clone());
        }
    }
    Ok(chosen)
}

/// Writes a file that must not exist yet: one that is there may be the user's own.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    if error.kind() == io::ErrorKind::AlreadyExists {
        let hint = "choose another name with --out, or remove the file first";
        let message = format!("{shown} exists already");
        return Failure::new(Exit::Usage, "file_exists", message, hint);
    }
    let message = format!("{shown} cannot be written: {error}");
    let hint = "name a file in a directory that you may write, or leave out --out";
    Failure::new(Exit::Usage, "file_unwritable", message, hint)
}

fn value(logged: &Logged, suggestion: &Suggestion, text: &str) -> Value {
    let rules: Vec<_> = suggestion
        .allow_paths
        .iter()
        .map(|(rule, _)| rule)
        .collect();
    let wide = suggestion
        .allow_paths
        .iter()
        .filter(|(_, is_wide)| *is_wide);
    let wide: Vec<_> = wide.map(|(rule, _)| rule).collect();
    let scopes = suggestion.scopes.iter().map(|sufficient| {
        json!({
            "connection": sufficient.connection.to_string(),
            "scopes": sufficient.scopes,
            "unknown": sufficient.unknown,
        })
    });
    let remarks: Vec<_> = suggestion.remarks.iter().map(file::remark).collect();
    json!({
        "run": logged.id,
        "requests": logged.requests,
        "complete": !logged.is_incomplete,
        "policy": {
            "policy": "deny",
            "read_only": suggestion.read_only,
            "allow_hosts": suggestion.allow_hosts,
            "allow_paths": rules,
            "deny_paths": suggestion.deny_paths,
            "git_push": suggestion.git_push,
        },
        "wide": wide,
        "scopes": scopes.collect::<Vec<_>>(),
        "remarks": remarks,
        "text": text,
    })
}
