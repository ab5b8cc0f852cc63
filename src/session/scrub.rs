//! Keeps the vault's secrets out of the environment of the child, and of every other program that
//! authsome starts, whichever variable contains one and whoever set it.

use std::ffi::OsString;

use super::notice::Notice;
use super::parent::Parent;
use crate::connection::{ConnectionStore, Found, StoreError};
use crate::defence::Defence;
use crate::env::env_vars::{Environment, Inherited};
use crate::env::programs::Programs;
use crate::secret::Secret;

/// The variables that a started program would inherit, and the secrets that were found in them.
pub(crate) struct Scrub {
    inherited: Inherited,
    found: Vec<Secret<String>>,
}

/// The same variables, with these secrets replaced.
pub(super) struct Scrubbed {
    inherited: Inherited,
}

impl Scrub {
    /// For the variables that a parent hands down.
    pub(super) fn new(parent: &Parent) -> Self {
        Self {
            inherited: Inherited::new(parent.variables()),
            found: Vec::new(),
        }
    }

    /// How to start programs outside of a session, where no session has searched the variables.
    pub(crate) fn programs(store: &ConnectionStore) -> Result<Programs, StoreError> {
        let mut scrub = Self::new(&Parent::of_this_process());
        store.each(
            |_| false,
            |_, found| {
                // A record that cannot be opened is reported by the code that needs it.
                if let Ok(Found::Secrets(secrets)) = found {
                    for secret in &secrets {
                        scrub.look_for(secret);
                    }
                }
            },
        )?;
        Ok(scrub.apply().programs())
    }

    /// Searches the variables for one of the vault's secrets, which is kept only if it is found.
    pub(super) fn look_for(&mut self, secret: &Secret<String>) {
        if self.inherited.holds(secret.expose()) && Defence::CleanEnvironment.stands() {
            self.found.push(secret.clone());
        }
    }

    /// Replaces the secrets that were found with the placeholder.
    pub(super) fn apply(mut self) -> Scrubbed {
        let secrets = self.found.iter();
        let secrets: Vec<_> = secrets.map(|secret| secret.expose().as_str()).collect();
        self.inherited.clean(&secrets);
        Scrubbed {
            inherited: self.inherited,
        }
    }
}

impl Scrubbed {
    /// For children that inherit nothing.
    pub(super) fn nothing() -> Self {
        Self {
            inherited: Inherited::new([]),
        }
    }

    /// How to start programs other than the child.
    pub(super) fn programs(&self) -> Programs {
        Programs::new(&self.inherited)
    }

    /// A variable of the parent, for a value that is appended to it.
    pub(super) fn parent(&self, name: &str) -> Option<OsString> {
        self.inherited.get(name).map(ToOwned::to_owned)
    }

    /// Completes the child's environment, and reports each variable in which a secret was replaced.
    pub(super) fn complete(&self, environment: &mut Environment, notify: &dyn Fn(Notice)) {
        for name in environment.adopt_cleaned(&self.inherited) {
            notify(Notice::SecretFound(name));
        }
    }
}
