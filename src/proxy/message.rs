//! What both protocols say of a message.

pub(super) mod interim;
