//! The flags of `authsome skill`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub(super) const EXAMPLES: &str = "\
Examples:
  authsome skill --install claude
  authsome skill --install codex --dir ~/.codex    for all projects
  authsome skill --remove claude";

#[derive(Debug, Args)]
pub(in crate::cli) struct Skill {
    /// Write it where that agent looks, for this project
    #[arg(long, value_enum, value_name = "AGENT")]
    pub(in crate::cli) install: Option<Agent>,
    /// Take it out again
    #[arg(long, value_enum, value_name = "AGENT", conflicts_with = "install")]
    pub(in crate::cli) remove: Option<Agent>,
    /// The project's directory, instead of the current one
    #[arg(
        long,
        value_name = "DIR",
        default_value = ".",
        hide_default_value = true
    )]
    pub(in crate::cli) dir: PathBuf,
}

/// An agent that reads instructions from the project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Agent {
    /// Claude Code: .claude/skills/authsome/SKILL.md
    Claude,
    /// Codex: a section of AGENTS.md
    Codex,
    /// Cursor: .cursor/rules/authsome.mdc
    Cursor,
    /// opencode: a section of AGENTS.md
    Opencode,
}
