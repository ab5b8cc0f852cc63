//! Refresh: once for all who need it, never losing a pair, and said plainly where a new login is
//! the only way.

mod background;
mod crowd;
mod interrupted;
mod kill;
mod lost_response;
mod outage;
mod rejection;
mod rotation;
