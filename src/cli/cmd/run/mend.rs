//! Offers to log in before the command starts, where a connection that it would use is dead.

use super::super::login;
use crate::cli::args::{Login, LoginTarget, Target};
use crate::cli::ask::{agrees, ask};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::connection::GrantState;
use crate::credential::ConnectionId;
use crate::session::{SessionPlan, UserData};

/// What came of the offers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offered {
    /// There is a new login.
    pub(super) is_mended: bool,
    /// The user does not want one.
    pub(super) is_declined: bool,
}

/// Asks for each connection of the plan that needs a new login, and logs in where the user agrees.
pub(super) fn offer(
    plan: &SessionPlan<'_>,
    user_data: &UserData,
    context: &Context<'_>,
) -> Result<Offered, Failure> {
    let mut offered = Offered::default();
    for (id, state) in plan.connections() {
        let GrantState::NeedsLogin { reason, .. } = state else {
            continue;
        };
        let question = format!("{id} needs a new login ({reason}). Log in now? [Y/n] ");
        if agrees(ask(context.printer, &question).as_deref()) {
            login::with(again(id), user_data, context)?;
            offered.is_mended = true;
        } else {
            offered.is_declined = true;
        }
    }
    Ok(offered)
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
