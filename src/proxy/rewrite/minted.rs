//! The fresh secrets of a session: what its responses have shown, and what the child has in place
//! of each. A request that carries such a placeholder goes out with the secret in that very place.

mod in_body;

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::HeaderName;
use http::request::Parts;
use memchr::memmem;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use zeroize::Zeroizing;

pub(in crate::proxy) use self::in_body::{BodyKind, members_replaced, put_back};
use super::carriers::{SEPARATORS, carries, keep_only};
use super::placeholder::decoded_basic;
use super::scrub::patterns::Hidden;
use crate::credential::ConnectionId;
use crate::credential::ready::set_target;
use crate::proxy::limits::MIN_MINTED;
use crate::secret::Secret;

/// What every placeholder has behind its prefix, before its number.
const MARK: &str = "authsome";

/// A fresh secret, and what stands for it.
pub(in crate::proxy) struct Minted {
    secret: Secret<String>,
    placeholder: String,
    /// The connection whose server has made it, and to whose hosts it may go.
    connection: ConnectionId,
}

/// All fresh secrets of a session, at one time.
#[derive(Clone, Default)]
pub(in crate::proxy) struct MintedSecrets(Vec<Arc<Minted>>);

/// A placeholder that stands where no secret is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Misplaced(pub(in crate::proxy) &'static str);

/// What can carry a credential in a request's head.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct HeadCarriers<'a> {
    /// Header fields.
    pub(in crate::proxy) headers: &'a [HeaderName],
    /// The other carriers.
    pub(in crate::proxy) others: &'a authsome_providers::Carriers,
}

/// A placeholder with that length: no other is its beginning, as each has a number of its own.
pub(in crate::proxy) fn placeholder(prefix: &str, number: usize, length: usize) -> Option<String> {
    let prefix = if length >= prefix.len() + MIN_MINTED {
        prefix
    } else {
        ""
    };
    let mut text = format!("{prefix}{MARK}{number:04}");
    if text.len() > length {
        return None;
    }
    text.extend(std::iter::repeat_n('0', length - text.len()));
    Some(text)
}

impl MintedSecrets {
    /// How many there are.
    pub(in crate::proxy) fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes of all secrets.
    pub(in crate::proxy) fn bytes(&self) -> usize {
        self.0.iter().map(|known| known.placeholder.len()).sum()
    }

    /// These and one more.
    pub(in crate::proxy) fn with(
        &self,
        secret: &str,
        placeholder: &str,
        connection: &ConnectionId,
    ) -> Self {
        let minted = Minted {
            secret: Secret::new(secret.to_owned()),
            placeholder: placeholder.to_owned(),
            connection: connection.clone(),
        };
        let all = self.0.iter().cloned().chain([Arc::new(minted)]);
        Self(all.collect())
    }

    /// What stands for that secret already.
    pub(in crate::proxy) fn placeholder_of(&self, secret: &str) -> Option<&str> {
        let known = self.0.iter();
        let mut same = known.filter(|known| known.secret.matches(secret.as_bytes()));
        same.next().map(|known| known.placeholder.as_str())
    }

    /// Whether a placeholder is in the text.
    pub(in crate::proxy) fn is_in(&self, text: &[u8]) -> bool {
        self.find(text).is_some()
    }

    /// What responses are searched for.
    pub(in crate::proxy) fn hidden(&self) -> impl Iterator<Item = Hidden<'_>> {
        self.0.iter().map(|known| Hidden {
            secret: known.secret.expose().as_bytes(),
            placeholder: &known.placeholder,
        })
    }

    fn find(&self, text: &[u8]) -> Option<&Minted> {
        memmem::find(text, MARK.as_bytes())?;
        let mut known = self.0.iter().map(|known| &**known);
        known.find(|known| memmem::find(text, known.placeholder.as_bytes()).is_some())
    }

    /// Whether a placeholder is in the head of a request, wherever it is.
    pub(in crate::proxy) fn is_in_head(&self, parts: &Parts) -> bool {
        self.in_text(target(parts)).is_some()
            || parts.headers.iter().any(|(name, value)| {
                self.is_in(name.as_str().as_bytes()) || self.in_value(value).is_some()
            })
    }

    /// Those of that connection, and all others.
    pub(in crate::proxy) fn split(&self, connection: &ConnectionId) -> (Self, Self) {
        let all = self.0.iter().cloned();
        let (own, others) = all.partition(|known| known.connection == *connection);
        (Self(own), Self(others))
    }

    /// Checks that each placeholder in a request's head is in a carrier.
    pub(in crate::proxy) fn check_head(
        &self,
        parts: &Parts,
        carriers: HeadCarriers<'_>,
    ) -> Result<(), Misplaced> {
        let in_header = |(name, value): (&HeaderName, &HeaderValue)| {
            self.is_in(name.as_str().as_bytes())
                || (self.in_value(value).is_some() && !carriers.headers.contains(name))
        };
        if parts.headers.iter().any(in_header) {
            return Err(Misplaced("a header"));
        }
        let in_pair = |pair| self.in_text(pair).is_some() && !carries(pair, carriers.others);
        let query = parts.uri.query().unwrap_or_default();
        if self.in_text(parts.uri.path()).is_some() || query.split(SEPARATORS).any(in_pair) {
            return Err(Misplaced("the URL"));
        }
        Ok(())
    }

    /// Puts secrets where their placeholders are in the carriers of a request's head, and removes
    /// the other carriers. `false` if one does not fit there.
    pub(in crate::proxy) fn put_into_head(
        &self,
        parts: &mut Parts,
        carriers: HeadCarriers<'_>,
    ) -> bool {
        keep_only(
            parts,
            carriers.headers,
            carriers.others,
            |value| self.in_value(value).is_some(),
            |pair| self.in_text(pair).is_some(),
        );
        for (_, value) in &mut parts.headers {
            if self.in_value(value).is_none() {
                continue;
            }
            let Some(secret) = self.put_into_value(value) else {
                return false;
            };
            *value = secret;
        }
        let query = parts.uri.query().unwrap_or_default();
        if self.in_text(query).is_none() {
            return true;
        }
        let mut target = format!("{}?", parts.uri.path());
        for piece in query.split_inclusive(SEPARATORS) {
            match self.put_into_pair(piece) {
                Some(pair) => target.push_str(&pair),
                None => target.push_str(piece),
            }
        }
        set_target(parts, target)
    }

    fn put_into_value(&self, value: &HeaderValue) -> Option<HeaderValue> {
        let mut made = if self.is_in(value.as_bytes()) {
            HeaderValue::from_bytes(&self.put_into(value.as_bytes(), &<[u8]>::to_vec))
        } else {
            let plain = Zeroizing::new(decoded_basic(value)?);
            let plain = self.put_into(&plain, &<[u8]>::to_vec);
            HeaderValue::try_from(format!("Basic {}", STANDARD.encode(&*plain)))
        };
        if let Ok(made) = &mut made {
            made.set_sensitive(true);
        }
        made.ok()
    }

    /// `None` if no placeholder is in it. The separator behind it stays.
    fn put_into_pair(&self, piece: &str) -> Option<String> {
        self.in_text(piece)?;
        let pair = piece.trim_end_matches(SEPARATORS);
        let (name, value) = pair.split_once('=')?;
        let value: Vec<u8> = percent_decode_str(&value.replace('+', " ")).collect();
        let value = self.put_into(&value, &<[u8]>::to_vec);
        let separator = piece.strip_prefix(pair).unwrap_or_default();
        let value = percent_encode(&value, NON_ALPHANUMERIC);
        Some(format!("{name}={value}{separator}"))
    }

    /// A text with secrets in the place of their placeholders, as `encode` writes them.
    fn put_into(&self, text: &[u8], encode: &dyn Fn(&[u8]) -> Vec<u8>) -> Zeroizing<Vec<u8>> {
        let mut text = Zeroizing::new(text.to_vec());
        for known in &self.0 {
            let Some(at) = memmem::find(&text, known.placeholder.as_bytes()) else {
                continue;
            };
            let secret = Zeroizing::new(encode(known.secret.expose().as_bytes()));
            let (before, rest) = text.split_at(at);
            let behind = rest.get(known.placeholder.len()..).unwrap_or_default();
            let parts = [before, &secret, behind];
            text = Zeroizing::new(parts.concat());
        }
        text
    }

    /// A placeholder in a part of a URL, percent-encoded or not.
    fn in_text(&self, text: &str) -> Option<&Minted> {
        let is_encoded = || {
            let plain: Vec<u8> = percent_decode_str(text).collect();
            self.find(&plain)
        };
        let found = self.find(text.as_bytes());
        found.or_else(|| text.contains('%').then(is_encoded).flatten())
    }

    /// A placeholder in a field's value, as it is or inside Basic credentials.
    fn in_value(&self, value: &HeaderValue) -> Option<&Minted> {
        let found = self.find(value.as_bytes());
        found.or_else(|| self.find(&decoded_basic(value)?))
    }
}

fn target(parts: &Parts) -> &str {
    let target = parts.uri.path_and_query();
    target.map_or("", http::uri::PathAndQuery::as_str)
}

impl fmt::Debug for MintedSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MintedSecrets([{} redacted])", self.0.len())
    }
}

#[cfg(test)]
mod tests;
