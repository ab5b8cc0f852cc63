//! `--require`: what a run must be able to use.

use crate::cli::args::Target;
use crate::cli::failure::{Failure, not_found};
use crate::connection::{CredentialError, GrantState};
use crate::session::SessionPlan;

/// Fails if a provider has no connection in this run, or none that works without a new login.
pub(in crate::cli::cmd) fn check(
    required: &[Target],
    plan: &SessionPlan<'_>,
) -> Result<(), Failure> {
    for target in required {
        let is_wanted = |name| target.name.as_ref().is_none_or(|wanted| wanted == name);
        let mut dead = None;
        let mut is_met = false;
        for (id, standing) in plan.connections() {
            if id.provider != target.provider || !is_wanted(&id.name) {
                continue;
            }
            match standing {
                GrantState::Good => is_met = true,
                GrantState::NeedsLogin { reason, .. } => {
                    dead = Some(CredentialError::NeedsLogin {
                        id: id.clone(),
                        reason: reason.clone(),
                    });
                }
            }
        }
        match dead {
            _ if is_met => {}
            Some(error) => return Err(error.into()),
            None => return Err(not_found(&target.provider, target.name.as_ref())),
        }
    }
    Ok(())
}
