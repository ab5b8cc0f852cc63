//! Offers to log in before the command starts, where a connection that it would use is dead.

use super::super::login;
use crate::cli::args::{Login, LoginTarget, Target};
use crate::cli::ask::{agrees, ask};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::connection::GrantState;
use crate::credential::ConnectionId;
use crate::session::{SessionPlan, UserData};

/// Asks for each connection of the plan that needs a new login, and logs in where the user agrees.
/// Returns whether there is a new login.
pub(super) fn offer(
    plan: &SessionPlan<'_>,
    user_data: &UserData,
    context: &Context<'_>,
) -> Result<bool, Failure> {
    let mut is_mended = false;
    for (id, state) in plan.connections() {
        let GrantState::NeedsLogin { reason, .. } = state else {
            continue;
        };
        let question = format!("{id} needs a new login ({reason}). Log in now? [Y/n] ");
        if agrees(ask(context.printer, &question).as_deref()) {
            login::with(again(id), user_data, context)?;
            is_mended = true;
        }
    }
    Ok(is_mended)
}

/// `authsome login PROVIDER/NAME --force`: at the server that the connection is at.
fn again(id: &ConnectionId) -> Login {
    let target = Target {
        provider: id.provider.clone(),
        name: Some(id.name.clone()),
    };
    Login {
        target: Some(LoginTarget::Provider(target, None)),
        force: true,
        ..Login::default()
    }
}
