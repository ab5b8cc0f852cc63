//! Converts errors of `SQLite` to errors of the vault.

use std::path::Path;

use nix::errno::Errno;
use nix::unistd::AccessFlags;
use rusqlite::ErrorCode;

use crate::vault::VaultError;

/// `SQLITE_IOERR_SHORT_READ`: the file ends before the page that is read.
const SHORT_READ: i32 = 522;

/// `SQLITE_IOERR_SHMSIZE`: the `-shm` file, which readers and writers share, cannot be made large
/// enough.
const NO_ROOM_TO_SHARE: i32 = 4874;

/// Whether the file is there but cannot be written. The file is not opened to find this out:
/// closing it again would release the locks that `SQLite` has on it in this process (fcntl(2)).
fn is_read_only(path: &Path) -> bool {
    let access = nix::unistd::access(path, AccessFlags::W_OK);
    matches!(access, Err(Errno::EACCES | Errno::EROFS))
}

/// Tells a damaged, full, read-only or busy file from other errors.
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
        // `Unknown` is `SQLITE_ERROR`, and `None` is no error of SQLite at all. The statements here
        // are correct, so both mean that the tables are missing or not ours.
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

/// What is wrong, for somebody who does not know the codes of `SQLite`.
fn in_words(code: ErrorCode, error: &rusqlite::Error) -> String {
    let words = match code {
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
