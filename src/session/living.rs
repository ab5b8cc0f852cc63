//! Which runs of this home directory are alive. Each run holds a lock on its file
//! `sessions/ID.lock` until it ends.
//!
//! A lock is more reliable than a file with a process id: the kernel releases it however the
//! process ends, whereas a process id may be reused by another process. What the run tells about
//! itself is in `sessions/ID.json` (`facts.rs`), and `sessions/ID.sock` is where it can be asked
//! (`control.rs`); neither is there without the lock file.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::facts::Facts;
use crate::os::home::{Home, HomeError, create_private_directory, create_private_file, io_error};

/// The directory of the lock files, in the home directory.
const DIRECTORY: &str = "sessions";

/// The suffix of the lock files' names.
const ENDING: &str = ".lock";

/// What the name of a run's socket has in place of `lock`.
const SOCKET: &str = "sock";

/// The content of the lock file if the run allows its commands to print and change secrets.
const ALLOWS_EXPORT: &str = "allow-export\n";

/// The longest accepted session id, in bytes. Ids that authsome makes are shorter.
const MAX_ID: usize = 64;

/// A run that is alive. Dropping it removes its lock file.
#[derive(Debug)]
pub(super) struct LivingSession {
    path: PathBuf,
    _file: File,
}

impl LivingSession {
    /// Registers a run, and removes the files of runs that were killed.
    pub(super) fn enter(home: &Home, id: &str, facts: &Facts) -> Result<Self, HomeError> {
        let directory = home.path(DIRECTORY);
        create_private_directory(&directory)?;
        sweep(&directory);
        let path = lock_file(home, id);
        let mut file = create_private_file(&path)?;
        file.lock().map_err(io_error("lock", &path))?;
        if facts.allows_export {
            file.write_all(ALLOWS_EXPORT.as_bytes())
                .map_err(io_error("write", &path))?;
        }
        let _ = facts.write(&facts_file(&path)); // without them, `status` inside the run tells less
        Ok(Self { path, _file: file })
    }
}

impl Drop for LivingSession {
    fn drop(&mut self) {
        let _ = fs::remove_file(facts_file(&self.path));
        let _ = fs::remove_file(self.path.with_extension(SOCKET));
        let _ = fs::remove_file(&self.path); // if this fails, the next run removes it
    }
}

/// What the run with that ID tells about itself from now on, if it is registered.
pub(super) fn tell_again(home: &Home, id: &str, facts: &Facts) {
    let lock = lock_file(home, id);
    if lock.exists() {
        // Without it, `status` inside the run tells what was known at the start.
        let _ = facts.replace(&facts_file(&lock));
    }
}

/// What the run with that ID tells about itself, if it is alive. The ID is untrusted and may be any
/// text.
pub fn facts_of(home: &Home, id: &str) -> Option<Facts> {
    allows_export(home, id)?;
    Facts::read(&facts_file(&lock_file(home, id)))
}

/// What a run of that ID has in the home directory, and its command may read: not the socket.
pub(super) fn files_of(home: &Home, id: &str) -> [PathBuf; 2] {
    let lock = lock_file(home, id);
    [facts_file(&lock), lock]
}

/// Where the socket of the run with that ID is.
pub(super) fn socket_file(home: &Home, id: &str) -> PathBuf {
    lock_file(home, id).with_extension(SOCKET)
}

/// Where the lock file of the run with that ID is.
fn lock_file(home: &Home, id: &str) -> PathBuf {
    home.path(DIRECTORY).join(format!("{id}{ENDING}"))
}

/// Whether the commands of the run with that id may print and change secrets. `None` if no such run
/// is alive. The id is untrusted and may be any text.
pub fn allows_export(home: &Home, id: &str) -> Option<bool> {
    let of_an_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if id.is_empty() || id.len() > MAX_ID || !id.bytes().all(of_an_id) {
        return None;
    }
    let file = File::open(lock_file(home, id)).ok()?;
    // A shared lock: with exclusive ones, two processes that check at the same time would each take
    // the other's lock for that of the run.
    if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let mut text = String::new();
    let length = ALLOWS_EXPORT.len() as u64;
    let read = (&file).take(length).read_to_string(&mut text);
    Some(read.is_ok() && text == ALLOWS_EXPORT)
}

/// What the run with that lock file tells about itself is in this file.
fn facts_file(lock_file: &Path) -> PathBuf {
    lock_file.with_extension("json")
}

/// The ids of the runs that are alive, sorted.
pub fn living(home: &Home) -> Vec<String> {
    let entries = fs::read_dir(home.path(DIRECTORY)).into_iter().flatten();
    let ids = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_suffix(ENDING).map(str::to_owned)
    });
    let mut ids: Vec<_> = ids.filter(|id| allows_export(home, id).is_some()).collect();
    ids.sort();
    ids
}

fn sweep(directory: &Path) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in entries {
        let path = entry.path();
        let is_ours = entry.file_name().to_string_lossy().ends_with(ENDING)
            && entry.file_type().is_ok_and(|kind| kind.is_file());
        let Some(file) = is_ours.then(|| File::open(&path).ok()).flatten() else {
            continue;
        };
        // This may remove a file that its run has created but not locked yet. That run is then not
        // found by its id, but its processes are still recognized by their ancestry.
        if file.try_lock().is_ok() {
            let _ = fs::remove_file(facts_file(&path));
            let _ = fs::remove_file(path.with_extension(SOCKET));
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Options;
    use crate::session::policy::Permitted;

    fn facts(allows_export: bool) -> Facts {
        let options = Options {
            allows_export,
            ..Options::default()
        };
        Facts::of(&[], &options, &Permitted::default())
    }

    #[test]
    fn a_run_is_known_while_it_lives() {
        let (_directory, home) = Home::temporary();
        assert_eq!(allows_export(&home, "one"), None);
        let one = LivingSession::enter(&home, "one", &facts(false)).unwrap();
        let two = LivingSession::enter(&home, "two", &facts(true)).unwrap();
        assert_eq!(allows_export(&home, "one"), Some(false));
        assert_eq!(allows_export(&home, "two"), Some(true));
        assert_eq!(living(&home), ["one", "two"]);
        let told = facts_of(&home, "one");
        assert_eq!(told.map(|facts| facts.pid), Some(std::process::id()));
        drop(one);
        assert!(!home.path("sessions/one.json").exists());
        assert_eq!(living(&home), ["two"]);
        assert_eq!(allows_export(&home, "one"), None);
        for id in [
            "",
            "..",
            "../sessions/two",
            "two.lock",
            "two\0",
            &"x".repeat(65),
        ] {
            assert_eq!(allows_export(&home, id), None, "{id}");
        }
        drop(two);
    }

    #[test]
    fn what_a_killed_run_left_is_no_run_and_is_swept() {
        let (_directory, home) = Home::temporary();
        let living = LivingSession::enter(&home, "living", &facts(false)).unwrap();
        let dead = home.path(DIRECTORY).join("dead.lock");
        create_private_file(&dead).unwrap();
        facts(false).write(&facts_file(&dead)).unwrap();
        let socket = dead.with_extension("sock");
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        assert_eq!(facts_of(&home, "dead"), None);
        assert_eq!(allows_export(&home, "dead"), None);
        let _next = LivingSession::enter(&home, "next", &facts(false)).unwrap();
        assert!(!dead.exists() && !facts_file(&dead).exists() && !socket.exists());
        assert_eq!(allows_export(&home, "living"), Some(false));
        drop(living);
    }
}
