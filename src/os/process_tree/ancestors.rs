//! The ancestors of this process.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;

use nix::unistd::{Pid, Uid};

use super::LISTS;
use super::proc::{name_and_parent_of, name_of, parent_of, read};

/// How many ancestors are read.
const MAX_ANCESTORS: usize = 4096;

/// An ancestor of this process.
#[derive(Debug)]
pub struct Ancestor {
    /// Its process ID.
    pub pid: u32,
    /// The kernel's name for the process: the first 15 bytes of the program's name.
    pub name: OsString,
    /// Its arguments, beginning with its name.
    pub arguments: Vec<OsString>,
}

/// The ancestors of this process with such a name that belong to this user and are visible. Empty
/// on other systems than Linux.
pub fn ancestors_named(is_wanted: impl Fn(&OsStr) -> bool) -> Vec<Ancestor> {
    let mut found = Vec::new();
    for _ in 0..LISTS {
        found.clear();
        let mut next = parent_of(Pid::this());
        // A parent that ends meanwhile leaves its children to a process further up. Then the line
        // breaks off before process 0, and is read once more.
        while let Some(pid) = next.filter(|pid| pid.as_raw() > 0 && found.len() < MAX_ANCESTORS) {
            next = name_and_parent_of(pid).map(|(name, parent)| {
                found.push((pid, name));
                parent
            });
        }
        if next.is_some() {
            break;
        }
    }
    let is_ours = |pid: &str| {
        let status = String::from_utf8(read(pid, "status")?).ok()?;
        let user = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        let real = user.split_ascii_whitespace().next()?.parse::<u32>().ok()?;
        (real == Uid::current().as_raw()).then_some(())
    };
    let wanted = found.into_iter().filter(|(_, name)| is_wanted(name));
    let ancestor = |(process, name): (Pid, OsString)| {
        let pid = process.to_string();
        is_ours(&pid)?;
        let arguments = read(&pid, "cmdline")?;
        let arguments = arguments.strip_suffix(b"\0").unwrap_or(&arguments);
        let words = arguments.split(|byte| *byte == 0);
        Some(Ancestor {
            pid: process.as_raw().cast_unsigned(),
            name,
            arguments: words
                .map(|word| OsString::from_vec(word.to_vec()))
                .collect(),
        })
    };
    wanted.filter_map(ancestor).collect()
}

/// The name of this process, in the form of [`Ancestor::name`].
pub fn own_name() -> Option<OsString> {
    name_of("self")
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn ancestors_are_known_by_name_and_arguments() {
        let found = ancestors_named(|_| true);
        let parent = nix::unistd::getppid();
        let cmdline = std::fs::read(format!("/proc/{parent}/cmdline")).unwrap();
        let first = found.first().unwrap();
        let joined = first.arguments.iter().map(|word| word.as_encoded_bytes());
        let joined: Vec<u8> = joined.flat_map(|word| [word, b"\0"].concat()).collect();
        assert_eq!(joined, cmdline);
        let name = first.name.clone();
        assert_eq!(ancestors_named(|one| one == name)[0].pid, first.pid);
        assert!(ancestors_named(|_| false).is_empty());
        assert_eq!(own_name().map(|name| name.len() <= 15), Some(true));
    }
}
