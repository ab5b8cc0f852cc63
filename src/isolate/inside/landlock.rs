//! A second wall (landlock(7)): where only some directories can be written to, for writes; in any
//! case against signals and abstract sockets that leave the command's own processes.
//!
//! It is never a wall for the network: it knows ports, and no addresses.

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, Scope, path_beneath_rules,
};

use crate::isolate::plan::Files;

/// What of it is used; an older kernel does what it knows of it.
const VERSION: ABI = ABI::V6;

/// Where everybody may write, beside what the user names.
const ALWAYS: [&str; 5] = ["/dev", "/proc", "/tmp", "/var/tmp", "/dev/shm"];

/// Applies it to this process and all that it starts.
pub(super) fn apply(files: &Files) -> io::Result<()> {
    restrict(files).map_err(|error| io::Error::other(error.to_string()))
}

fn restrict(files: &Files) -> Result<(), RulesetError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .scope(Scope::from_all(VERSION))?;
    let Some(writable) = &files.writable else {
        ruleset.create()?.restrict_self()?;
        return Ok(());
    };
    let writes = AccessFs::from_write(VERSION);
    let named = writable.iter().map(PathBuf::as_path);
    let places = named.chain(ALWAYS.iter().map(Path::new));
    ruleset
        .handle_access(writes)?
        .create()?
        .add_rules(path_beneath_rules(places, writes))?
        .restrict_self()?;
    Ok(())
}
