//! What both protocols say of a message.

pub(super) mod body;
pub(super) mod interim;
