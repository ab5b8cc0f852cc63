//! From an error of `SQLite` to one of the vault.

use std::path::Path;

use nix::errno::Errno;
use nix::unistd::AccessFlags;
use rusqlite::ErrorCode;

use crate::vault::VaultError;

/// `SQLITE_IOERR_SHORT_READ`: a page is not there.
const SHORT_READ: i32 = 522;

/// `SQLITE_IOERR_SHMSIZE`: the file that readers and writers share cannot be made as large as it
/// has to be.
const NO_ROOM_TO_SHARE: i32 = 4874;

/// Whether the file is there, and cannot be written. It is not opened for that: to close it again
/// would drop the locks that `SQLite` has on it in this process (fcntl(2)).
fn is_read_only(path: &Path) -> bool {
    let access = nix::unistd::access(path, AccessFlags::W_OK);
    matches!(access, Err(Errno::EACCES | Errno::EROFS))
}

/// Tells a damaged file and a busy one from the rest.
pub(super) fn classify(path: &Path) -> impl Fn(rusqlite::Error) -> VaultError + use<'_> {
    move |error| match error.sqlite_error_code() {
        Some(_)
            if error
                .sqlite_error()
                .is_some_and(|code| code.extended_code == SHORT_READ) =>
        {
            VaultError::Corrupt {
                path: path.to_owned(),
                reason: "it is cut short".to_owned(),
            }
        }
        Some(ErrorCode::DiskFull) => VaultError::NoRoom(path.to_owned()),
        Some(_)
            if error
                .sqlite_error()
                .is_some_and(|code| code.extended_code == NO_ROOM_TO_SHARE) =>
        {
            VaultError::NoRoom(path.to_owned())
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            VaultError::ReadOnly(path.to_owned())
        }
        Some(ErrorCode::CannotOpen) if is_read_only(path) => VaultError::ReadOnly(path.to_owned()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            VaultError::Locked(path.to_owned())
        }
        // The last two: the only way our own statements can be wrong is that the tables are not
        // there.
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown) | None => {
            VaultError::Corrupt {
                path: path.to_owned(),
                reason: error.to_string(),
            }
        }
        Some(code) => VaultError::Sqlite {
            path: path.to_owned(),
            reason: in_words(code, &error),
        },
    }
}

/// What is wrong, for somebody who does not know `SQLite`'s codes.
fn in_words(code: ErrorCode, error: &rusqlite::Error) -> String {
    let words = match code {
        ErrorCode::DiskFull => "the disk is full",
        ErrorCode::ReadOnly => "it, or the file system that it is on, is read-only",
        ErrorCode::PermissionDenied => "its permissions do not allow it",
        ErrorCode::CannotOpen => {
            "it, or its log beside it, cannot be opened (a read-only directory, or no descriptor left)"
        }
        ErrorCode::SystemIoFailure => "the disk did not take or give the data",
        ErrorCode::OutOfMemory => "there is no memory",
        ErrorCode::TooBig => "the record is too large",
        _ => return error.to_string(),
    };
    format!("{words} ({error})")
}
