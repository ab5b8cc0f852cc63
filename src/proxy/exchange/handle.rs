//! The entry to `exchange`: one request, from its arrival to its response.

use std::sync::Arc;

use http::{Request, Response};

use super::attempt::Attempt;
use super::place::Place;
use super::refused::refused_request;
use super::respond;
use super::response_body::ResponseBody;
use super::session::Session;
use super::upgrade::ClientUpgrade;
use crate::connection::CredentialSource;
use crate::proxy::body::client::ClientBody;
use crate::proxy::body::drain::drain_beside;
use crate::proxy::message::interim::Interim;

/// Responds to one request. Every failure becomes a response that says what to do.
///
/// Not an `async fn`: that would reserve space for its arguments in addition to what is made of
/// them, and a future of more than 2 KiB is expensive to move.
pub(in crate::proxy) fn handle<'a, S: CredentialSource>(
    session: &'a Session<S>,
    place: &'a Arc<Place>,
    request: Request<ClientBody>,
    upgrade: Option<ClientUpgrade>,
    interim: Interim,
) -> impl Future<Output = Response<ResponseBody>> {
    interim.searched_by(&session.scrubbing);
    let mut attempt = Attempt::new(session, place, request, upgrade, interim);
    async move {
        let refusal = match attempt.exchange().await {
            Ok(response) => return response,
            Err(refusal) => refusal.of(attempt.owner.map(|route| &route.id)),
        };
        let response = respond::to_client(&refusal, &attempt.parts.headers);
        let status = response.status().as_u16();
        let owner = attempt.owner.map(|route| &route.id);
        let (method, path) = (&attempt.parts.method, attempt.parts.uri.path());
        let host = attempt.place.authority.to_string();
        let mut told = refused_request(&refusal, owner, method, &host, path);
        told.is_liftable = attempt.is_liftable;
        attempt.session.pending.refuse(told);
        attempt.entry.refused(&refusal, status);
        attempt.entry.finish(0);
        if let Some(body) = attempt.body.take() {
            drain_beside(body, attempt.flags.expect);
        }
        response
    }
}
