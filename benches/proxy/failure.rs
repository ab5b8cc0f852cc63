//! How the bench fails.

use std::error::Error;

/// Whatever goes wrong ends the bench; nobody tells one cause from another.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;
