//! Edits of a message's head, the search for the placeholder, and for secrets in responses.

pub(super) mod body_fields;
pub(super) mod carriers;
pub(super) mod hop_by_hop;
pub(super) mod minted;
pub(super) mod name_lengths;
pub(super) mod named_field;
pub(super) mod placeholder;
pub(super) mod scrub;
