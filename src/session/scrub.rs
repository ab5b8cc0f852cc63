//! No secret of the vault reaches the child, or another program that we start, whatever the
//! variable, and whoever set it.

use std::ffi::OsString;

use super::notice::Notice;
use super::parent::Parent;
use crate::connection::{ConnectionStore, Found, StoreError};
use crate::env::env_vars::{Environment, Inherited};
use crate::env::programs::Programs;
use crate::secret::Secret;

/// The variables that a program of ours would inherit, and the secrets that were found in them.
pub(crate) struct Scrub {
    inherited: Inherited,
    found: Vec<Secret<String>>,
}

/// The same variables without these secrets.
pub(super) struct Scrubbed {
    inherited: Inherited,
}

impl Scrub {
    /// For what a parent hands down.
    pub(super) fn new(parent: &Parent) -> Self {
        Self {
            inherited: Inherited::new(parent.variables()),
            found: Vec::new(),
        }
    }

    /// The programs that this process starts without a session, which gathers nothing of the vault.
    pub(crate) fn programs(store: &ConnectionStore) -> Result<Programs, StoreError> {
        let mut scrub = Self::new(&Parent::of_this_process());
        store.each(
            |_| false,
            |_, found| {
                // A record that does not open is told by who needs it.
                if let Ok(Found::Secrets(secrets)) = found {
                    for secret in &secrets {
                        scrub.look_for(secret);
                    }
                }
            },
        )?;
        Ok(scrub.apply().programs())
    }

    /// One of the vault's secrets; it is kept only where a variable has it.
    pub(super) fn look_for(&mut self, secret: &Secret<String>) {
        if self.inherited.holds(secret.expose()) {
            self.found.push(secret.clone());
        }
    }

    /// Puts the placeholder in their place.
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
    /// What programs that are not the child get.
    pub(super) fn programs(&self) -> Programs {
        Programs::new(&self.inherited)
    }

    /// A variable of the parent's, to be appended to.
    pub(super) fn parent(&self, name: &str) -> Option<OsString> {
        self.inherited.get(name).map(ToOwned::to_owned)
    }

    /// Completes the child's environment, and tells what is taken from it.
    pub(super) fn complete(&self, environment: &mut Environment, notify: &dyn Fn(Notice)) {
        for name in environment.adopt_cleaned(&self.inherited) {
            notify(Notice::SecretFound(name));
        }
    }
}
