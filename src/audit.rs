//! What happened, as JSON lines in `audit.log`: who, where, with which result. Never a value:
//! [`Event`] has no field for one.
//!
//! An [`Event`] becomes a line (`line.rs`), which waits in a buffer until one thread writes it
//! (`writer.rs`) into the file that all sessions share (`file.rs`), and hands it to whoever watches
//! this session (`feed.rs`).

mod event;
mod feed;
mod file;
mod line;
mod writer;

pub use event::{Event, Kind, Way};
pub use feed::{Feed, Told};
pub use line::{Quoted, RequestLine};
pub use writer::Audit;

/// The file in the home directory.
pub const FILE: &str = "audit.log";
