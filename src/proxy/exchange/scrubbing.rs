//! What a session's responses are searched for: the secrets of the connections that it has used.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

use crate::connection::CredentialSource;
use crate::env::env_vars::PLACEHOLDER;
use crate::proxy::rewrite::scrub::extent::ScrubExtent;
use crate::proxy::rewrite::scrub::patterns::{Fit, Hidden, Patterns};
use crate::proxy::rewrite::scrub::scrub_fields;
use crate::proxy::rewrite::scrub::websocket::{FrameError, Frames};
use crate::secret::Secret;

/// The search of a session. A response reads it without a lock; it is made anew, under one, when a
/// refresh has changed a secret.
pub(in crate::proxy) struct Scrubbing {
    extent: ScrubExtent,
    patterns: ArcSwap<Patterns>,
    /// The version of the secrets that `patterns` are made of.
    version: AtomicU64,
    renewing: Mutex<()>,
}

/// The search of one WebSocket connection.
pub(super) struct SearchedFrames {
    frames: Frames,
    scrubbing: Arc<Scrubbing>,
}

impl SearchedFrames {
    /// The next piece of what the server sends; hands what passes to `out`.
    pub(super) fn push(
        &mut self,
        piece: Bytes,
        out: &mut impl FnMut(Bytes),
    ) -> Result<(), FrameError> {
        self.frames.renew(&self.scrubbing.patterns.load());
        self.frames.push(piece, out)
    }

    /// How many secrets were replaced.
    pub(super) fn matches(&self) -> u64 {
        self.frames.matches()
    }
}

impl Scrubbing {
    pub(in crate::proxy) fn new(extent: ScrubExtent) -> Self {
        Self {
            extent,
            patterns: ArcSwap::from_pointee(Patterns::new([])),
            version: AtomicU64::new(0),
            renewing: Mutex::new(()),
        }
    }

    /// Learns the secrets that `source` has had since the last call. It is called after a
    /// credential was taken and before it is sent: what is sent is known when it comes back.
    pub(super) fn renew(&self, source: &impl CredentialSource) {
        if self.version.load(Ordering::Acquire) != source.secrets_version() {
            self.prepare(source);
        }
    }

    #[cold]
    fn prepare(&self, source: &impl CredentialSource) {
        if self.extent == ScrubExtent::Off {
            return;
        }
        let _renewing = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        // Read before the secrets: if one joins them meanwhile, the next call comes here again.
        let version = source.secrets_version();
        let secrets = source.secrets();
        self.patterns.store(Arc::new(patterns(&secrets)));
        self.version.store(version, Ordering::Release);
    }

    /// Looks for these secrets, and no others.
    #[cfg(test)]
    pub(super) fn look_for(&self, secrets: &[Secret<String>]) {
        self.patterns.store(Arc::new(patterns(secrets)));
    }

    /// What is searched for, and whether in bodies as well.
    pub(super) fn in_force(&self) -> (Guard<Arc<Patterns>>, bool) {
        (self.patterns.load(), self.searches_bodies())
    }

    /// Whether bodies are searched.
    pub(super) fn searches_bodies(&self) -> bool {
        self.extent == ScrubExtent::On
    }

    /// Replaces secrets in a response's fields. Returns how many were found.
    pub(super) fn fields(&self, headers: &mut HeaderMap) -> u64 {
        scrub_fields(headers, &self.patterns.load(), Fit::Exact)
    }

    /// Replaces secrets in a frame, if it has trailers.
    pub(super) fn trailers_of(&self, mut frame: Frame<Bytes>) -> Frame<Bytes> {
        if let Some(trailers) = frame.trailers_mut() {
            scrub_fields(trailers, &self.patterns.load(), Fit::Exact);
        }
        frame
    }

    /// The search of a WebSocket connection, if its messages are searched.
    pub(super) fn frames(self: &Arc<Self>) -> Option<SearchedFrames> {
        let frames = || Frames::new(self.patterns.load_full(), Fit::Exact);
        self.searches_bodies().then(|| SearchedFrames {
            frames: frames(),
            scrubbing: Arc::clone(self),
        })
    }
}

/// A stored text as it would be sent has no line break at its end.
fn patterns(secrets: &[Secret<String>]) -> Patterns {
    let hidden = secrets.iter().map(|secret| Hidden {
        secret: secret.expose().trim().as_bytes(),
        placeholder: PLACEHOLDER,
    });
    Patterns::new(hidden)
}

impl fmt::Debug for Scrubbing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Scrubbing")
            .field("extent", &self.extent)
            .field("patterns", &*self.patterns.load())
            .finish_non_exhaustive()
    }
}
