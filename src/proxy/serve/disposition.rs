//! What becomes of a `CONNECT`.

use super::shared::Shared;
use crate::authority::Authority;
use crate::proxy::refusal::Refusal;

/// What becomes of a `CONNECT`.
#[derive(Debug)]
pub(super) enum Disposition {
    /// TLS is ended here.
    Intercept,
    /// It is not served.
    Refuse(Refusal),
    /// Bytes go through untouched.
    Tunnel,
}

/// Pure: what the routes and the policy say of a `CONNECT`.
pub(super) fn dispose<S>(shared: &Shared<S>, authority: &Authority) -> Disposition {
    if !shared.is_loop(authority) && shared.session.routes.manages(authority) {
        return Disposition::Intercept;
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
    shared.policy.admits_unmanaged(authority)
}
