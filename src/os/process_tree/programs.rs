//! Which program has a socket open, and which programs have started it. Only to be shown to a
//! person: a process may end, or hand its socket on, while this is read.

use std::fs;

use nix::unistd::Pid;

use super::proc::{name_of, parent_of, processes};
use super::{Process, SearchLimits};

/// How many programs are named, and how much of the arguments of each, in characters.
const MAX_PROGRAMS: usize = 16;
const MAX_ARGUMENTS: usize = 120;

/// The program that has the socket with that inode open, its parent, its parent's and so on, down
/// to this process, which is left out. Each is its process ID, name and arguments. Empty where the
/// kernel does not tell. This takes milliseconds, and blocks.
pub fn programs_of(inode: u32, mut limits: SearchLimits) -> Vec<String> {
    let target = format!("socket:[{inode}]");
    let own = Pid::this();
    let mut others = processes().filter(|pid| *pid != own);
    let holder = others.find(|pid| {
        let process = Process::open(*pid);
        process.is_some_and(|process| process.has_open(&target, &mut limits).unwrap_or(false))
    });
    let mut programs = Vec::new();
    let mut next = holder;
    while let Some(pid) = next.filter(|pid| *pid != own && pid.as_raw() > 1) {
        if programs.len() == MAX_PROGRAMS {
            break;
        }
        programs.push(shown(pid));
        next = parent_of(pid);
    }
    programs
}

fn shown(pid: Pid) -> String {
    let name = name_of(&pid.to_string()).unwrap_or_default();
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&arguments).replace('\0', " ");
    let words: String = words.trim_end().chars().take(MAX_ARGUMENTS).collect();
    format!("{pid} {}: {words}", name.to_string_lossy())
}
