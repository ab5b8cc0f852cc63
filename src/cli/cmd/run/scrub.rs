//! No secret of the vault reaches the child, whatever the variable, and whoever set it.

use crate::cli::printer::Printer;
use crate::env_vars::{Environment, Inherited};
use crate::secret::Secret;

/// The variables that the child would inherit, and the secrets that were found in them.
pub(super) struct Scrub {
    inherited: Inherited,
    found: Vec<Secret<String>>,
}

impl Scrub {
    /// For our own environment.
    pub(super) fn new() -> Self {
        Self {
            inherited: Inherited::new(std::env::vars_os()),
            found: Vec::new(),
        }
    }

    /// One of the vault's secrets; it is kept only where a variable has it.
    pub(super) fn look_for(&mut self, secret: &Secret<String>) {
        if self.inherited.holds(secret.expose()) {
            self.found.push(secret.clone());
        }
    }

    /// Puts the placeholder in their place.
    pub(super) fn apply(self, environment: &mut Environment, printer: &Printer) {
        let secrets = self.found.iter();
        let secrets: Vec<_> = secrets.map(|secret| secret.expose().as_str()).collect();
        for name in environment.replace_secrets(&self.inherited, &secrets) {
            printer.warn(&format!(
                "{} holds a secret that authsome manages; the command gets the placeholder in its place",
                name.display()
            ));
        }
    }
}
