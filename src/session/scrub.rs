//! No secret of the vault reaches the child, or another program that we start, whatever the variable, and whoever set it.

use std::ffi::OsString;

use crate::cli::printer::Printer;
use crate::connection::{ConnectionStore, Found, StoreError};
use crate::env_vars::{Environment, Inherited};
use crate::programs::Programs;
use crate::secret::Secret;

/// The variables that a program of ours would inherit, and the secrets that were found in them.
pub(in crate::cli) struct Scrub {
    inherited: Inherited,
    found: Vec<Secret<String>>,
}

/// The same variables without these secrets.
pub(in crate::cli) struct Scrubbed {
    inherited: Inherited,
}

impl Scrub {
    /// For our own environment.
    pub(in crate::cli) fn new() -> Self {
        Self {
            inherited: Inherited::new(std::env::vars_os()),
            found: Vec::new(),
        }
    }

    /// The programs that a command other than `run` starts, which gathers nothing of the vault.
    pub(in crate::cli) fn programs(store: &ConnectionStore) -> Result<Programs, StoreError> {
        let mut scrub = Self::new();
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
    pub(in crate::cli) fn look_for(&mut self, secret: &Secret<String>) {
        if self.inherited.holds(secret.expose()) {
            self.found.push(secret.clone());
        }
    }

    /// Puts the placeholder in their place.
    pub(in crate::cli) fn apply(mut self) -> Scrubbed {
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
    pub(in crate::cli) fn programs(&self) -> Programs {
        Programs::new(&self.inherited)
    }

    /// A variable of the parent's, to be appended to.
    pub(in crate::cli) fn parent(&self, name: &str) -> Option<OsString> {
        self.inherited.get(name).map(ToOwned::to_owned)
    }

    /// Completes the child's environment, and says what is taken from it.
    pub(in crate::cli) fn complete(&self, environment: &mut Environment, printer: &Printer) {
        for name in environment.adopt_cleaned(&self.inherited) {
            printer.warn(&format!(
                "{} holds a secret that authsome manages; the command gets the placeholder in its place",
                name.display()
            ));
        }
    }
}
