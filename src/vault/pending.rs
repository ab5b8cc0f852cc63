//! Values that wait to be written into the vault: sealed, in files beside it whose disk space is
//! reserved beforehand.
//!
//! A refresh spends a refresh token before the next one is known. The next one must then be
//! written, whatever the state of the disk and of the vault's lock. So a [`FileReserve`] is made
//! first: a file of the size that will be needed, written and synchronised. Filling it needs no
//! lock, no further file descriptor, and, on a file system that overwrites in place, no further
//! disk block. For every process, its content is the record's state, as long as the vault still has
//! the generation that it replaces.
//!
//! A record has two files, which are used in turn, so that a reserve never overwrites a value that
//! still waits.
//!
//! ```text
//! none  ─ reserve ─→ room (no mark)
//! room  ─ fill ─→ value
//!       ─ dropped ─→ none
//!       ─ the process is killed ─→ it stays, and is ignored
//! value ─ the vault has it: forget ─→ none
//!       ─ the vault has another generation ─→ it is ignored until it is forgotten
//! ```
//!
//! If a fill is interrupted by a kill or an error, the bytes in the file do not open and are
//! ignored. The earlier value is intact in the other file. A fill can be repeated: each one writes
//! from the start of the file, whose length and blocks stay the same.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::seal::{Identity, Seal};
use super::{Pending, RecordKey, Reserve, VaultError};
use crate::os::home::{create_private_directory, create_private_file, io_error, remove_if_present};
use crate::secret::Secret;

/// The endings of a record's two files.
const ENDS: [&str; 2] = [".a", ".b"];

/// The mark at the start of a file that holds a value; an unused reserve has zeros there.
const MAGIC: [u8; 8] = *b"authpend";

/// The mark, the replaced generation, the step, and the length of the sealed value.
const HEAD: usize = MAGIC.len() + 8 + 4 + 4;

/// How much longer a value may be than the one it replaces: tokens that are JWTs vary in size.
const SPARE: usize = 16 * 1024;

/// A file that is read must be shorter than this. It may have a record with a token response, a CA
/// bundle and a client certificate, each of up to 1 MiB, and the escapes of JSON in them.
const MAX_LENGTH: u64 = 8 * 1024 * 1024;

/// The files in which such values wait.
pub(super) struct PendingFiles {
    directory: PathBuf,
    seal: Arc<Seal>,
}

/// Room for a value. If it is dropped before it is filled, the file is removed.
pub(super) struct FileReserve {
    seal: Arc<Seal>,
    file: File,
    path: PathBuf,
    key: RecordKey,
    base: u64,
    step: u32,
    is_filled: bool,
}

impl PendingFiles {
    /// The files in that directory.
    pub(super) fn new(directory: PathBuf, seal: Arc<Seal>) -> Self {
        Self { directory, seal }
    }

    /// The newest value of that record that waits beside the vault.
    pub(super) fn newest(&self, key: &RecordKey) -> Result<Option<Pending>, VaultError> {
        let [one, other] = self.both(key)?;
        Ok(one
            .into_iter()
            .chain(other)
            // A later base is a later state of the vault. Of two values with the same base, the one
            // with the higher step is newer.
            .max_by_key(|pending| (pending.base, pending.step)))
    }

    /// The names of the records that have such a file, even if it is a reserve that a process left
    /// behind unused.
    pub(super) fn names(&self) -> Result<BTreeSet<String>, VaultError> {
        let directory = &self.directory;
        let entries = match fs::read_dir(directory) {
            // The first refresh creates it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            other => other.map_err(io_error("read", directory))?,
        };
        let mut names = BTreeSet::new();
        for entry in entries {
            let entry = entry.map_err(io_error("read", directory))?.file_name();
            let stem = entry
                .to_str()
                .and_then(|name| ENDS.iter().find_map(|end| name.strip_suffix(end)));
            // A file with another ending belongs to no record.
            names.extend(stem.map(|stem| stem.replace('@', "/")));
        }
        Ok(names)
    }

    /// Reserves durable room for a value of that size, which will replace the generation `base` as
    /// its successor number `step`. Nobody else may do this for the record at the same time.
    pub(super) fn reserve(
        &self,
        key: &RecordKey,
        base: u64,
        step: u32,
        size: usize,
    ) -> Result<FileReserve, VaultError> {
        let directory = &self.directory;
        create_private_directory(directory)?;
        let path = self.path(key, self.free_end(key)?);
        // It may be an unused reserve of a process that was killed, or a value that a newer one has
        // replaced.
        remove_if_present(&path)?;
        let reserve = FileReserve {
            seal: Arc::clone(&self.seal),
            file: create_private_file(&path)?,
            path,
            key: key.clone(),
            base,
            step,
            is_filled: false,
        };
        // Random bytes, since some file systems allocate no blocks for zeros. The mark stays zero,
        // so that the file is ignored until it is filled.
        let mut filler = vec![0; HEAD + size + SPARE];
        getrandom::fill(&mut filler[MAGIC.len()..])?;
        let mut file = &reserve.file;
        file.write_all(&filler)
            // A network file system may report a full disk only here.
            .and_then(|()| file.sync_all())
            .map_err(io_error("write", &reserve.path))?;
        // The directory holds the name of the new file, so it must be durable as well.
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(io_error("synchronise", directory))?;
        Ok(reserve)
    }

    /// Removes what waits for that record: it has been written into the vault, or it is outdated.
    pub(super) fn forget(&self, key: &RecordKey) -> Result<(), VaultError> {
        for end in ENDS {
            remove_if_present(&self.path(key, end))?;
        }
        Ok(())
    }

    fn both(&self, key: &RecordKey) -> Result<[Option<Pending>; 2], VaultError> {
        let [one, other] = ENDS.map(|end| self.read(key, &self.path(key, end)));
        Ok([one?, other?])
    }

    /// The ending of the file that does not hold the newest value.
    fn free_end(&self, key: &RecordKey) -> Result<&'static str, VaultError> {
        let [one, other] = self.both(key)?;
        let age = |pending: &Pending| (pending.base, pending.step);
        let is_first_newest = one.as_ref().map(age) > other.as_ref().map(age);
        Ok(ENDS[usize::from(is_first_newest)])
    }

    fn read(&self, key: &RecordKey, path: &Path) -> Result<Option<Pending>, VaultError> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(io_error("open", path))?,
        };
        // A file that cannot be read is an error: if it were ignored, a spent refresh token would
        // be used.
        let mut bytes = Vec::new();
        file.take(MAX_LENGTH)
            .read_to_end(&mut bytes)
            .map_err(io_error("read", path))?;
        if bytes.len() as u64 == MAX_LENGTH {
            return Err(io_error("read", path)(io::ErrorKind::FileTooLarge.into()).into());
        }
        Ok(parse(&bytes).and_then(|(base, step, sealed)| {
            let names = Names::of(key, step);
            let value = self.seal.open(&names.identity(base), sealed).ok()?;
            Some(Pending { base, step, value })
        }))
    }

    /// The name of a record here has no `@`, and only one `/`, between provider and connection.
    fn path(&self, key: &RecordKey, end: &str) -> PathBuf {
        let name = key.name.replace('/', "@");
        self.directory.join(format!("{name}{end}"))
    }
}

impl Reserve for FileReserve {
    fn fill(&mut self, value: &Secret<Vec<u8>>) -> Result<(), VaultError> {
        let names = Names::of(&self.key, self.step);
        let sealed = self.seal.seal(&names.identity(self.base), value)?;
        let length = u32::try_from(sealed.len())
            .map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))
            .map_err(io_error("write", &self.path))?;
        let mut bytes = Vec::with_capacity(HEAD + sealed.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.base.to_be_bytes());
        bytes.extend_from_slice(&self.step.to_be_bytes());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&sealed);
        // Set before the write: even if that fails, the file may hold the value, and is kept.
        self.is_filled = true;
        let file = &self.file;
        file.write_all_at(&bytes, 0)
            .and_then(|()| file.sync_data())
            .map_err(io_error("write", &self.path))?;
        Ok(())
    }
}

impl Drop for FileReserve {
    fn drop(&mut self) {
        if !self.is_filled {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The kind and the name that a pending value is sealed with. No record of the vault has them, so a
/// pending value cannot be passed off as a record, nor a record as a pending value.
struct Names {
    kind: String,
    name: String,
}

impl Names {
    fn of(key: &RecordKey, step: u32) -> Self {
        Self {
            kind: format!("pending {}", key.kind),
            name: format!("{step} {}", key.name),
        }
    }

    fn identity(&self, base: u64) -> Identity<'_> {
        Identity {
            kind: &self.kind,
            name: &self.name,
            generation: base,
        }
    }
}

/// Splits a file into base, step and sealed value; `None` for an unused reserve or a part of a
/// value.
fn parse(bytes: &[u8]) -> Option<(u64, u32, &[u8])> {
    // The mark is written in the same call as the value. Whether all of it arrived is checked when
    // it is opened.
    let rest = bytes.strip_prefix(&MAGIC)?;
    let (base, rest) = rest.split_first_chunk::<8>()?;
    let (step, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let sealed = rest.get(..u32::from_be_bytes(*length) as usize)?;
    Some((u64::from_be_bytes(*base), u32::from_be_bytes(*step), sealed))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::os::home::Home;
    use crate::vault::MasterKey;

    fn files() -> (tempfile::TempDir, PendingFiles, RecordKey) {
        let (directory, home) = Home::temporary();
        let seal = Seal::new(&MasterKey::from_bytes([7; 32]));
        let files = PendingFiles::new(home.path("pending"), Arc::new(seal));
        (directory, files, RecordKey::new("thing", "a/b"))
    }

    fn value(files: &PendingFiles, key: &RecordKey) -> Option<(u64, u32, Vec<u8>)> {
        let pending = files.newest(key).unwrap()?;
        Some((pending.base, pending.step, pending.value.expose().clone()))
    }

    #[test]
    fn a_filled_one_stays_private_sealed_and_of_its_size() {
        let (_directory, files, key) = files();
        let mut reserve = files.reserve(&key, 7, 1, 100).unwrap();
        let path = reserve.path.clone();
        let before = fs::metadata(&path).unwrap();
        reserve.fill(&Secret::new(b"TOKEN".to_vec())).unwrap();
        drop(reserve);
        let after = fs::metadata(&path).unwrap();
        assert_eq!(
            (before.len(), before.blocks()),
            (after.len(), after.blocks())
        );
        assert_eq!(after.mode() & 0o777, 0o600);
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(5).any(|window| window == b"TOKEN"));
        assert_eq!(value(&files, &key), Some((7, 1, b"TOKEN".to_vec())));
        // It does not open under another name, and does not parse if it is cut short.
        let other = RecordKey::new("thing", "a/c");
        fs::rename(&path, files.path(&other, ENDS[0])).unwrap();
        assert_eq!(value(&files, &other), None);
        for length in 0..HEAD + 30 {
            assert!(parse(&bytes[..length]).is_none(), "{length}");
        }
    }
}
