//! Converts errors of the driver and of the server to errors of the vault.

use std::error::Error as _;
use std::fmt;
use std::io::{self, ErrorKind};

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::net::tls::rustls_error;
use crate::vault::VaultError;

/// The error of a step against that server.
pub(super) fn classify(server: &str, error: &Error) -> VaultError {
    let server = server.to_owned();
    if let Some(tls) = error.source().and_then(|source| rustls_error(source)) {
        let reason = tls.to_string();
        return VaultError::ServerNotTrusted { server, reason };
    }
    let Some(refusal) = error.as_db_error() else {
        let reason = with_causes(error);
        // The driver has no kind for it.
        if reason.contains("does not support TLS") {
            return VaultError::ServerNotTrusted { server, reason };
        }
        return VaultError::ServerUnreachable { server, reason };
    };
    let reason = refusal.message().to_owned();
    let code = refusal.code();
    match *code {
        SqlState::INSUFFICIENT_PRIVILEGE | SqlState::READ_ONLY_SQL_TRANSACTION => {
            VaultError::RoleMayNot { server, reason }
        }
        // Another transaction was in the way; or it was ours that had to give way.
        SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::T_R_DEADLOCK_DETECTED
        | SqlState::LOCK_NOT_AVAILABLE => VaultError::Locked(server.into()),
        SqlState::INVALID_CATALOG_NAME => VaultError::ServerRefuses { server, reason },
        // Class 57: it shuts down, starts, or was told to end this connection. Class 53: it has
        // no connection or no memory left. Class 08: the connection.
        _ if ["57", "53", "08"]
            .iter()
            .any(|class| code.code().starts_with(class)) =>
        {
            VaultError::ServerUnreachable { server, reason }
        }
        _ if code.code().starts_with("28") => VaultError::ServerRefuses { server, reason },
        _ => VaultError::Server { server, reason },
    }
}

/// Whether a connection was there and broke off, unlike a server that is not there.
pub(super) fn is_broken_off(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(found) = cause {
        if let Some(found) = found.downcast_ref::<io::Error>() {
            return matches!(
                found.kind(),
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof
            );
        }
        cause = found.source();
    }
    error.is_closed()
}

/// A fault of the vault's own words to the server.
pub(super) fn unexpected(server: &str, reason: impl fmt::Display) -> VaultError {
    VaultError::Server {
        server: server.to_owned(),
        reason: reason.to_string(),
    }
}

fn with_causes(error: &Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(found) = cause {
        let text = found.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        cause = found.source();
    }
    words
}
