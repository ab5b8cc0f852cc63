//! The log of every request that arrived, and waiting on it.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::request::Parts;
use rustls_pki_types::CertificateDer;

use crate::credential::Arrived;

/// The HTTP version by which a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP/1.0 or HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// A request that arrived, as it arrived.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The path with the relative root, still percent-encoded.
    pub path: String,
    /// The query, still encoded.
    pub query: Option<String>,
    /// The HTTP version.
    pub version: Protocol,
    /// Every header, names in lower case; HTTP/2's `:authority` comes first under that name.
    pub headers: Vec<(String, String)>,
    /// The credential it carried.
    pub credential: Arrived,
    /// The certificate that the client showed in TLS.
    pub client_certificate: Option<CertificateDer<'static>>,
    /// The decoded form of a POST to `/oauth/…`; empty otherwise.
    pub form: Vec<(String, String)>,
    /// When it had arrived.
    pub at: Instant,
}

impl Seen {
    /// Notes a request's head and, for the OAuth endpoints, its form.
    pub(crate) fn new(parts: &Parts, credential: Arrived, form: Vec<(String, String)>) -> Self {
        let authority = parts
            .uri
            .authority()
            .map(|authority| (":authority".to_owned(), authority.to_string()));
        let headers = parts.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(ToOwned::to_owned),
            version: if parts.version == http::Version::HTTP_2 {
                Protocol::Http2
            } else {
                Protocol::Http1
            },
            headers: authority.into_iter().chain(headers).collect(),
            credential,
            client_certificate: parts.extensions.get().cloned(),
            form,
            at: Instant::now(),
        }
    }

    /// The first value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(have, _)| have == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The bounded log behind `FakeGitLab::seen`.
#[derive(Debug, Default)]
pub(crate) struct Log {
    requests: Mutex<Vec<Seen>>,
    arrived: Condvar,
}

impl Log {
    /// Adds a request, unless the log is full, and wakes who waits.
    pub(crate) fn record(&self, seen: Seen) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.len() < LOG_LIMIT {
            requests.push(seen);
        }
        drop(requests);
        self.arrived.notify_all();
    }

    /// A copy of the log.
    pub(crate) fn all(&self) -> Vec<Seen> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Waits until `enough` holds of the log; false where it does not within `deadline`.
    pub(crate) fn wait_for(&self, deadline: Duration, enough: impl Fn(&[Seen]) -> bool) -> bool {
        let end = Instant::now() + deadline;
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        while !enough(&requests) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            (requests, _) = self
                .arrived
                .wait_timeout(requests, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        true
    }
}

/// Enough for any benchmark; beyond it requests are served but no longer noted.
const LOG_LIMIT: usize = 100_000;
