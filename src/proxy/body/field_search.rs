//! What is looked for in the fields of a request's body while it is sent.

use std::sync::Arc;

use http::HeaderMap;

use super::replay::Broken;
use crate::proxy::policy::denied_field::{DeniedField, DeniedFields};
use crate::proxy::rewrite::body_fields::{BodyFields, Search};
use crate::proxy::rewrite::named_field::NamedFields;

/// What is looked for in a body's fields.
#[derive(Debug)]
pub(in crate::proxy) struct FieldSearch {
    /// The placeholder in those that carry a credential.
    carriers: Option<BodyFields>,
    /// Those that are denied.
    denied: Option<(NamedFields, Arc<[DeniedField]>)>,
}

impl FieldSearch {
    /// `None` if the body has no field of either kind.
    pub(super) fn of(
        headers: &HeaderMap,
        search: Option<Search<'_>>,
        denied: DeniedFields,
    ) -> Option<Self> {
        let carriers = search.and_then(|search| BodyFields::of(headers, search));
        let denied = denied.and_then(|denied| Some((NamedFields::of(headers)?, denied)));
        (carriers.is_some() || denied.is_some()).then_some(Self { carriers, denied })
    }

    /// Looks at a piece of the body before it is sent.
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub(super) fn look_into(&mut self, piece: &[u8]) -> Result<(), Broken> {
        if let Some((names, denied)) = &mut self.denied {
            let found = names.find(piece, denied).and_then(|at| denied.get(at));
            if let Some(field) = found {
                return Err(Broken::Field(field.why.clone()));
            }
        }
        let mut carriers = self.carriers.iter_mut();
        if carriers.any(|fields| fields.completes(piece)) {
            return Err(Broken::Placeholder);
        }
        Ok(())
    }
}
