//! What git and agents run of their own in a repository: whoever can write it has a command run
//! later, outside and as the user.

use std::fs;
use std::path::{Path, PathBuf};

/// What of a repository cannot be changed inside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guarded {
    /// What can only be read.
    pub protected: Vec<PathBuf>,
    /// Directories that cannot be renamed, as others in their place would have no such part.
    pub pinned: Vec<PathBuf>,
}

/// Of git's directory.
const OF_GIT: [&str; 4] = ["config", "config.worktree", "hooks", "info/attributes"];

/// Files and directories of a working tree from which agents, editors and tools take orders. Those
/// that are there are protected.
const OF_AGENTS: &[&str] = &[
    ".aider.conf.yml",
    ".claude",
    ".clinerules",
    ".codex",
    ".continue",
    ".cursor",
    ".cursorrules",
    ".devcontainer",
    ".envrc",
    ".gemini",
    ".github/copilot-instructions.md",
    ".githooks",
    ".gitattributes",
    ".gitmodules",
    ".husky",
    ".idea",
    ".mcp.json",
    ".opencode",
    ".pre-commit-config.yaml",
    ".vscode",
    ".windsurf",
    ".zed",
    "AGENTS.md",
    "CLAUDE.md",
    "GEMINI.md",
    "lefthook.yml",
    "opencode.json",
];

/// Submodules that are looked for below each other.
const MAX_DEPTH: usize = 8;

/// What of the repository that `directory` is in is guarded. Git's directory for hooks is made
/// where there is none: what is not there cannot be protected.
pub fn guarded(directory: &Path) -> Guarded {
    let mut guarded = Guarded::default();
    let root = directory
        .ancestors()
        .find(|path| path.join(".git").exists());
    let Some(root) = root else {
        return guarded;
    };
    guarded.pinned.push(root.to_owned());
    let git = root.join(".git");
    if git.is_dir() {
        guarded.pinned.push(git.clone());
    } else {
        guarded.protected.push(git.clone()); // it names another directory
    }
    for own in git_directories(&git) {
        let _ = fs::create_dir_all(own.join("hooks"));
        add_git(&own, &mut guarded, 0);
    }
    let of_agents = OF_AGENTS.iter().map(|name| root.join(name));
    guarded
        .protected
        .extend(of_agents.filter(|path| path.exists()));
    guarded
}

/// The directory itself; or that of a working tree, and the one that it has in common with others
/// (gitrepository-layout(5)).
fn git_directories(git: &Path) -> Vec<PathBuf> {
    if git.is_dir() {
        return vec![git.to_owned()];
    }
    let text = fs::read_to_string(git).unwrap_or_default();
    let Some(named) = text.strip_prefix("gitdir:") else {
        return Vec::new();
    };
    let own = git.parent().unwrap_or(git).join(named.trim());
    let common = fs::read_to_string(own.join("commondir"));
    let common = common.map(|common| own.join(common.trim()));
    [Some(own), common.ok()].into_iter().flatten().collect()
}

fn add_git(git: &Path, guarded: &mut Guarded, depth: usize) {
    let own = OF_GIT.iter().map(|name| git.join(name));
    guarded.protected.extend(own.filter(|path| path.exists()));
    if depth < MAX_DEPTH {
        let modules = fs::read_dir(git.join("modules")).into_iter().flatten();
        for module in modules.flatten() {
            if module.path().join("HEAD").exists() {
                guarded.pinned.push(module.path());
            }
            add_git(&module.path(), guarded, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_above_is_found_with_its_submodules_and_agents() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for path in [".git/modules/lib/hooks", "src/deep", ".claude"] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        for path in [
            ".git/config",
            ".git/modules/lib/HEAD",
            ".git/modules/lib/config",
        ] {
            fs::File::create(root.join(path)).unwrap();
        }
        let guarded = guarded(&root.join("src/deep"));
        let expected = [
            ".git/config",
            ".git/hooks",
            ".git/modules/lib/config",
            ".git/modules/lib/hooks",
            ".claude",
        ];
        assert_eq!(guarded.protected, expected.map(|path| root.join(path)));
        let pinned = [
            root.to_owned(),
            root.join(".git"),
            root.join(".git/modules/lib"),
        ];
        assert_eq!(guarded.pinned, pinned);
    }

    #[test]
    fn without_a_repository_nothing_is_guarded() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(guarded(directory.path()), Guarded::default());
    }
}
