//! `authsome uninstall`: says what authsome leaves on the machine, and removes it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::args::Uninstall;
use crate::cli::cmd::export::quote;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::credential::ConnectionId;
use crate::os::home::Home;
use crate::os::private_memory;
use crate::session::living;
use crate::vault::forget_key;

/// What authsome makes in its home directory. Nothing else in it is removed.
const OWN: [&str; 14] = [
    "audit.log",
    "audit.log.1",
    "config.toml",
    "locks",
    "master.key",
    "master.key.next",
    "pending",
    "providers",
    "sessions",
    "status.json",
    "vault.db",
    "vault.db-journal",
    "vault.db-shm",
    "vault.db-wal",
];

/// How the names begin of what belongs to a vault on a database: values that wait, a copy of it.
const OF_SHARED: [&str; 2] = ["copy-postgres", "pending-postgres"];

/// What packaging/install.sh puts below `~/.local/share`, but for the man pages. A user's own
/// `authsome completions bash > FILE` goes to the same places.
const COMPLETIONS: [&str; 3] = [
    "bash-completion/completions/authsome",
    "fish/vendor_completions.d/authsome.fish",
    "zsh/site-functions/_authsome",
];

/// What is found on this machine.
struct Found {
    home: Home,
    own: Vec<PathBuf>,
    foreign: Vec<PathBuf>,
    connections: Vec<ConnectionId>,
    program: PathBuf,
    /// Completions and man pages in the user's own directory, which no package manager removes.
    beside: Vec<PathBuf>,
}

pub(in crate::cli) fn run(arguments: &Uninstall, context: &Context<'_>) -> Result<(), Failure> {
    let home = Context::user_files()?.home;
    let connections = connections(&home);
    // Behind the look into the vault, which writes there.
    let (own, foreign) = contents(&home)?;
    let found = Found {
        home,
        own,
        foreign,
        connections,
        program: private_memory::own_program().unwrap_or_else(|| "authsome".into()),
        beside: std::env::var_os("HOME").map_or_else(Vec::new, |user| {
            beside_program(&Path::new(&user).join(".local/share"))
        }),
    };
    if arguments.yes {
        found.remove(context)
    } else {
        found.show(context);
        Ok(())
    }
}

impl Found {
    fn show(&self, context: &Context<'_>) {
        let printer = context.printer;
        let home = self.home.root().display();
        if printer.is_json() {
            let files = self.own.iter().chain(&self.foreign);
            let files = files.map(|path| path.display().to_string());
            let connections = self.connections.iter().map(ToString::to_string);
            let beside = self.beside.iter().map(|path| path.display().to_string());
            printer.value(&json!({
                "removed": false,
                "home": home.to_string(),
                "files": files.collect::<Vec<_>>(),
                "connections": connections.collect::<Vec<_>>(),
                "program": self.program.display().to_string(),
                "beside": beside.collect::<Vec<_>>(),
            }));
            return;
        }
        printer.line(&format!("authsome keeps in {home}:"));
        for path in &self.own {
            printer.line(&format!("  {}", name(path)));
        }
        for path in &self.foreign {
            printer.line(&format!("  {} (not authsome's, is kept)", name(path)));
        }
        for id in &self.connections {
            printer.line(&format!(
                "The grant of {id} stays valid at the provider. To end it: authsome revoke {id}"
            ));
        }
        printer.line("To remove these files: authsome uninstall --yes");
        for line in self.program_removal() {
            printer.line(&line);
        }
    }

    fn remove(&self, context: &Context<'_>) -> Result<(), Failure> {
        if let Some(live) = living(&self.home).first() {
            let message = format!("a run is alive ({live}), and needs these files");
            let hint = "end it first, see: authsome status";
            return Err(Failure::new(Exit::Usage, "run_alive", message, hint));
        }
        forget_key(&self.home); // in the keyring, if it is there
        for path in &self.own {
            if path.symlink_metadata().is_err() {
                continue; // the key is removed already
            }
            remove(path).map_err(|error| {
                let message = format!("cannot remove {}: {error}", path.display());
                let hint = format!("rm -r '{}'", path.display());
                Failure::new(Exit::Unexpected, "unexpected", message, hint)
            })?;
        }
        let home = self.home.root().display();
        let is_gone = fs::remove_dir(self.home.root()).is_ok();
        let printer = context.printer;
        if printer.is_json() {
            printer.value(&json!({ "removed": true, "home_removed": is_gone }));
            return Ok(());
        }
        if is_gone {
            printer.say(&format!("{home} is removed."));
        } else {
            printer.say(&format!("What is not authsome's is kept in {home}."));
        }
        for line in self.program_removal() {
            printer.say(&line);
        }
        Ok(())
    }

    /// What is left to the user, because a program that runs is not the one to remove itself.
    fn program_removal(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "To remove the program: {}",
            removal_of(&self.program)
        )];
        if !self.beside.is_empty() {
            let paths = self.beside.iter().map(|path| path.to_string_lossy());
            let quoted: Vec<_> = paths.map(|path| quote(&path)).collect();
            lines.push(format!(
                "To remove its completions and man pages: rm {}",
                quoted.join(" ")
            ));
        }
        lines
    }
}

/// The completions and man pages that are there.
fn beside_program(share: &Path) -> Vec<PathBuf> {
    let completions = COMPLETIONS.iter().map(|path| share.join(path));
    let is_page = |path: &PathBuf| {
        let name = name(path);
        name == "authsome.1" || (name.starts_with("authsome-") && name.ends_with(".1"))
    };
    let mut pages: Vec<_> = fs::read_dir(share.join("man/man1"))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_page)
        .collect();
    pages.sort();
    let exists = |path: &PathBuf| path.symlink_metadata().is_ok();
    completions.filter(exists).chain(pages).collect()
}

/// None where the vault cannot be read, and no vault is made for the question.
fn connections(home: &Home) -> Vec<ConnectionId> {
    if !home.path("vault.db").exists() {
        return Vec::new();
    }
    let list = Context::user_data().and_then(|data| Ok(data.store.list()?));
    list.unwrap_or_default()
}

/// The paths in the home directory: authsome's own ones, and all others.
fn contents(home: &Home) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Failure> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(home.root())? {
        paths.push(entry?.path());
    }
    paths.sort();
    let is_of_shared = |name: &str| OF_SHARED.iter().any(|start| name.starts_with(start));
    let is_own = |path: &PathBuf| {
        let name = name(path);
        OWN.contains(&name.as_str()) || is_of_shared(&name)
    };
    Ok(paths.into_iter().partition(is_own))
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// A link is removed, and not what it leads to.
fn remove(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

/// How the program itself is removed, which depends on how it was installed.
fn removal_of(program: &Path) -> String {
    let known_to = |database: &str| Path::new(database).exists();
    let of_system = program.starts_with("/usr/bin");
    if of_system && known_to("/var/lib/dpkg/info/authsome.list") {
        "sudo apt remove authsome".to_owned()
    } else if of_system && known_to("/usr/bin/rpm") {
        "sudo rpm --erase authsome".to_owned()
    } else if program
        .components()
        .any(|part| part.as_os_str() == "Cellar")
    {
        "brew uninstall authsome".to_owned()
    } else if program
        .parent()
        .is_some_and(|parent| parent.ends_with(".cargo/bin"))
    {
        "cargo uninstall authsome".to_owned()
    } else {
        format!("rm {}", quote(&program.to_string_lossy()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_removed_as_it_was_installed() {
        for (program, by) in [
            ("/home/ada/.cargo/bin/authsome", "cargo uninstall authsome"),
            (
                "/home/ada/.local/bin/authsome",
                "rm '/home/ada/.local/bin/authsome'",
            ),
            (
                "/opt/homebrew/Cellar/authsome/1/bin/authsome",
                "brew uninstall authsome",
            ),
        ] {
            assert_eq!(removal_of(Path::new(program)), by);
        }
    }
}
