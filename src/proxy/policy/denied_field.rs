//! Fields for which a request's body is denied. Its head cannot tell whether it has one, so that
//! the body is searched while it is sent (`rewrite/named_field.rs`).

use std::sync::Arc;

use crate::proxy::refusal::{Denial, Refusal};
use crate::proxy::rewrite::named_field::Wanted;

/// A field that a request's body may not have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::proxy) struct DeniedField {
    /// Its name.
    pub(in crate::proxy) name: String,
    /// The value for which it is denied; `None` for any.
    pub(in crate::proxy) value: Option<String>,
    /// Why.
    pub(in crate::proxy) why: DeniedBy,
}

/// The fields that one request's body may not have. There are none for nearly every request.
pub(in crate::proxy) type DeniedFields = Option<Arc<[DeniedField]>>;

/// What denies a field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::proxy) enum DeniedBy {
    /// A guard rule of the definition.
    Guard {
        /// The provider.
        provider: String,
        /// The rule.
        rule: String,
        /// Its reason.
        reason: String,
    },
    /// A rule of the session's policy.
    Policy(Denial),
}

impl Wanted for DeniedField {
    fn name(&self) -> &str {
        &self.name
    }

    fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

impl DeniedBy {
    /// What denied a request; `None` for what no rule has denied.
    pub(super) fn of(refusal: Refusal) -> Option<Self> {
        match refusal {
            Refusal::Guarded {
                provider,
                rule,
                reason,
            } => Some(Self::Guard {
                provider,
                rule,
                reason,
            }),
            Refusal::Policy(denial) => Some(Self::Policy(*denial)),
            _ => None,
        }
    }
}

impl From<DeniedBy> for Refusal {
    fn from(why: DeniedBy) -> Self {
        match why {
            DeniedBy::Guard {
                provider,
                rule,
                reason,
            } => Self::Guarded {
                provider,
                rule,
                reason,
            },
            DeniedBy::Policy(denial) => Self::Policy(Box::new(denial)),
        }
    }
}

/// All of them.
pub(super) fn joined(one: DeniedFields, others: Vec<DeniedField>) -> DeniedFields {
    match one {
        one if others.is_empty() => one,
        None => Some(others.into()),
        Some(one) => Some(one.iter().cloned().chain(others).collect()),
    }
}
