//! Where a definition comes from.

use std::fmt;
use std::path::PathBuf;

/// Where a definition comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// The binary.
    Bundled,
    /// The user's own file.
    Custom(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Bundled => "bundled",
            Self::Custom(_) => "custom",
        })
    }
}
