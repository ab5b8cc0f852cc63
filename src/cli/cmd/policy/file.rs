//! A suggestion as the text of a file for `--policy-file`.

use crate::cli::log_words;
use crate::session::{Remark, Sufficient, Suggestion};
use crate::text;

use super::observed::Logged;

/// The text of the file.
pub(super) fn text(logged: &Logged, suggestion: &Suggestion) -> String {
    let mut lines = heading(logged, suggestion);
    lines.push("policy = \"deny\"".to_owned());
    if suggestion.read_only {
        lines.push("read_only = true".to_owned());
    }
    let exact = |rules: &[String]| rules.iter().map(|rule| (rule.clone(), false)).collect();
    list(&mut lines, "allow_hosts", exact(&suggestion.allow_hosts));
    list(&mut lines, "allow_paths", suggestion.allow_paths.clone());
    list(&mut lines, "deny_paths", exact(&suggestion.deny_paths));
    if let Some(refs) = &suggestion.git_push {
        match refs.as_slice() {
            [] => lines.push("git_push = []".to_owned()),
            refs => list(&mut lines, "git_push", exact(refs)),
        }
    }
    lines.join("\n") + "\n"
}

/// What the comments at its beginning say.
fn heading(logged: &Logged, suggestion: &Suggestion) -> Vec<String> {
    let requests = match logged.requests {
        1 => "1 request".to_owned(),
        count => format!("{count} requests"),
    };
    let run = log_words::heading(&logged.id, logged.start.as_ref());
    let mut says = vec![
        format!("The smallest policy for what a run did, from the log: {requests}."),
        run,
        "It permits that and nothing else: authsome run --policy-file FILE -- COMMAND".to_owned(),
    ];
    says.extend(suggestion.scopes.iter().map(scopes));
    says.extend(suggestion.remarks.iter().map(remark));
    if logged.is_incomplete {
        says.push(
            "The log does not have all of this run, so this may permit too little.".to_owned(),
        );
    }
    let comments = says.iter().map(|line| format!("# {}", text::line(line)));
    comments.collect()
}

/// A list, with a comment behind each rule that permits more than what was seen.
fn list(lines: &mut Vec<String>, name: &str, rules: Vec<(String, bool)>) {
    if rules.is_empty() {
        return;
    }
    lines.push(format!("{name} = ["));
    for (rule, is_wide) in rules {
        let comment = if is_wide {
            " # wider than what was seen"
        } else {
            ""
        };
        lines.push(format!("  {},{comment}", quoted(&rule)));
    }
    lines.push("]".to_owned());
}

/// A basic string of TOML: JSON's has the same escapes.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    text::json(&json).into_owned()
}

/// The scopes that would have sufficed, in words.
pub(super) fn scopes(sufficient: &Sufficient) -> String {
    let Sufficient {
        connection,
        scopes,
        unknown,
    } = sufficient;
    let unknown = match unknown {
        0 => String::new(),
        1 => "; the scope of 1 request is not known".to_owned(),
        count => format!("; the scopes of {count} requests are not known"),
    };
    if scopes.is_empty() {
        return format!("Which scopes {connection} needed is not known.");
    }
    let list = scopes.join(",");
    format!(
        "Scopes that would have sufficed for {connection}: {list}{unknown} (authsome login {} --connection {} --scopes {list} --force).",
        connection.provider, connection.name
    )
}

/// A remark, in words.
pub(super) fn remark(remark: &Remark) -> String {
    match remark {
        Remark::Deletion(name) => {
            format!("The run deleted {name}, which no policy for pushes permits.")
        }
        Remark::Lifted(rule) => {
            format!("The run needed the guard rule {rule} lifted; if that is meant: --allow {rule}")
        }
        Remark::MoreRefs => {
            "The log does not name all refs of a push, so git_push may permit too little."
                .to_owned()
        }
        Remark::ManyRefs => {
            "git_push has a pattern for each directory with many branches.".to_owned()
        }
        Remark::NotPermitted(request, reason) => {
            format!("Not permitted by this: {request}: {reason}")
        }
    }
}
