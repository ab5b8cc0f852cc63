//! A request whose connection needs a new login waits for that login, if somebody is there who can
//! do it. Its body is not read meanwhile, its client gets nothing (but for one kind of client,
//! `while_waiting.rs`), and whatever ends the client's patience ends the wait.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::HeaderName;
use tokio::time::timeout;

use super::attempt::Attempt;
use crate::connection::{CredentialError, CredentialSource, Usage};
use crate::credential::{ConnectionId, Credential};
use crate::proxy::pending::{Parking, PendingKind, PendingRequest};

/// A client may state how long it waits for a response (RFC 7240 §4.3).
const PREFER: HeaderName = HeaderName::from_static("prefer");

impl<S: CredentialSource> Attempt<'_, S> {
    /// The credential of a connection whose login has ended, once there is a new one.
    ///
    /// # Errors
    ///
    /// The same error, if requests do not wait in this session, or as many wait as may, or no login
    /// has come in time; or another one, with which no login helps.
    pub(super) async fn after_login(
        &self,
        id: &ConnectionId,
        usage: Usage,
        error: CredentialError,
    ) -> Result<Arc<Credential>, CredentialError> {
        let CredentialError::NeedsLogin { reason, .. } = &error else {
            return Err(error);
        };
        let pending = &self.session.pending;
        let Some(most) = pending.options().park else {
            return Err(error);
        };
        let request = self.as_pending(PendingKind::Login, reason.clone());
        let subject = String::new(); // nobody can say yes to a login
        let Some(_placed) = pending.place(Parking { request, subject }) else {
            return Err(error);
        };
        let source = &self.session.source;
        let login = async {
            loop {
                source.until_login(id).await;
                match source.get(id, usage).await {
                    Err(CredentialError::NeedsLogin { .. }) => {}
                    settled => break settled,
                }
            }
        };
        let wait = preferred(&self.parts.headers).map_or(most, |wait| wait.min(most));
        let settled = self.while_waiting(timeout(wait, login)).await;
        let settled = settled.unwrap_or(Err(error));
        self.session.scrubbing.renew(&**source);
        settled
    }

    /// The request as it is shown while it waits.
    pub(super) fn as_pending(&self, kind: PendingKind, reason: String) -> PendingRequest {
        let uri = &self.parts.uri;
        PendingRequest {
            id: String::new(),
            kind,
            since: String::new(),
            until: String::new(),
            connection: self.owner.map(|route| route.label.clone()),
            method: self.parts.method.to_string(),
            host: self.place.authority.to_string(),
            path: uri.path().to_owned(),
            query: uri.query().map(ToOwned::to_owned),
            rule: None,
            exception: None,
            reason,
            sha256: None,
            body: None,
            programs: Vec::new(),
        }
    }
}

/// How long the client waits, as it states it.
fn preferred(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(PREFER).into_iter();
    let mut preferences = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']));
    preferences.find_map(|preference| {
        let (name, seconds) = preference.split_once('=')?;
        let is_wait = name.trim().eq_ignore_ascii_case("wait");
        let seconds = seconds.trim().trim_matches('"');
        is_wait.then(|| seconds.parse().ok().map(Duration::from_secs))?
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_client_states_how_long_it_waits() {
        for (value, expected) in [
            ("wait=5", Some(5)),
            ("respond-async, wait=10", Some(10)),
            ("handling=lenient; Wait = \"7\"", Some(7)),
            ("wait=long", None),
            ("waiting=5", None),
            ("wait", None),
        ] {
            let headers = HeaderMap::from_iter([(PREFER, HeaderValue::from_static(value))]);
            assert_eq!(
                preferred(&headers),
                expected.map(Duration::from_secs),
                "{value}"
            );
        }
    }
}
