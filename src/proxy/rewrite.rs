//! Edits of a message's head, and the search for the placeholder.

pub(super) mod body_fields;
pub(super) mod carriers;
pub(super) mod hop_by_hop;
pub(super) mod placeholder;
