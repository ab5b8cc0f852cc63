//! Data about processes from `/proc`, by process ID.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;

use nix::unistd::Pid;

/// Whether the process has this ID in the PID namespace of `/proc` and is in no other namespace:
/// `NSpid` lists one ID for each namespace, down to the process's own.
pub(super) fn has_only_number(ids: &str, pid: Pid) -> bool {
    ids == pid.to_string()
}

/// A file of a process, whole. `/proc` says of each that it is empty, so `fs::read` would ask for
/// it in ever larger pieces.
pub(super) fn read(process: &str, file: &str) -> Option<Vec<u8>> {
    const USUAL_LENGTH: usize = 2048;
    let mut content = Vec::with_capacity(USUAL_LENGTH);
    let opened = File::open(format!("/proc/{process}/{file}")).ok()?;
    // A file by itself is asked for its length first, which is no length here.
    opened.take(u64::MAX).read_to_end(&mut content).ok()?;
    Some(content)
}

pub(super) fn name_of(process: &str) -> Option<OsString> {
    let mut name = read(process, "comm")?;
    name.pop_if(|last| *last == b'\n');
    Some(OsString::from_vec(name))
}

/// The children of a process.
pub fn children_of(parent: Pid) -> Vec<Pid> {
    processes()
        .filter(|pid| parent_of(*pid) == Some(parent))
        .collect()
}

/// All processes that `/proc` shows.
pub(in crate::os) fn processes() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw))
}

/// Whether the process has not ended. One that has, and was not reaped, is in state Z.
pub(super) fn is_alive(pid: Pid) -> bool {
    let stat = read(&pid.to_string(), "stat").unwrap_or_default();
    let state = name_end_in(&stat).and_then(|end| stat.get(end + 2));
    state.is_some_and(|state| !matches!(state, b'Z' | b'X'))
}

pub(in crate::os) fn parent_of(pid: Pid) -> Option<Pid> {
    parent_in(&read(&pid.to_string(), "stat")?)
}

/// The process's name and its parent, by one file.
pub(super) fn name_and_parent_of(pid: Pid) -> Option<(OsString, Pid)> {
    let stat = read(&pid.to_string(), "stat")?;
    let name = stat.get(..name_end_in(&stat)?)?;
    let (_, name) = name.split_at_checked(name.iter().position(|&byte| byte == b'(')? + 1)?;
    Some((OsString::from_vec(name.to_vec()), parent_in(&stat)?))
}

/// The fourth field of `/proc/PID/stat`.
pub(super) fn parent_in(stat: &[u8]) -> Option<Pid> {
    let rest = str::from_utf8(stat.get(name_end_in(stat)? + 1..)?).ok()?;
    let parent = rest.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(Pid::from_raw(parent))
}

/// Where the second field of `/proc/PID/stat` ends: the process's name in parentheses, which may
/// contain any character.
fn name_end_in(stat: &[u8]) -> Option<usize> {
    stat.iter().rposition(|&byte| byte == b')')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_of_another_namespace_is_noticed() {
        let pid = Pid::from_raw(7);
        assert!(has_only_number("7", pid));
        for other in ["7\t7", "8\t7", "8", ""] {
            assert!(!has_only_number(other, pid), "{other}");
        }
    }

    #[test]
    fn a_name_does_not_move_the_parents_field() {
        assert_eq!(parent_in(b"7 (a) S 1 (b)) R 5 6"), Some(Pid::from_raw(5)));
        assert_eq!(parent_in(b"7 (sh"), None);
    }
}
