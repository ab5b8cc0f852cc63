//! Interim responses to the one client that needs them while its request waits for the user.
//!
//! No interim response suits all clients. Tried with one each second, and a final response after
//! eight:
//!
//! | client | 100 | 102, 103 |
//! | --- | --- | --- |
//! | Python's `http.client` (urllib, requests) | waits on | takes it for the final response |
//! | Go 1.19 (gh too) | gives up at the sixth | gives up at the sixth |
//! | undici (Node's `fetch`) | gives up at the first | its time begins anew |
//! | axios, Java's `HttpClient` | its time goes on | its time goes on |
//! | httpx | its time begins anew | its time begins anew |
//! | curl, git | have no time of their own | have no time of their own |
//!
//! Of those that gain by a 102, httpx alone gives up by itself before a request is refused here,
//! after five seconds. So it gets them, and nobody else does.

use std::time::Duration;

use http::header::USER_AGENT;
use http::{HeaderMap, StatusCode};
use tokio::time::{Instant, interval_at};

use super::attempt::Attempt;

/// How often: twice within the five seconds that httpx waits for each read.
const PERIOD: Duration = Duration::from_secs(2);

/// How the client that needs them names itself, unless its program has another name for it.
const NAME: &[u8] = b"python-httpx/";

impl<S> Attempt<'_, S> {
    /// Waits for what the user does, and keeps the client from giving up meanwhile.
    pub(super) async fn while_waiting<T>(&self, waited_for: impl Future<Output = T>) -> T {
        if !gives_up_early(&self.parts.headers) {
            return waited_for.await;
        }
        let mut waited_for = std::pin::pin!(waited_for);
        let mut ticks = interval_at(Instant::now() + PERIOD, PERIOD);
        loop {
            tokio::select! {
                done = &mut waited_for => return done,
                _ = ticks.tick() => self.interim.push(StatusCode::PROCESSING, HeaderMap::new()),
            }
        }
    }
}

fn gives_up_early(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT);
    agent.is_some_and(|agent| agent.as_bytes().starts_with(NAME))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_the_client_that_needs_them_gets_interim_responses() {
        for (agent, expected) in [
            ("python-httpx/0.28.1", true),
            ("python-requests/2.34.2", false),
            ("Python-urllib/3.11", false),
            ("Go-http-client/1.1", false),
            ("node", false),
            ("not python-httpx/0.28.1", false),
        ] {
            let headers = HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(agent))]);
            assert_eq!(gives_up_early(&headers), expected, "{agent}");
        }
        assert!(!gives_up_early(&HeaderMap::new()));
    }
}
