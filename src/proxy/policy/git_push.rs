//! What a run may push with git, decided on the body of the push itself.
//!
//! A push is one request: a list of commands (which ref goes from which object to which), and a
//! pack of the objects that the server lacks. [`PushReader`] reads it as it streams and holds it
//! back until there is a verdict on all commands. It allows only what cannot take anything away:
//!
//! | command | verdict |
//! | --- | --- |
//! | a ref that no pattern matches | refused |
//! | a deletion | refused |
//! | the default branch, or one that may be it | refused, unless a pattern is its name |
//! | a new ref | allowed: the server checks that there is none |
//! | a tag that exists | refused, unless a pattern is `+` and its name |
//! | a ref that is moved | allowed if its new history is shown to have the old commit, or by `+` |
//!
//! A push is sent as a whole or not at all, as the pack belongs to all commands. A refusal is the
//! response of a server whose hook has refused ([`Refused::report`]), so that git prints it.
//!
//! Nothing here waits or reads: bytes come in, a verdict comes out, and it is the same however the
//! bytes are split.

mod advertisement;
mod ancestry;
mod commands;
mod commit;
mod delta;
mod entry_head;
mod gunzip;
mod held;
mod kept;
mod object_id;
mod pack;
mod pattern;
mod pkt_lines;
mod problem;
#[cfg(any(fuzzing, test))]
pub(crate) mod properties;
mod reader;
mod ref_name;
mod refs_reader;
mod refused;
mod request;
mod rules;
#[cfg(test)]
mod tests;

pub(in crate::proxy) use advertisement::default_branch_of;
pub use pattern::{RefPattern, RefPatternError};
#[cfg(test)]
use problem::Problem;
pub(in crate::proxy) use reader::{Progress, PushReader};
pub(in crate::proxy) use refs_reader::RefsReader;
pub(in crate::proxy) use refused::Refused;
#[cfg(any(fuzzing, test))]
use request::Coding;
pub(in crate::proxy) use request::{RESULT_TYPE, coding_of, is_push};
pub use rules::PushPolicy;
#[cfg(test)]
use rules::Reason;
