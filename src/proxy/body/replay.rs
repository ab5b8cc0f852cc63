//! The progress of a request's body while it is sent, and a copy of the body if it is small.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

use crate::proxy::limits::MAX_HELD_BODY;
use crate::proxy::policy::denied_field::DeniedBy;
use crate::proxy::policy::session_policy::{Over, SessionPolicy};

/// The progress of a request's body while it is sent.
#[derive(Debug, Default)]
pub(in crate::proxy) struct UploadProgress {
    /// Pieces that have been passed on: the wait for the response counts from the last one.
    pub(in crate::proxy) pieces: AtomicU64,
    /// Why the request was broken off, if it was.
    broken: OnceLock<Broken>,
    /// What counts the body's bytes, if they are counted.
    meter: Option<Arc<SessionPolicy>>,
    /// The client waits for a 100 before it sends the body (RFC 9110 §10.1.1).
    pub(in crate::proxy) expects: bool,
    held: Mutex<Held>,
}

/// Why a request was broken off while its body was sent.
#[derive(Clone, Debug)]
pub(in crate::proxy) enum Broken {
    /// A field is denied.
    Field(DeniedBy),
    /// The placeholder stands in a field that carries a credential.
    Placeholder,
    /// The budget for bytes is used up.
    Spent(Over),
}

/// A small body, kept so that the request can be sent again.
#[derive(Debug, Default)]
struct Held {
    pieces: VecDeque<Bytes>,
    /// Copies of small pieces that come after `pieces`. A slice keeps its whole buffer in memory,
    /// and a body may come one byte at a time.
    crumbs: Vec<u8>,
    size: usize,
    state: HeldState,
    trailers: Option<HeaderMap>,
}

/// Pieces of at least this size, in bytes, are kept as slices of their buffers. Smaller ones are
/// copied.
const MIN_SHARED: usize = 2 * 1024;

impl Held {
    fn push(&mut self, data: &Bytes) {
        if data.len() < MIN_SHARED {
            self.crumbs.extend_from_slice(data);
        } else {
            self.gather();
            self.pieces.push_back(data.clone());
        }
    }

    fn gather(&mut self) {
        if !self.crumbs.is_empty() {
            self.pieces
                .push_back(std::mem::take(&mut self.crumbs).into());
        }
    }
}

/// How much of the body is kept.
///
/// ```text
/// Filling ── the body ends ──► Complete
///   └─────── it is too large, breaks off, or holds the placeholder ──► Lost
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum HeldState {
    /// The whole body is kept.
    Complete,
    /// More may come.
    #[default]
    Filling,
    /// The body was too large, or broke off.
    Lost,
}

/// What was kept of a body.
#[derive(Debug)]
pub(super) enum Kept {
    /// All that has been passed on; more may come.
    Beginning(VecDeque<Bytes>),
    /// Not everything was kept.
    Lost,
    /// The whole body.
    Whole {
        /// Its pieces.
        pieces: VecDeque<Bytes>,
        /// Its size in bytes.
        size: u64,
        /// The trailers after it.
        trailers: Option<HeaderMap>,
    },
}

impl UploadProgress {
    /// For a request whose client waits for a 100, if `expects` is `true`.
    pub(in crate::proxy) fn new(expects: bool) -> Self {
        Self {
            expects,
            ..Self::default()
        }
    }

    /// The same for a body whose bytes a policy counts.
    pub(in crate::proxy) fn metered_by(self, policy: &Arc<SessionPolicy>) -> Self {
        let meter = policy.counts_bytes().then(|| Arc::clone(policy));
        Self { meter, ..self }
    }

    /// Why the request was broken off, if it was.
    pub(in crate::proxy) fn broken(&self) -> Option<&Broken> {
        self.broken.get()
    }

    /// Counts a piece of the body.
    ///
    /// # Errors
    ///
    /// The budget has less left.
    pub(super) fn meter(&self, frame: &Frame<Bytes>) -> Result<(), Broken> {
        let Some((policy, data)) = self.meter.as_ref().zip(frame.data_ref()) else {
            return Ok(());
        };
        policy
            .take_bytes(data.len() as u64, Instant::now())
            .map_err(Broken::Spent)
    }

    /// The request is broken off. The first reason counts.
    pub(super) fn break_off(&self, why: Broken) {
        let _ = self.broken.set(why);
        self.end(false);
    }

    /// For a request without a body. It never changes, so all such requests share it.
    pub(in crate::proxy) fn of_nothing() -> Arc<Self> {
        let progress = Self::default();
        progress.end(true);
        Arc::new(progress)
    }

    /// Whether a request that the server refused can be sent again. All of its body must be kept,
    /// or certain to be kept because it `is_small` by its length, or none of it may have been read.
    /// (If the server has not even begun with the request, any part that was kept is enough:
    /// [`RequestBody::rewind`](super::request::RequestBody::rewind).)
    pub(in crate::proxy) fn is_repeatable(&self, is_small: bool) -> bool {
        match self.held().state {
            HeldState::Complete => true,
            HeldState::Filling => is_small || self.pieces.load(Ordering::Relaxed) == 0,
            HeldState::Lost => false,
        }
    }

    /// What has been passed on and kept.
    pub(super) fn kept(&self) -> Kept {
        let mut held = self.held();
        held.gather();
        match held.state {
            HeldState::Complete => Kept::Whole {
                pieces: held.pieces.clone(),
                size: held.size as u64,
                trailers: held.trailers.clone(),
            },
            HeldState::Filling => Kept::Beginning(held.pieces.clone()),
            HeldState::Lost => Kept::Lost,
        }
    }

    pub(super) fn keep(&self, frame: &Frame<Bytes>) {
        let mut held = self.held();
        if let Some(trailers) = frame.trailers_ref() {
            held.trailers = Some(trailers.clone());
        }
        let Some(data) = frame.data_ref().filter(|data| !data.is_empty()) else {
            return;
        };
        held.size += data.len();
        if held.state == HeldState::Filling && held.size <= MAX_HELD_BODY {
            held.push(data);
        } else {
            held.state = HeldState::Lost;
            (held.pieces, held.crumbs) = Default::default();
        }
    }

    pub(in crate::proxy) fn end(&self, whole: bool) {
        let mut held = self.held();
        if held.state == HeldState::Filling {
            held.state = if whole {
                HeldState::Complete
            } else {
                HeldState::Lost
            };
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_in_order_and_keeps_no_large_buffer() {
        let progress = UploadProgress::default();
        let buffer = Bytes::from(vec![b'x'; 8 * MIN_SHARED]);
        let pieces = [
            buffer.slice(..1),
            buffer.slice(..1),
            buffer.slice(..MIN_SHARED),
            buffer.slice(..1),
        ];
        for piece in &pieces {
            progress.keep(&Frame::data(piece.clone()));
        }
        progress.end(true);
        let Kept::Whole { pieces, size, .. } = progress.kept() else {
            panic!("a small body is kept");
        };
        let sizes: Vec<_> = pieces.iter().map(Bytes::len).collect();
        assert_eq!(
            (sizes, size),
            (vec![2, MIN_SHARED, 1], MIN_SHARED as u64 + 3)
        );
    }

    #[test]
    fn a_small_body_is_kept_and_a_large_or_broken_one_is_not() {
        let progress = |pieces: &[usize], whole| {
            let progress = UploadProgress::default();
            for size in pieces {
                progress.keep(&Frame::data(Bytes::from(vec![0; *size])));
            }
            progress.end(whole);
            matches!(progress.kept(), Kept::Whole { .. })
        };
        assert!(progress(&[0, 10, MAX_HELD_BODY - 10], true));
        assert!(!progress(&[1, MAX_HELD_BODY], true));
        assert!(!progress(&[10], false));
    }

    #[test]
    fn a_small_body_that_is_still_on_its_way_is_worth_a_repetition() {
        let progress = UploadProgress::default();
        assert!(progress.is_repeatable(false), "nobody has asked for it");
        progress.pieces.store(1, Ordering::Relaxed);
        progress.keep(&Frame::data(Bytes::from_static(b"part")));
        assert!(progress.is_repeatable(true));
        assert!(!progress.is_repeatable(false));
        progress.end(false);
        assert!(!progress.is_repeatable(true), "it has broken off");
    }
}
