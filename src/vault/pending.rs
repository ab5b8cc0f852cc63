//! Values on their way into the vault: sealed, in files beside it whose room is had beforehand.
//!
//! A refresh spends a token before its successor is known, and the successor must then be written
//! whatever has become of the disk and of the vault's lock. So a [`FileReserve`] is made first: a
//! file of the size that will be needed, written and synchronised. To fill it takes no further
//! block, file descriptor or lock. What it holds counts as the record's state, for every process,
//! for as long as the vault still has the state that it replaces.
//!
//! A record has two files in turn, so that a reserve never overwrites a value that is still
//! waiting.
//!
//! ```text
//! none ── reserve ──→ room (no mark) ── fill ──→ a value ── the vault has it: forget ──→ none
//!                       │                           │
//!                       ├─ dropped ──→ none         └─ the vault has another state: it counts
//!                       └─ a kill: it stays,           for nothing, until it is forgotten
//!                          and is read as no value
//! ```
//!
//! A fill that a kill or an error cuts short leaves bytes that do not open. They count for no
//! value, and the state before is untouched in the other file. It can be repeated: each fill writes
//! from the start of the file, whose length and blocks stay as they are.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::seal::{Identity, Seal};
use super::{Pending, RecordKey, Reserve, VaultError};
use crate::os::home::{
    Home, create_private_directory, create_private_file, io_error, remove_if_present,
};
use crate::secret::Secret;

/// The directory beside the vault, and the ends of a record's two files.
const DIRECTORY: &str = "pending";
const ENDS: [&str; 2] = [".a", ".b"];

/// How a file begins that holds a value; an unused reserve begins with zeros.
const MAGIC: [u8; 8] = *b"authpend";

/// The mark, the replaced generation, the step, the length of the sealed value.
const HEAD: usize = MAGIC.len() + 8 + 4 + 4;

/// By how much a value may outgrow the one it replaces: tokens that are JWTs come in all sizes.
const SPARE: usize = 16 * 1024;

/// The largest file that is read: a record with a token response of the largest size, a CA bundle
/// and a client certificate, each of which may have 1 MiB, and JSON's marks in them.
const MAX_LENGTH: u64 = 8 * 1024 * 1024;

/// Where such values wait.
pub(super) struct PendingFiles {
    directory: PathBuf,
    seal: Arc<Seal>,
}

/// Room for a value that will come. Dropped before it is filled, it gives the room back.
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
    /// The files of that home.
    pub(super) fn new(home: &Home, seal: Arc<Seal>) -> Self {
        Self {
            directory: home.path(DIRECTORY),
            seal,
        }
    }

    /// The newest value of that record which has not come into the vault.
    pub(super) fn newest(&self, key: &RecordKey) -> Result<Option<Pending>, VaultError> {
        let [one, other] = self.both(key)?;
        Ok(one
            .into_iter()
            .chain(other)
            // A later base is a later state of the vault; of one base, the higher step replaces the
            // lower.
            .max_by_key(|pending| (pending.base, pending.step)))
    }

    /// The names of the records that have such a file, be it an unused reserve that a process left
    /// behind.
    pub(super) fn names(&self) -> Result<BTreeSet<String>, VaultError> {
        let directory = &self.directory;
        let entries = match fs::read_dir(directory) {
            // It is made by the first refresh.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            other => other.map_err(io_error("read", directory))?,
        };
        let mut names = BTreeSet::new();
        for entry in entries {
            let entry = entry.map_err(io_error("read", directory))?.file_name();
            let stem = entry
                .to_str()
                .and_then(|name| ENDS.iter().find_map(|end| name.strip_suffix(end)));
            // A file that is not named as ours says nothing about a record.
            names.extend(stem.map(|stem| stem.replace('@', "/")));
        }
        Ok(names)
    }

    /// Gets room for a value of that size, durably, that will replace the state `base` as its
    /// successor number `step`. The caller is the only one who does so for this record.
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
        // An unused reserve of a process that was killed, or a value that a newer one has replaced.
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
        // Random, since some filesystems give zeros no room. The place of the mark stays zero, so
        // that the file is read as no value until it is filled.
        let mut filler = vec![0; HEAD + size + SPARE];
        getrandom::fill(&mut filler[MAGIC.len()..])?;
        let mut file = &reserve.file;
        file.write_all(&filler)
            // A network filesystem may say only here that the disk is full.
            .and_then(|()| file.sync_all())
            .map_err(io_error("write", &reserve.path))?;
        // The name of the new file is in the directory, which has to be durable as well.
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(io_error("synchronise", directory))?;
        Ok(reserve)
    }

    /// Forgets what waits for that record: it has come into the vault, or a newer state has.
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

    /// The file that does not hold the newest value.
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
        // A file that cannot be read is an error: to take it for none would spend a dead token.
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

    /// A name of ours has no `@`, and no `/` beside the one between provider and connection.
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

/// Under which names a pending value is sealed; no record of the vault has them.
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

/// Takes a file apart; `None` for an unused reserve, or half a value.
fn parse(bytes: &[u8]) -> Option<(u64, u32, &[u8])> {
    // The mark is written with the value, in one call; whether all of it arrived, the seal tells.
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
    use crate::vault::MasterKey;

    fn files() -> (tempfile::TempDir, PendingFiles, RecordKey) {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::open(Some(directory.path().join("home").into()), None).unwrap();
        let seal = Seal::new(&MasterKey::from_bytes([7; 32]));
        let files = PendingFiles::new(&home, Arc::new(seal));
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
        // Under another name, for another step, or cut, it does not open.
        let other = RecordKey::new("thing", "a/c");
        fs::rename(&path, files.path(&other, ENDS[0])).unwrap();
        assert_eq!(value(&files, &other), None);
        for length in 0..HEAD + 30 {
            assert!(parse(&bytes[..length]).is_none(), "{length}");
        }
    }
}
