//! What the proxy needs of the members of a session, and what renews their tokens.

use std::sync::Arc;

use super::member::Member;
use super::notice::Notice;
use super::user_data::UserData;
use crate::connection::{Credentials, Elsewhere, Stored};
use crate::hand_back::HandBack;
use crate::oauth::HttpClients;
use crate::proxy::{Managed, RouteTable};

/// Splits each member into what the proxy needs and what renews its tokens. There may be thousands
/// of connections, so large values are moved, not copied. Reports which of them match the same
/// requests.
pub(super) fn routes(members: Vec<Member>, notify: &dyn Fn(Notice)) -> (RouteTable, Vec<Stored>) {
    let (managed, stored): (Vec<_>, Vec<_>) = members.into_iter().map(managed).unzip();
    let routes = RouteTable::new(managed);
    let ties = routes.ties().into_iter();
    ties.for_each(|tie| notify(Notice::Tie(tie)));
    (routes, stored)
}

/// The same for one of them.
pub(super) fn managed(mut member: Member) -> (Managed, Stored) {
    let managed = Managed {
        id: member.stored.connection.id.clone(),
        service: member.service,
        ca_pem: member.stored.connection.ca_pem.take(),
        client_certificate: member.stored.connection.client_certificate.take(),
        preference: member.preference,
    };
    (managed, member.stored)
}

/// The source from which the proxy takes credentials, and which renews them.
pub(super) fn credentials(
    stored: Vec<Stored>,
    data: &UserData,
    clients: HttpClients,
    hand_back: Option<&Arc<HandBack>>,
) -> Arc<Credentials> {
    let (store, audit) = (data.store.clone(), Arc::clone(&data.audit));
    let elsewhere = hand_back.map(|hand_back| Arc::clone(hand_back) as Arc<dyn Elsewhere>);
    Credentials::new(stored, store, audit, clients, elsewhere)
}
