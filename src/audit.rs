//! The log of what happened, as JSON lines in `audit.log`: which connection, which request, which
//! result. It never contains a secret, because [`Event`] has no field for one.
//!
//! An [`Event`] becomes a line (`line.rs`). The line waits in a buffer until the writer thread
//! (`writer.rs`) appends it to the file that all sessions share (`file.rs`), and passes it to the
//! subscribers in this process (`feed.rs`) and to those who watch the run from outside (`live.rs`).

mod command;
mod event;
mod feed;
mod file;
mod line;
mod live;
mod run;
mod tally;
mod writer;

pub(crate) use event::kept_path;
pub use event::{Event, Kind, Way};
pub use feed::{Feed, Told};
pub use line::{PushedRefs, Quoted, RequestLine};
pub use live::{LiveRequest, Watch, Watched};
pub use run::{RunEnd, RunStart};
pub use tally::{POLICY, Tally};
pub use writer::Audit;

/// The name of the file in the home directory.
pub const FILE: &str = "audit.log";

/// The name of a full file after rotation. An older file of that name is overwritten.
pub const ROTATED: &str = "audit.log.1";
