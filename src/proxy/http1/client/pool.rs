//! Connections that wait for another request.

use std::sync::{Mutex, PoisonError};
use std::task::Context;

use tokio::io::AsyncWrite;

use super::connection::Connection;
use crate::proxy::io::readiness::Source;
use crate::proxy::limits::{IDLE_UPSTREAM, MAX_IDLE_UPSTREAM};

/// The idle connections to one place.
#[derive(Debug)]
pub(in crate::proxy) struct Pool<T> {
    /// The one that was used last is the last. Held for a push or a pop: on a session's one thread
    /// nobody ever waits for it.
    idle: Mutex<Vec<Box<Connection<T>>>>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self {
            idle: Mutex::default(),
        }
    }
}

impl<T: Source + AsyncWrite> Pool<T> {
    /// Takes the connection that was used last; it may have been closed meanwhile.
    pub(in crate::proxy::http1) fn pop(&self) -> Option<Box<Connection<T>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop()
    }

    /// Keeps a connection whose exchange is over.
    pub(in crate::proxy) fn put(&self, mut connection: Box<Connection<T>>) {
        if !connection.read.is_empty() {
            return; // it has said what nobody asked for
        }
        connection.rest();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Each holds a descriptor, here and at the server.
        if idle.len() < MAX_IDLE_UPSTREAM {
            idle.push(connection);
        }
    }

    /// Takes a connection that still stands. One that has served before only where `may_reuse` says
    /// so: if not, the one that was used last is closed, so that a server that serves one
    /// connection at a time has room for the new one.
    pub(in crate::proxy) async fn take(&self, may_reuse: bool) -> Option<Box<Connection<T>>> {
        while let Some(mut connection) = self.pop() {
            if !may_reuse && !connection.is_fresh() {
                return None;
            }
            // Servers close idle connections whenever they like (RFC 9112 §9.5). This sees an end
            // that has come; one that is still on its way is the caller's to deal with. The poll
            // also leaves this task's waker with the stream, for the read in
            // `Connection::exchange`.
            if std::future::poll_fn(|context| std::task::Poll::Ready(connection.is_quiet(context)))
                .await
            {
                return Some(connection);
            }
        }
        None
    }

    /// Closes all of them.
    pub(in crate::proxy) fn clear(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.clear();
    }

    /// Closes what has waited for too long, and what the other side has closed; whether anything is
    /// left.
    pub(in crate::proxy) fn sweep(&self) -> bool {
        // Nobody waits for these streams. Whoever takes one asks again, with its own waker.
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Counted from the request that it served last, which spares each request a look at the
        // clock; one that took long is not kept.
        idle.retain_mut(|connection| {
            let stays =
                connection.used.elapsed() < IDLE_UPSTREAM && connection.is_quiet(&mut context);
            connection.relax();
            stays
        });
        idle.shrink_to_fit();
        !idle.is_empty()
    }
}
