//! Follows the changes that other machines make: the server tells them (`LISTEN`), and where it
//! does not, the session looks by itself.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::link::{CHANNEL, Link, State};
use crate::vault::changes::{Changed, Changes};

/// How often a session looks by itself whether something has changed: where the server tells of
/// changes, this finds that it no longer can.
const LOOK_FOR_CHANGES: Duration = Duration::from_secs(5);

/// How many of those looks may pass until it is assumed all the same that something has changed.
const LOOK_ANYWAY: u32 = 6;

impl Link {
    /// Listens to changes from now on.
    pub(super) fn follow(self: &Arc<Self>) -> Changes {
        let receiver = self.told.follow();
        let link = Arc::downgrade(self);
        // On a thread of its own: a call may wait for a server that is gone.
        let look = move || {
            for round in 0_u32.. {
                let Some(link) = link.upgrade() else {
                    return;
                };
                // After a loss, anything may have been missed; and without notifications, always.
                // A pooler may take the subscription and never pass anything on.
                if !link.keeps_listening() || round % LOOK_ANYWAY == 0 {
                    link.told.tell(&Changed::Any);
                    link.note_machine();
                }
                drop(link);
                thread::sleep(LOOK_FOR_CHANGES);
            }
        };
        let _ = thread::Builder::new()
            .name("vault-changes".to_owned())
            .spawn(look);
        receiver
    }

    /// Whether the server has told of changes since the last look, and still does. Subscribes again
    /// after a connection was lost.
    fn keeps_listening(&self) -> bool {
        let mut state = self.state();
        if self.reconnect(&mut state).is_err() {
            return false;
        }
        let State {
            client: Some(client),
            notifies: true,
            listens,
            ..
        } = &mut *state
        else {
            return false;
        };
        // It also finds out whether the connection still is one.
        let subscribed = self.wait(client.batch_execute(&format!("LISTEN {CHANNEL}")));
        let was_listening = std::mem::replace(listens, subscribed.is_ok());
        if subscribed.is_err() {
            state.client = None;
        }
        was_listening && state.listens
    }
}
