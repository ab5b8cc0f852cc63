//! What a session does with hosts that belong to no connection.

use crate::authority::Authority;
use crate::proxy::refusal::Refusal;

/// What happens to hosts that belong to no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// They are tunneled without inspection.
    Allow,
    /// They are refused with 403.
    Deny,
}

impl Policy {
    /// Whether a host that no route names may be reached.
    pub(in crate::proxy) fn admits_unmanaged(self, authority: &Authority) -> Result<(), Refusal> {
        match self {
            Self::Allow => Ok(()),
            Self::Deny => Err(Refusal::Unmanaged(authority.to_string())),
        }
    }
}
