//! What both protocols have in common.

pub(super) mod body;
pub(super) mod interim;
