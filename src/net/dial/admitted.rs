//! Which addresses may be dialled.

use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;

use super::ConnectError;
use crate::net::address_kind::AddressRule;

/// The addresses that the rule does not refuse. These are then dialled, and the name is not
/// resolved again: a second answer could be another one ("DNS rebinding").
pub(super) fn admitted(
    mut found: Vec<SocketAddr>,
    rule: AddressRule,
) -> Result<Vec<SocketAddr>, ConnectError> {
    let mut refused = None;
    found.retain(|found| match rule.refuses(found.ip()) {
        None => true,
        Some(kind) => {
            let address = found.ip();
            refused = Some(ConnectError::Refused { address, kind });
            false
        }
    });
    match refused {
        Some(refusal) if found.is_empty() => Err(refusal),
        _ => Ok(found),
    }
}

/// Refuses a connection by its two ends: what an address is may be known only once it is dialled.
pub(super) fn admitted_between(
    stream: &TcpStream,
    address: IpAddr,
    rule: AddressRule,
) -> Result<(), ConnectError> {
    let Ok(local) = stream.local_addr() else {
        return Ok(());
    };
    match rule.refuses_between(local.ip(), address) {
        Some(kind) => Err(ConnectError::Refused { address, kind }),
        None => Ok(()),
    }
}
