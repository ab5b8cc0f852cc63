//! What the proxy needs of the members of a session, and what renews their tokens.

use std::sync::Arc;

use super::member::Member;
use super::user_data::UserData;
use crate::connection::{Credentials, Stored};
use crate::oauth::HttpClients;
use crate::proxy::{Managed, RouteTable};

/// Splits each member into what the proxy needs and what renews its tokens. There may be thousands
/// of connections, so large values are moved, not copied.
pub(super) fn routes(members: Vec<Member>) -> (RouteTable, Vec<Stored>) {
    let managed = members.into_iter().map(|mut member| {
        let managed = Managed {
            id: member.stored.connection.id.clone(),
            service: member.service,
            ca_pem: member.stored.connection.ca_pem.take(),
            client_certificate: member.stored.connection.client_certificate.take(),
            preference: member.preference,
        };
        (managed, member.stored)
    });
    let (managed, stored): (Vec<_>, Vec<_>) = managed.unzip();
    (RouteTable::new(managed), stored)
}

/// The source from which the proxy takes credentials, and which renews them.
pub(super) fn credentials(
    stored: Vec<Stored>,
    data: &UserData,
    clients: HttpClients,
) -> Arc<Credentials> {
    Credentials::new(stored, data.store.clone(), Arc::clone(&data.audit), clients)
}
