//! Connections that wait for another request.

use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::AsyncWrite;
use tokio::task::coop;

use super::connection::Connection;
use crate::proxy::io::readiness::Source;
use crate::proxy::limits::{IDLE_UPSTREAM, MAX_IDLE_UPSTREAM};

/// The idle connections to one destination.
#[derive(Debug)]
pub(in crate::proxy) struct Pool<T> {
    /// The most recently used connection is the last. The lock is never waited for: a session has
    /// one thread, and nothing is awaited under the lock.
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
    /// Takes the most recently used connection, which may have been closed in the meantime.
    pub(in crate::proxy::http1) fn pop(&self) -> Option<Box<Connection<T>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop()
    }

    /// Keeps a connection whose exchange is over.
    pub(in crate::proxy) fn put(&self, mut connection: Box<Connection<T>>) {
        if !connection.read.is_empty() {
            return; // it has sent bytes that were not asked for
        }
        connection.rest();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Each connection costs a file descriptor, here and at the server.
        if idle.len() < MAX_IDLE_UPSTREAM {
            idle.push(connection);
        }
    }

    /// Takes a connection that is still open. One that has served a request is returned only if
    /// `may_reuse` is true. If it is false, the most recently used one is closed, so that a server
    /// that serves one connection at a time can accept the new one.
    pub(in crate::proxy) async fn take(&self, may_reuse: bool) -> Option<Box<Connection<T>>> {
        while let Some(mut connection) = self.pop() {
            if !may_reuse && !connection.is_fresh() {
                return None;
            }
            // A server may close an idle connection at any time (RFC 9112 §9.5). This notices an
            // end that has come; the caller must handle one that is still on its way. The poll also
            // registers this task's waker with the stream, so that `Connection::exchange` can skip
            // its first read.
            let is_quiet = poll_fn(|context| {
                // Without a budget, a poll is pending whatever has come.
                if coop::has_budget_remaining() {
                    return Poll::Ready(connection.is_quiet(context));
                }
                context.waker().wake_by_ref();
                Poll::Pending
            });
            if is_quiet.await {
                return Some(connection);
            }
        }
        None
    }

    /// Closes all connections.
    pub(in crate::proxy) fn clear(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.clear();
    }

    /// Closes the connections that have been idle for too long or that the server has closed.
    /// Returns whether any is left.
    pub(in crate::proxy) fn sweep(&self) -> bool {
        // Nothing waits on these streams. Whoever takes one polls it again, with its own waker.
        let mut context = Context::from_waker(Waker::noop());
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Counted from the start of its last exchange, so that the end of an exchange does not have
        // to read the clock. So a connection whose last exchange took longer than `IDLE_UPSTREAM`
        // is closed.
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
