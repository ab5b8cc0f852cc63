//! What is done with a `CONNECT`.

use super::shared::Shared;
use crate::authority::Authority;
use crate::proxy::refusal::Refusal;

/// What is done with a `CONNECT`, or with a request in absolute form for `https://`.
#[derive(Debug)]
pub(super) enum Disposition {
    /// TLS is terminated here.
    Intercept,
    /// It is not served.
    Refuse(Refusal),
    /// Bytes are relayed unchanged.
    Tunnel,
}

/// Decides by the routes and the policy alone, without I/O.
pub(super) fn dispose<S>(shared: &Shared<S>, authority: &Authority) -> Disposition {
    if !shared.is_loop(authority) && shared.session.routes.manages(authority) {
        return match shared.session.policy.admits_managed(authority) {
            Ok(()) => Disposition::Intercept,
            Err(refusal) => Disposition::Refuse(refusal),
        };
    }
    match check_unmanaged(shared, authority) {
        Ok(()) => Disposition::Tunnel,
        Err(refusal) => Disposition::Refuse(refusal),
    }
}

/// Whether a host that no route names may be reached.
pub(super) fn check_unmanaged<S>(shared: &Shared<S>, authority: &Authority) -> Result<(), Refusal> {
    if shared.is_loop(authority) {
        return Err(Refusal::Loop);
    }
    shared.session.policy.admits_unmanaged(authority)
}
