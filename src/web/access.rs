//! Which requests are served: those of the page itself.
//!
//! ```text
//! the address, with #token ─→ page ─ POST /session, the token, once ─→ the session, in its memory
//!                                    └ a second time ─→ no session any more: somebody else has it
//! ```

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::defence::Defence;
use crate::secret::{Secret, random_text};

/// The length of a token and of a session: 190 bits.
const LENGTH: usize = 32;

/// The token in the address, and the session that it was exchanged for.
#[derive(Debug)]
pub(super) struct Access {
    token: Secret<String>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Nobody has brought the token.
    Unused,
    /// This is the session of whoever has brought it.
    Open(Secret<String>),
    /// It came twice.
    Closed,
}

/// What a token was taken for.
pub(super) enum Exchanged {
    /// The session.
    Session(Secret<String>),
    /// The token has been used before: there is no session any more.
    Stolen,
    /// It is not the token.
    Wrong,
}

impl Access {
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        Ok(Self {
            token: random_text(LENGTH)?,
            state: Mutex::new(State::Unused),
        })
    }

    /// The address of the page, with the token where no server and no `Referer` sees it.
    pub(super) fn url(&self, origin: &str) -> String {
        format!("{origin}/#{}", self.token.expose())
    }

    /// Takes the token, once.
    pub(super) fn exchange(&self, offered: &str) -> Exchanged {
        if !self.token.matches(offered.as_bytes()) {
            return Exchanged::Wrong;
        }
        let mut state = self.lock();
        let session = random_text(LENGTH);
        if let (State::Unused, Ok(session)) = (&*state, session) {
            *state = State::Open(session.clone());
            Exchanged::Session(session)
        } else {
            *state = State::Closed;
            Exchanged::Stolen
        }
    }

    /// Whether the request carries the session.
    pub(super) fn is_open_to(&self, headers: &HeaderMap) -> bool {
        let offered = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let offered = offered.and_then(|value| value.strip_prefix(b"Bearer "));
        match (&*self.lock(), offered) {
            (State::Open(session), Some(offered)) => session.matches(offered),
            _ => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the request names our host: the name of another site may lead to 127.0.0.1.
pub(super) fn is_to(host: &str, headers: &HeaderMap) -> bool {
    let named = headers.get(HOST).map(HeaderValue::as_bytes);
    named == Some(host.as_bytes()) || !Defence::UiHost.stands()
}

/// Whether no other site has made the browser send the request. `is_change` is for what a page of
/// ours always sends with its `Origin`.
pub(super) fn is_from(origin: &str, headers: &HeaderMap, is_change: bool) -> bool {
    if !Defence::UiOrigin.stands() {
        return true;
    }
    let value = |name: HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    let site = value(HeaderName::from_static("sec-fetch-site"));
    let is_ours = match value(ORIGIN) {
        Some(named) => named == origin.as_bytes(),
        None => !is_change,
    };
    let is_json = value(CONTENT_TYPE) == Some(b"application/json");
    // `none` is what the user has typed or another program has opened.
    let is_same =
        matches!(site, None | Some(b"same-origin")) || (!is_change && site == Some(b"none"));
    is_ours && is_same && (is_json || !is_change)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        pairs.collect()
    }

    fn bearer(session: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_str(&format!("Bearer {session}")).unwrap();
        headers.insert(AUTHORIZATION, value);
        headers
    }

    #[test]
    fn a_token_is_taken_once_and_a_second_time_ends_all() {
        let access = Access::new().unwrap();
        let url = access.url("http://127.0.0.1:1");
        let token = url.split_once('#').unwrap().1;
        assert!(matches!(access.exchange("x"), Exchanged::Wrong));
        assert!(!access.is_open_to(&bearer(token)));
        let Exchanged::Session(session) = access.exchange(token) else {
            panic!("not taken");
        };
        assert!(access.is_open_to(&bearer(session.expose())));
        assert!(!access.is_open_to(&bearer("x")) && !access.is_open_to(&HeaderMap::new()));
        assert!(matches!(access.exchange("x"), Exchanged::Wrong)); // a guess ends nothing
        assert!(access.is_open_to(&bearer(session.expose())));
        assert!(matches!(access.exchange(token), Exchanged::Stolen));
        assert!(!access.is_open_to(&bearer(session.expose())));
        assert!(matches!(access.exchange(token), Exchanged::Stolen));
    }

    #[test]
    fn another_sites_requests_are_told() {
        let ours = "http://127.0.0.1:7777";
        let json = ("content-type", "application/json");
        for (pairs, is_change, expected) in [
            (&[][..], false, true),
            (&[("sec-fetch-site", "none")], false, true),
            (&[("sec-fetch-site", "same-origin")], false, true),
            (&[("sec-fetch-site", "cross-site")], false, false),
            (&[("sec-fetch-site", "same-site")], false, false), // another port of this host
            (&[("origin", "http://evil.test")], false, false),
            (&[("origin", "null")], false, false),
            (&[json], true, false),
            (&[json, ("origin", ours)], true, true),
            (&[json, ("origin", "http://127.0.0.1:7778")], true, false),
            (&[json, ("origin", "http://localhost:7777")], true, false),
            (
                &[json, ("origin", ours), ("sec-fetch-site", "none")],
                true,
                false,
            ),
            (&[("origin", ours)], true, false),
            (
                &[("origin", ours), ("content-type", "text/plain")],
                true,
                false,
            ),
        ] {
            assert_eq!(
                is_from(ours, &headers(pairs), is_change),
                expected,
                "{pairs:?}"
            );
        }
        assert!(is_to(
            "127.0.0.1:7777",
            &headers(&[("host", "127.0.0.1:7777")])
        ));
        for other in [
            "localhost:7777",
            "127.0.0.1",
            "127.0.0.1:7778",
            "evil.test:7777",
            "",
        ] {
            let mut named = HeaderMap::new();
            named.insert(HOST, HeaderValue::from_str(other).unwrap());
            assert!(!is_to("127.0.0.1:7777", &named), "{other}");
        }
    }
}
