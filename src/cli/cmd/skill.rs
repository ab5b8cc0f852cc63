//! `authsome skill`: how an agent should use authsome, printed or put where that agent looks.

mod file;
mod section;

use std::path::Path;

use clap::ValueEnum;
use serde_json::json;

use self::file::{Edit, Trouble};
use self::section::{BEGIN, END};
use crate::cli::args::{Agent, Skill};
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::words::shell_word;

/// What the agent is told.
const GUIDE: &str = include_str!("skill/guide.md");

/// When the agent should read it, for those that load it on demand.
const DESCRIPTION: &str = "How to use services through authsome: the placeholder in token variables, errors with \
the authsome-error field, and what to tell the user. Use when AUTHSOME_PROXY_MODE is set, or a request fails with authsome-error.";

pub(in crate::cli) fn run(arguments: &Skill, context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let (agent, is_removal) = match (arguments.install, arguments.remove) {
        (Some(agent), _) => (agent, false),
        (None, Some(agent)) => (agent, true),
        (None, None) => {
            if printer.is_json() {
                printer.value(&json!({ "text": GUIDE }));
            } else {
                printer.data(GUIDE);
            }
            return Ok(());
        }
    };
    let place = place_of(agent);
    let path = arguments.dir.join(place);
    let done = if is_removal {
        file::remove(&arguments.dir, place, &head_of(agent))
    } else {
        file::install(&arguments.dir, place, &head_of(agent), GUIDE)
    };
    let edit = done.map_err(|trouble| failure(&trouble, arguments, agent, &path))?;
    if printer.is_json() {
        printer.value(&json!({
            "agent": name_of(agent),
            "file": path.display().to_string(),
            "change": edit.name(),
        }));
        return Ok(());
    }
    let shown = path.display();
    printer.say(&match edit {
        Edit::Added => format!("Added a section to {shown}; the rest of it is as it was."),
        Edit::Created => format!("Wrote {shown}."),
        Edit::Deleted => format!("Removed {shown}."),
        Edit::None if is_removal => format!("{shown} has no section of authsome."),
        Edit::None => format!("{shown} is up to date already."),
        Edit::Replaced => format!("Renewed the section in {shown}; the rest of it is as it was."),
        Edit::TakenOut => {
            format!("Removed the section from {shown}; the rest of it is as it was.")
        }
    });
    Ok(())
}

fn name_of(agent: Agent) -> String {
    let value = agent.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Where the agent looks, in a project.
const fn place_of(agent: Agent) -> &'static str {
    match agent {
        Agent::Claude => ".claude/skills/authsome/SKILL.md",
        Agent::Codex | Agent::Opencode => "AGENTS.md",
        Agent::Cursor => ".cursor/rules/authsome.mdc",
    }
}

/// What a new file begins with.
fn head_of(agent: Agent) -> String {
    match agent {
        Agent::Claude => format!("---\nname: authsome\ndescription: {DESCRIPTION:?}\n---\n"),
        Agent::Codex | Agent::Opencode => String::new(),
        Agent::Cursor => {
            format!("---\ndescription: {DESCRIPTION:?}\nglobs:\nalwaysApply: false\n---\n")
        }
    }
}

fn failure(trouble: &Trouble, arguments: &Skill, agent: Agent, path: &Path) -> Failure {
    let shown = path.display();
    let flag = if arguments.remove.is_some() {
        "--remove"
    } else {
        "--install"
    };
    let again = format!("authsome skill {flag} {}", name_of(agent));
    let (message, hint) = match trouble {
        Trouble::Elsewhere(target) => (
            format!(
                "{shown} is a link that leads out of the directory, to {}",
                target.display()
            ),
            "authsome changes no file elsewhere; add the guide there yourself: authsome skill"
                .to_owned(),
        ),
        Trouble::Failed(error) => (
            format!("cannot change {shown}: {error}"),
            format!("name a directory of yours: {again} --dir DIR"),
        ),
        Trouble::Markers => (
            format!("{shown} has not exactly one line '{BEGIN}' with one line '{END}' after it"),
            format!(
                "remove those lines and what is between them, then: {again} --dir {}",
                shell_word(arguments.dir.as_os_str())
            ),
        ),
    };
    Failure::new(Exit::Usage, "usage", message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_has_nothing_that_would_end_its_section() {
        assert!(!GUIDE.contains(BEGIN) && !GUIDE.contains(END));
        assert!(GUIDE.ends_with('\n') && !GUIDE.ends_with("\n\n"));
    }
}
