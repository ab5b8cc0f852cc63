//! What to do about a vault that machines share.

use crate::vault::VaultError;

/// The next step, in words.
pub(super) fn of_shared(error: &VaultError) -> &'static str {
    match error {
        VaultError::Address(_) => {
            "write it as postgres://USER@HOST:PORT/DATABASE, see: docs/fleet.md"
        }
        VaultError::LeaseHeld { .. } => "see who renews what: authsome doctor",
        VaultError::MayNotRenew { .. } => {
            "start a run on a machine whose role may renew it, see: docs/fleet.md"
        }
        VaultError::RoleMayNot { .. } => "grant the role what it needs, see: docs/fleet.md",
        VaultError::Server { .. } => "see the server's log",
        VaultError::ServerNotTrusted { .. } => {
            "name its CA in the address: postgres://...?sslrootcert=CA.pem"
        }
        VaultError::ServerRefuses { .. } => {
            "check user, password and database of the address: AUTHSOME_VAULT, or vault in config.toml"
        }
        VaultError::ServerUnreachable { .. } => {
            "check the address, and the server: pg_isready -h HOST -p PORT; a run starts without it if an earlier one had --offline-ok: authsome run --offline-ok -- COMMAND"
        }
        VaultError::SharedKeyNotGiven(_) => {
            "set AUTHSOME_MASTER_KEY_FILE to a file that all machines have; to make a key: openssl rand -base64 32"
        }
        _ => "try again",
    }
}
