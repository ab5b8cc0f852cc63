//! The origin of a definition.

use std::fmt;
use std::path::PathBuf;

/// The origin of a definition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// It is bundled in the binary.
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
