//! Byte streams, whatever is said on them.

pub(super) mod activity;
pub(super) mod readiness;
pub(super) mod relay;
pub(super) mod watched;
