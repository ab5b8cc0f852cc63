//! One request: from its arrival to its response, and to its line in the log.

pub(super) mod agent;
mod ask;
mod attempt;
mod challenge;
mod default_branch;
pub(super) mod depends_on;
pub(super) mod dry_run;
mod hand_over;
mod handle;
mod held_body;
mod inject;
mod inspect;
mod lifted;
pub(super) mod log_entry;
mod mint;
mod park;
pub(super) mod place;
mod pushed_refs;
mod range;
mod refused;
pub(super) mod respond;
pub(super) mod response_body;
pub(super) mod scrubbing;
pub(super) mod searched_body;
mod searched_stream;
pub(super) mod session;
mod signing;
mod token_endpoint;
mod unauthorized;
pub(super) mod upgrade;
mod while_waiting;
mod with_minted;

pub(super) use self::handle::handle;
pub(super) use self::refused::refused_request;
