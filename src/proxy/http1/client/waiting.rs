//! How long a response has been waited for, and what has come of it.

use std::pin::Pin;
use std::task::Context;

use tokio::time::{Instant, Sleep};

use crate::proxy::limits::CONTINUE_TIMEOUT;

/// The state of a wait for a response.
pub(super) struct Waiting {
    /// When the request last moved, as far as the timer has noticed.
    pub(super) since: Instant,
    /// The pieces of the body that had been sent at the last look.
    pub(super) pieces: u64,
    /// How many bytes of the read buffer are known to contain no complete head.
    pub(super) searched: usize,
    /// How many interim responses have come.
    pub(super) interim: usize,
    /// The total size of their fields, in bytes.
    pub(super) interim_bytes: usize,
    /// The timer for a server that sends no 100.
    until_asked: Option<Pin<Box<Sleep>>>,
}

impl Waiting {
    /// A wait that begins now, for a request of whose body so many pieces have been sent.
    pub(super) fn new(since: Instant, pieces: u64) -> Self {
        Self {
            since,
            pieces,
            searched: 0,
            interim: 0,
            interim_bytes: 0,
            until_asked: None,
        }
    }

    /// Whether the body has waited for a 100 for [`CONTINUE_TIMEOUT`].
    pub(super) fn has_been_patient(&mut self, context: &mut Context<'_>) -> bool {
        let sleep = || Box::pin(tokio::time::sleep(CONTINUE_TIMEOUT));
        let clock = self.until_asked.get_or_insert_with(sleep);
        clock.as_mut().poll(context).is_ready()
    }
}
