//! A copy of a vault that machines share, for a start while its server is away. It is as sealed as
//! the server has it, is only read, and renews nothing: who renews must know that nobody else does.
//!
//! The file is a mark, then for each record its kind, its name, its generation and its sealed
//! value, each text and value after its length.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::store::{Reseal, SealedChange, SealedRecord, SealedStore, Wait};
use super::{RecordKey, RecordLock, VaultError};
use crate::os::home::{Home, io_error};

/// How such a file begins.
const MAGIC: &[u8] = b"authsome copy 1\n";

/// A record as the server has it.
pub(super) struct Copied {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) generation: u64,
    pub(super) sealed: Vec<u8>,
}

/// The records of a copy.
pub(super) struct CopyStore {
    records: Vec<Copied>,
    /// The vault that it is a copy of, for messages.
    place: PathBuf,
}

/// Writes a copy of those records.
pub(super) fn write(home: &Home, file: &str, records: &[Copied]) -> Result<(), VaultError> {
    let mut bytes = MAGIC.to_vec();
    for record in records {
        for field in [record.kind.as_bytes(), record.name.as_bytes()] {
            put(&mut bytes, field);
        }
        bytes.extend_from_slice(&record.generation.to_be_bytes());
        put(&mut bytes, &record.sealed);
    }
    Ok(home.write_private(file, &bytes)?)
}

fn put(bytes: &mut Vec<u8>, field: &[u8]) {
    bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
    bytes.extend_from_slice(field);
}

impl CopyStore {
    /// Reads the copy; `None` if there is none.
    pub(super) fn open(home: &Home, file: &str, place: &str) -> Result<Option<Self>, VaultError> {
        let path = home.path(file);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(io_error("read", &path))?,
        };
        let Some(records) = parse(&bytes) else {
            let reason = "it is cut short, or no copy of a vault".to_owned();
            return Err(VaultError::Corrupt { path, reason });
        };
        let place = PathBuf::from(place);
        Ok(Some(Self { records, place }))
    }

    fn away<T>(&self) -> Result<T, VaultError> {
        Err(VaultError::ServerUnreachable {
            server: self.place.display().to_string(),
            reason: "this was started from the machine's own copy, which renews nothing".to_owned(),
        })
    }
}

fn parse(bytes: &[u8]) -> Option<Vec<Copied>> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let mut records = Vec::new();
    while !rest.is_empty() {
        let kind = String::from_utf8(field(&mut rest)?.to_vec()).ok()?;
        let name = String::from_utf8(field(&mut rest)?.to_vec()).ok()?;
        let (generation, after) = rest.split_first_chunk::<8>()?;
        rest = after;
        records.push(Copied {
            kind,
            name,
            generation: u64::from_be_bytes(*generation),
            sealed: field(&mut rest)?.to_vec(),
        });
    }
    Some(records)
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
    let (field, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(field)
}

impl SealedStore for CopyStore {
    fn path(&self) -> &Path {
        &self.place
    }

    fn get(&self, key: &RecordKey) -> Result<Option<SealedRecord>, VaultError> {
        let is_it = |record: &&Copied| record.kind == key.kind && record.name == key.name;
        let found = self.records.iter().find(is_it);
        Ok(found.map(|record| SealedRecord {
            generation: record.generation,
            sealed: record.sealed.clone(),
        }))
    }

    fn generation(&self, key: &RecordKey) -> Result<Option<u64>, VaultError> {
        Ok(self.get(key)?.map(|record| record.generation))
    }

    fn each(&self, kind: &str, visit: &mut dyn FnMut(&str, u64, &[u8])) -> Result<(), VaultError> {
        for record in self.records.iter().filter(|record| record.kind == kind) {
            visit(&record.name, record.generation, &record.sealed);
        }
        Ok(())
    }

    fn names_from(&self, kind: &str, prefix: &str) -> Result<Vec<String>, VaultError> {
        let of_kind = self.records.iter().filter(|record| record.kind == kind);
        let names = of_kind.map(|record| record.name.clone());
        Ok(names.filter(|name| name.starts_with(prefix)).collect())
    }

    fn apply(&self, _: &[SealedChange<'_>], _: Wait) -> Result<Vec<u64>, VaultError> {
        self.away()
    }

    fn check_writable(&self) -> Result<(), VaultError> {
        self.away()
    }

    fn check_version(&self) -> Result<(), VaultError> {
        Ok(())
    }

    fn lock(&self, _: &RecordKey, _: Duration) -> Result<RecordLock, VaultError> {
        self.away()
    }

    fn lockable(&self) -> Result<Vec<RecordKey>, VaultError> {
        Ok(Vec::new())
    }

    fn seal_anew(&self, _: &mut Reseal<'_>) -> Result<(), VaultError> {
        self.away()
    }

    fn may_forget(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_read_as_it_was_written_and_a_part_of_one_is_none() {
        let (_directory, home) = Home::temporary();
        let record = |name: &str| Copied {
            kind: "thing".to_owned(),
            name: name.to_owned(),
            generation: 7,
            sealed: vec![1, 2, 3],
        };
        assert!(CopyStore::open(&home, "copy", "here").unwrap().is_none());
        write(&home, "copy", &[record("a/b"), record("a/c")]).unwrap();
        let copy = CopyStore::open(&home, "copy", "here").unwrap().unwrap();
        assert_eq!(copy.names_from("thing", "a/").unwrap(), ["a/b", "a/c"]);
        let found = copy.get(&RecordKey::new("thing", "a/c")).unwrap().unwrap();
        assert_eq!((found.generation, found.sealed), (7, vec![1, 2, 3]));
        let bytes = fs::read(home.path("copy")).unwrap();
        let whole = usize::midpoint(MAGIC.len(), bytes.len());
        for length in 0..bytes.len() {
            let is_whole = parse(&bytes[..length]).is_some();
            assert_eq!(
                is_whole,
                length == MAGIC.len() || length == whole,
                "{length}"
            );
        }
    }
}
