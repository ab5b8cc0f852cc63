//! Keeps a session's secrets out of what a server sends back: its header fields, trailers, bodies
//! and WebSocket messages.
//!
//! ```text
//! secrets --> forms.rs --> patterns.rs + search.rs          once for each change of the secrets
//!                                |
//! body --> decode.rs --> stream.rs --> mints.rs --> encode.rs --> body
//!                                          |
//!                                   fresh secrets --> the caller, who gives placeholders
//! ```
//!
//! **What it holds against.** A server that shows a credential to who asks, in whatever usual
//! encoding: an echo, a page of settings, an error that quotes the request. **What not:** a server
//! that helps to hide it, by encryption, a coding of its own, a byte range that cuts it in two, or
//! one character at a time. Base64 with line breaks inside, as in mail, is not found either.
//!
//! A response that is not searched costs nothing. One that is costs less than an instruction for
//! each byte, and is not copied, unless it comes in a coding.

pub(in crate::proxy) mod coding;
pub(in crate::proxy) mod extent;
mod forms;
pub(in crate::proxy) mod media_type;
pub(in crate::proxy) mod mints;
pub(in crate::proxy) mod patterns;
#[cfg(any(fuzzing, test))]
pub(crate) mod properties;
mod search;
pub(in crate::proxy) mod stream;
#[cfg(test)]
mod tests;
pub(in crate::proxy) mod websocket;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use thiserror::Error;

use self::coding::decode::Decoder;
use self::coding::encode::Encoder;
use self::coding::{CodingError, Codings};
use self::mints::{Minter, Mints, NotReplaced, Shapes};
use self::patterns::{Fit, Patterns};
use self::stream::Scrubber;
use crate::proxy::limits::MIN_SCRUBBED_SECRET;

/// What is done with a response's body.
#[derive(Debug)]
pub(in crate::proxy) enum Plan {
    /// It passes as it is: there are no secrets, or it cannot hold one as text.
    Pass,
    /// It is searched.
    Scrub(ScrubbedBody),
    /// It can hold text, but nobody here can decode it.
    UnknownCoding,
}

/// A body on its way through the search.
///
/// ```text
/// push(piece) --> next() --> Some(piece), …, None --> push(piece) … --> finish(), at the end
/// ```
///
/// After an error, the response must be cut: what is left cannot be searched.
pub(in crate::proxy) struct ScrubbedBody {
    scrubber: Scrubber,
    /// `None` if no fresh secrets are looked for.
    mints: Option<Mints>,
    coded: Option<Box<Coded>>,
    /// Of a body without codings: what has come of the last piece.
    ready: Option<Bytes>,
    /// Of a body without codings: whether its last piece has come.
    is_last: bool,
    keeps_length: bool,
}

/// Why a body cannot be searched further.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(in crate::proxy) enum SearchError {
    /// It cannot be decoded.
    #[error(transparent)]
    Coding(#[from] CodingError),
    /// It has a fresh secret that cannot be replaced.
    #[error(transparent)]
    Mint(#[from] NotReplaced),
}

struct Coded {
    decoder: Decoder,
    encoder: Encoder,
}

impl Plan {
    /// For a response with these header fields and a body.
    pub(in crate::proxy) fn of(
        headers: &HeaderMap,
        patterns: &Arc<Patterns>,
        shapes: Option<&Arc<Shapes>>,
        fit: Fit,
    ) -> Self {
        let is_idle = patterns.is_empty() && shapes.is_none();
        if is_idle || !media_type::is_text(headers) {
            return Self::Pass;
        }
        let Some(codings) = Codings::of(headers) else {
            return Self::UnknownCoding;
        };
        let mut body = ScrubbedBody::new(patterns, fit, &codings);
        body.mints = shapes.map(|shapes| Mints::new(Arc::clone(shapes)));
        Self::Scrub(body)
    }
}

impl ScrubbedBody {
    fn new(patterns: &Arc<Patterns>, fit: Fit, codings: &Codings) -> Self {
        let coded = (!codings.is_identity()).then(|| {
            Box::new(Coded {
                decoder: Decoder::new(codings),
                encoder: Encoder::new(codings),
            })
        });
        Self {
            scrubber: Scrubber::new(Arc::clone(patterns), fit),
            mints: None,
            is_last: false,
            keeps_length: coded.is_none() && fit == Fit::SameLength,
            coded,
            ready: None,
        }
    }

    /// Whether the body keeps its length. If not, `Content-Length` has to go before its first byte.
    pub(in crate::proxy) fn keeps_length(&self) -> bool {
        self.keeps_length
    }

    /// How many secrets were replaced so far.
    pub(in crate::proxy) fn matches(&self) -> u64 {
        self.scrubber.matches() + self.mints.as_ref().map_or(0, Mints::matches)
    }

    /// The next piece of the body. What became of the one before has been taken.
    pub(in crate::proxy) fn push(&mut self, piece: Bytes) {
        match &mut self.coded {
            None => self.ready = self.scrubber.push(piece),
            Some(coded) => coded.decoder.push(piece),
        }
    }

    /// The last piece of the body: what is held back of a text without codings passes with it.
    pub(in crate::proxy) fn push_last(&mut self, piece: Bytes) {
        self.is_last = true;
        match &mut self.coded {
            None => self.ready = self.scrubber.push_last(piece),
            Some(coded) => coded.decoder.push(piece),
        }
    }

    /// Searches what follows for these secrets.
    pub(in crate::proxy) fn renew(&mut self, patterns: &Arc<Patterns>) {
        self.scrubber.renew(patterns);
    }

    /// Bytes that are held back, or ready to be taken, of a text without codings.
    pub(in crate::proxy) fn held(&self) -> usize {
        let ready = self.ready.as_ref().map_or(0, Bytes::len);
        self.scrubber.held() + self.mints.as_ref().map_or(0, Mints::held) + ready
    }

    /// Whether [`Self::finish`] has nothing to give after the last piece.
    pub(in crate::proxy) fn is_spent(&self) -> bool {
        self.coded.is_none() && self.held() == 0
    }

    /// What passes next. `None` if more of the body is wanted.
    pub(in crate::proxy) fn next(
        &mut self,
        minter: &dyn Minter,
    ) -> Result<Option<Bytes>, SearchError> {
        let Some(coded) = &mut self.coded else {
            let ready = self.ready.take();
            return minted(&mut self.mints, ready, self.is_last, minter);
        };
        while let Some(text) = coded.decoder.next()? {
            let text = self.scrubber.push(text);
            if let Some(text) = minted(&mut self.mints, text, false, minter)? {
                return Ok(Some(coded.encoder.encode(text)));
            }
        }
        Ok(None)
    }

    /// What passes of what is held back where the body has broken off: the beginning of a secret,
    /// but not so much of it that it would be searched for.
    pub(in crate::proxy) fn abandon(&mut self) -> Option<Bytes> {
        let mut rest = self
            .mints
            .as_mut()
            .map(Mints::take_held)
            .unwrap_or_default();
        rest.extend(self.scrubber.take_held());
        rest.truncate(MIN_SCRUBBED_SECRET - 1);
        let rest = Bytes::from(rest);
        match &mut self.coded {
            _ if rest.is_empty() => None,
            Some(coded) => Some(coded.encoder.encode(rest)),
            None => Some(rest),
        }
    }

    /// What passes at the end of the body.
    pub(in crate::proxy) fn finish(
        &mut self,
        minter: &dyn Minter,
    ) -> Result<Option<Bytes>, SearchError> {
        if let Some(coded) = &mut self.coded {
            coded.decoder.finish()?;
            if coded.decoder.is_untouched() {
                return Ok(None); // an empty body has no coding either
            }
        }
        let held = self.scrubber.finish().unwrap_or_default();
        let held = minted(&mut self.mints, Some(held), true, minter)?;
        let Some(coded) = &mut self.coded else {
            return Ok(held.filter(|held| !held.is_empty()));
        };
        let mut last = Vec::from(coded.encoder.encode(held.unwrap_or_default()));
        last.extend_from_slice(&coded.encoder.finish());
        Ok(Some(Bytes::from(last)))
    }
}

/// A text behind the search for fresh secrets, if they are looked for.
fn minted(
    mints: &mut Option<Mints>,
    text: Option<Bytes>,
    is_end: bool,
    minter: &dyn Minter,
) -> Result<Option<Bytes>, SearchError> {
    match (mints, text) {
        (Some(mints), Some(text)) => Ok(mints.push(text, is_end, minter)?),
        (_, text) => Ok(text),
    }
}

impl std::fmt::Debug for ScrubbedBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ScrubbedBody")
            .field("is_coded", &self.coded.is_some())
            .field("matches", &self.matches())
            .finish_non_exhaustive()
    }
}

/// Replaces secrets in the values of fields or trailers. Returns how many values had one.
pub(in crate::proxy) fn scrub_fields(
    headers: &mut HeaderMap,
    patterns: &Patterns,
    fit: Fit,
) -> u64 {
    if patterns.is_empty() {
        return 0;
    }
    let mut replaced = 0;
    let shortest = patterns.shortest();
    for value in headers.values_mut().filter(|value| value.len() >= shortest) {
        if let Some(scrubbed) = patterns.scrub_header(value, fit) {
            *value = scrubbed;
            replaced += 1;
        }
    }
    replaced
}

/// Replaces fresh secrets in the values of fields. Returns how many values had one.
pub(in crate::proxy) fn mint_fields(
    headers: &mut HeaderMap,
    shapes: &Arc<Shapes>,
    minter: &dyn Minter,
) -> Result<u64, NotReplaced> {
    let mut replaced = 0;
    for value in headers.values_mut() {
        if let Some(text) = shapes.replaced(value.as_bytes(), minter)?
            && let Ok(text) = HeaderValue::from_maybe_shared(text)
        {
            *value = text;
            replaced += 1;
        }
    }
    Ok(replaced)
}
