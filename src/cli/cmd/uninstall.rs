//! `authsome uninstall`: says what authsome leaves on the machine, and removes it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::args::Uninstall;
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

/// What is found on this machine.
struct Found {
    home: Home,
    own: Vec<PathBuf>,
    foreign: Vec<PathBuf>,
    connections: Vec<ConnectionId>,
    program: PathBuf,
}

pub(in crate::cli) fn run(arguments: &Uninstall, context: &Context<'_>) -> Result<(), Failure> {
    let home = Context::user_files()?.home;
    let (own, foreign) = contents(&home)?;
    let connections = Context::user_data().and_then(|data| Ok(data.store.list()?));
    let found = Found {
        home,
        own,
        foreign,
        connections: connections.unwrap_or_default(),
        program: private_memory::own_program().unwrap_or_else(|| "authsome".into()),
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
            printer.value(&json!({
                "removed": false,
                "home": home.to_string(),
                "files": files.collect::<Vec<_>>(),
                "connections": connections.collect::<Vec<_>>(),
                "program": self.program.display().to_string(),
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
        printer.line(&format!(
            "To remove the program: {}",
            removal_of(&self.program)
        ));
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
        printer.say(&format!(
            "To remove the program: {}",
            removal_of(&self.program)
        ));
        Ok(())
    }
}

/// The paths in the home directory: authsome's own ones, and all others.
fn contents(home: &Home) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Failure> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(home.root())? {
        paths.push(entry?.path());
    }
    paths.sort();
    let is_own = |path: &PathBuf| OWN.contains(&name(path).as_str());
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
        format!("rm '{}'", program.display())
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
