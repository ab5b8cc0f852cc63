//! The host that was checked is the host that is asked: its spelling, its addresses, and the target
//! behind it.

mod addresses;
mod authority;
mod target;
