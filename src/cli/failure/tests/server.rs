//! Errors of a vault that machines share.

use super::*;

#[test]
fn of_a_vault_that_machines_share() {
    let server = || "postgres://db.acme.com/grants".to_owned();
    let errors = [
        (
            "VaultError::Address",
            VaultError::Address("it names no host".to_owned()),
        ),
        (
            "VaultError::LeaseHeld",
            VaultError::LeaseHeld {
                name: "gitlab/work".to_owned(),
                machine: "runner-7".to_owned(),
                waited: Duration::from_secs(105),
            },
        ),
        (
            "VaultError::LeaseLost",
            VaultError::LeaseLost("gitlab/work".to_owned()),
        ),
        (
            "VaultError::MayNotRenew",
            VaultError::MayNotRenew {
                name: "gitlab/work".to_owned(),
                waited: Duration::from_secs(20),
            },
        ),
        (
            "VaultError::RoleMayNot",
            VaultError::RoleMayNot {
                server: server(),
                reason: "permission denied for table record".to_owned(),
            },
        ),
        (
            "VaultError::Server",
            VaultError::Server {
                server: server(),
                reason: "out of shared memory".to_owned(),
            },
        ),
        (
            "VaultError::ServerNotTrusted",
            VaultError::ServerNotTrusted {
                server: server(),
                reason: "invalid peer certificate: UnknownIssuer".to_owned(),
            },
        ),
        (
            "VaultError::ServerRefuses",
            VaultError::ServerRefuses {
                server: server(),
                reason: "password authentication failed for user \"ci\"".to_owned(),
            },
        ),
        (
            "VaultError::ServerUnreachable",
            VaultError::ServerUnreachable {
                server: server(),
                reason: "error connecting to server: Connection refused (os error 111)".to_owned(),
            },
        ),
        (
            "VaultError::SharedKeyNotGiven",
            VaultError::SharedKeyNotGiven(server()),
        ),
    ];
    assert_words!("errors", "vault_server", shown(errors));
}
