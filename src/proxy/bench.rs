//! For `benches/parts.rs` only: single steps in the path of a request, which are private to the
//! proxy. Each runs the code that `exchange` runs.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::request::Parts;

use crate::authority::Authority;
use crate::credential::Credential;
use crate::env::env_vars::PLACEHOLDER;
use crate::proxy::policy::candidates::{Candidates, RouteMatch};
use crate::proxy::policy::route::Route;
use crate::proxy::policy::routes::RouteTable;
use crate::proxy::rewrite::carriers;
use crate::proxy::rewrite::hop_by_hop::{self, HeaderFlags};
use crate::proxy::rewrite::placeholder;
use crate::proxy::rewrite::scrub::mints::NoMints;
use crate::proxy::rewrite::scrub::patterns::{Fit, Hidden, Patterns};
use crate::proxy::rewrite::scrub::{self, Plan};

/// A tunnel: the routes of its host, which are looked up once.
#[derive(Debug)]
pub struct Tunnel(Candidates);

/// The connection that a request belongs to.
#[derive(Debug)]
pub struct Owner(Arc<Route>);

impl Tunnel {
    /// To that `host:port`; `None` if it is not valid.
    pub fn to(table: &RouteTable, authority: &str) -> Option<Self> {
        Some(Self(table.to(&Authority::parse(authority, None)?)))
    }

    /// The connection that a request for that path belongs to, if it is exactly one.
    pub fn owner(&self, path: &str) -> Option<Owner> {
        match self.0.resolve(path) {
            RouteMatch::Route(route) => Some(Owner(Arc::clone(route))),
            RouteMatch::Ambiguous(_) | RouteMatch::None => None,
        }
    }
}

impl Owner {
    /// Removes every carrier, adds the credential in the route's first shape, and searches for the
    /// placeholder. Returns whether the request may be sent.
    pub fn inject(&self, parts: &mut Parts, credential: &Credential) -> bool {
        let route = &self.0;
        carriers::strip(parts, &route.carriers, route.rules.carriers());
        let stripped = parts.uri.clone();
        let ready = route.ready(credential);
        let form = ready.form(0);
        form.is_some_and(|form| form.put(parts, &stripped))
            && placeholder::find_in_head(parts, &route.others).is_none()
    }
}

/// Prepares a request's headers for the next hop.
pub fn clean(headers: &mut HeaderMap) {
    let flags = HeaderFlags::of(headers);
    hop_by_hop::clean_request(headers, flags);
}

/// The search of responses for a session's secrets.
#[derive(Debug)]
pub struct Scrubbing(Arc<Patterns>);

impl Scrubbing {
    /// For these secrets.
    pub fn of(secrets: &[&str]) -> Self {
        let hidden = secrets.iter().map(|secret| Hidden {
            secret: secret.as_bytes(),
            placeholder: PLACEHOLDER,
        });
        Self(Arc::new(Patterns::new(hidden)))
    }

    /// Searches the header fields of a response. Returns how many have a secret.
    pub fn fields(&self, headers: &mut HeaderMap) -> u64 {
        scrub::scrub_fields(headers, &self.0, Fit::SameLength)
    }

    /// Searches the body of a response that comes in one piece. Returns how many bytes pass, or
    /// `None` if it cannot be decoded.
    pub fn body(&self, headers: &HeaderMap, body: Bytes) -> Option<usize> {
        let length = body.len();
        let mut scrubbed = match Plan::of(headers, &self.0, None, Fit::SameLength) {
            Plan::Pass => return Some(length),
            Plan::Scrub(scrubbed) => scrubbed,
            Plan::UnknownCoding => return None,
        };
        scrubbed.push(body);
        let mut passed = 0;
        while let Some(piece) = scrubbed.next(&NoMints).ok()? {
            passed += piece.len();
        }
        let last = scrubbed.finish(&NoMints).ok()?;
        Some(passed + last.map_or(0, |last| last.len()))
    }
}
