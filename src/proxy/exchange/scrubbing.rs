//! What a session's responses are searched for: the secrets of the connections that it has used.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};
use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

use crate::connection::CredentialSource;
use crate::credential::ConnectionId;
use crate::defence::Defence;
use crate::env::env_vars::PLACEHOLDER;
use crate::proxy::limits::{MAX_MINTED, MAX_MINTED_BYTES};
use crate::proxy::message::interim::FieldSearch;
use crate::proxy::rewrite::minted::{self, MintedSecrets};
use crate::proxy::rewrite::scrub::extent::ScrubExtent;
use crate::proxy::rewrite::scrub::mints::NotReplaced;
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
    /// The connections' secrets, held by who changes `patterns`.
    own: Mutex<Vec<Secret<String>>>,
    minted: ArcSwap<MintedSecrets>,
    /// Whether there are minted ones: nothing else is asked by the requests of most sessions.
    has_minted: AtomicBool,
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
            own: Mutex::default(),
            minted: ArcSwap::default(),
            has_minted: AtomicBool::new(false),
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
        let mut own = self.own();
        // Read before the secrets: if one joins them meanwhile, the next call comes here again.
        let version = source.secrets_version();
        *own = source.secrets();
        self.search_for(&own, &self.minted.load());
        self.version.store(version, Ordering::Release);
    }

    fn own(&self) -> MutexGuard<'_, Vec<Secret<String>>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn search_for(&self, own: &[Secret<String>], minted: &MintedSecrets) {
        self.patterns.store(Arc::new(patterns(own, minted)));
    }

    /// The fresh secrets, if there are any and they are put back into requests.
    pub(super) fn minted(&self) -> Option<Arc<MintedSecrets>> {
        let has_some = self.has_minted.load(Ordering::Relaxed);
        has_some.then(|| self.minted.load_full())
    }

    /// What stands from now on for a fresh secret of that connection, which begins with `prefix`.
    /// `None` if it is no secret, but what stands for one.
    pub(super) fn mint(
        &self,
        secret: &str,
        prefix: &str,
        connection: &ConnectionId,
    ) -> Result<Option<String>, NotReplaced> {
        let own = self.own();
        let minted = self.minted.load();
        let is_placeholder = secret.contains(PLACEHOLDER) || minted.is_in(secret.as_bytes());
        if is_placeholder || !Defence::MintedSecrets.stands() {
            return Ok(None);
        }
        if let Some(known) = minted.placeholder_of(secret) {
            return Ok(Some(known.to_owned()));
        }
        if minted.len() >= MAX_MINTED || minted.bytes() + secret.len() > MAX_MINTED_BYTES {
            return Err(NotReplaced::Full);
        }
        let placeholder = minted::placeholder(prefix, minted.len() + 1, secret.len());
        let placeholder = placeholder.ok_or(NotReplaced::TooShort)?;
        let more = minted.with(secret, &placeholder, connection);
        self.search_for(&own, &more);
        self.minted.store(Arc::new(more));
        self.has_minted.store(true, Ordering::Release);
        Ok(Some(placeholder))
    }

    /// Looks for these secrets, and no others.
    #[cfg(test)]
    pub(super) fn look_for(&self, secrets: &[Secret<String>]) {
        self.search_for(secrets, &MintedSecrets::default());
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

impl FieldSearch for Scrubbing {
    fn search(&self, fields: &mut HeaderMap) {
        self.fields(fields);
    }
}

/// A stored text as it would be sent has no line break at its end.
fn patterns(own: &[Secret<String>], minted: &MintedSecrets) -> Patterns {
    let own = own.iter().map(|secret| Hidden {
        secret: secret.expose().trim().as_bytes(),
        placeholder: PLACEHOLDER,
    });
    Patterns::new(own.chain(minted.hidden()))
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
