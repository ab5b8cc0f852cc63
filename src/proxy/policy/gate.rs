//! What is done with a connection, before anything of it is read.

use super::all_routes::Routes;
use super::session_policy::SessionPolicy;
use crate::authority::Authority;
use crate::net::dial::OwnListeners;
use crate::proxy::refusal::Refusal;

/// What is done with a `CONNECT`, or with a request in absolute form for `https://`.
#[derive(Debug)]
pub(in crate::proxy) enum Disposition {
    /// TLS is terminated here.
    Intercept,
    /// It is not served.
    Refuse(Refusal),
    /// Bytes are relayed unchanged.
    Tunnel,
}

/// What decides about a connection: the routes and the policy alone, without I/O.
#[derive(Debug)]
pub(in crate::proxy) struct Gate<'a> {
    pub(in crate::proxy) own: OwnListeners,
    pub(in crate::proxy) routes: &'a Routes,
    pub(in crate::proxy) policy: &'a SessionPolicy,
}

impl Gate<'_> {
    /// Decides what is done with a connection to that host.
    pub(in crate::proxy) fn dispose(&self, authority: &Authority) -> Disposition {
        if !self.own.are_named(authority) && self.routes.manages(authority) {
            return match self.policy.admits_managed(authority) {
                Ok(()) => Disposition::Intercept,
                Err(refusal) => Disposition::Refuse(refusal),
            };
        }
        match self.check_unmanaged(authority) {
            Ok(()) => Disposition::Tunnel,
            Err(refusal) => Disposition::Refuse(refusal),
        }
    }

    /// Whether a host that no route names may be reached.
    pub(in crate::proxy) fn check_unmanaged(&self, authority: &Authority) -> Result<(), Refusal> {
        if self.own.are_named(authority) {
            return Err(Refusal::Loop);
        }
        self.policy.admits_unmanaged(authority)
    }
}
