//! What a command is started with.

use super::ahead::Ahead;
use crate::os::ulimits::Ulimits;

/// The limits to restore for the command, and perhaps the helper that becomes it.
#[derive(Debug)]
pub struct Starter {
    pub(super) ulimits: Ulimits,
    pub(super) ahead: Option<Ahead>,
}

impl Starter {
    /// Starts the helper already, so that its own start takes no time once the command is known.
    /// Where that fails, it is started with the command. Must be called on a thread that lives as
    /// long as the process, as [`super::Child::spawn`] says, and not while a descriptor is open
    /// that the master key is read from: it inherits what descriptors there are.
    pub fn ahead(ulimits: Ulimits) -> Self {
        Self {
            ulimits,
            ahead: Ahead::start(ulimits).ok(),
        }
    }

    /// The limits to restore.
    pub fn ulimits(&self) -> Ulimits {
        self.ulimits
    }
}

impl From<Ulimits> for Starter {
    /// The helper is started with the command.
    fn from(ulimits: Ulimits) -> Self {
        Self {
            ulimits,
            ahead: None,
        }
    }
}
