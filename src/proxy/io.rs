//! Byte streams, whatever protocol they carry.

pub(super) mod activity;
pub(super) mod readiness;
pub(super) mod relay;
pub(super) mod socket;
pub(super) mod watched;
