//! A run's place in the home while it is alive: its lock, and the socket on which it can be asked.

use std::sync::Arc;

use super::control::{Control, Handlers, RunState, StateHandler};
use super::living::{LivingSession, socket_file};
use super::notice::Notice;
use crate::os::home::Home;

/// A run that is alive, and its socket.
pub(super) struct Entered {
    // Before the lock: a socket without one would be another's to remove.
    control: Option<Control>,
    _living: LivingSession,
}

impl Entered {
    /// The run has ended.
    pub(super) async fn leave(self) {
        if let Some(control) = self.control {
            control.close().await;
        }
    }
}

/// Registers a run, and listens on its socket. If that fails, it is told, and the run goes on.
pub(super) fn enter(
    home: &Home,
    state: Arc<RunState>,
    handlers: Handlers,
    notify: &dyn Fn(Notice),
) -> Option<Entered> {
    let (id, audit) = (state.id.clone(), Arc::clone(&state.audit));
    let living = match LivingSession::enter(home, &id, &state.facts()) {
        Ok(living) => living,
        Err(error) => {
            notify(Notice::NotEntered(error));
            return None;
        }
    };
    let handlers = handlers.with("state", Arc::new(StateHandler(state)));
    let control = Control::bind(home, &socket_file(home, &id), &audit, handlers);
    let control = control.map_err(|error| notify(Notice::NoControl(error)));
    Some(Entered {
        control: control.ok(),
        _living: living,
    })
}
