//! Byte streams, whatever is said on them.

pub(super) mod relay;
pub(super) mod stream;
