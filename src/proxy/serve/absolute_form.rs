//! Requests in absolute form (RFC 9112 §3.2.2), which some clients send instead of a `CONNECT`.

use std::sync::Arc;

use http::header::{HOST, HeaderValue, UPGRADE};
use http::{Request, Response};
use hyper::body::Incoming;

use super::refuse::refuse;
use super::shared::Shared;
use crate::audit::Way;
use crate::authority::Authority;
use crate::connection::CredentialSource;
use crate::proxy::admission::permit::Permit;
use crate::proxy::body::client::ClientBody;
use crate::proxy::body::replay::UploadProgress;
use crate::proxy::body::request::RequestBody;
use crate::proxy::exchange;
use crate::proxy::exchange::agent;
use crate::proxy::exchange::log_entry::Entry;
use crate::proxy::exchange::place::Place;
use crate::proxy::exchange::respond;
use crate::proxy::exchange::response_body::ResponseBody;
use crate::proxy::exchange::searched_body::Search;
use crate::proxy::exchange::upgrade::ClientUpgrade;
use crate::proxy::message::interim::Interim;
use crate::proxy::policy::gate::Disposition;
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::hop_by_hop::{self, HeaderFlags};
use crate::proxy::rewrite::placeholder;
use crate::proxy::upstream::body::UpstreamBody;
use crate::proxy::upstream::destination::{Dialect, Scheme};
use crate::proxy::upstream::send::RequestContext;

const NO_TARGET: Refusal = Refusal::Malformed(
    "the target names no host, or names it in a form that servers read differently",
);

/// `GET https://…` (older axios): handled as if it had come through a tunnel. The target decides
/// where it goes, and `Host` is replaced to match it (RFC 9112 §3.2.2).
pub(super) async fn https<S: CredentialSource>(
    shared: &Shared<S>,
    permit: Permit,
    mut request: Request<Incoming>,
) -> Response<ResponseBody> {
    let Some(place) = place_of(shared, &mut request, Scheme::Https) else {
        return refuse(&NO_TARGET, request);
    };
    if Shared::<S>::is_agent(&place.authority) {
        return agent::respond(&shared.session, request.map(ClientBody::Hyper)).await;
    }
    match shared.gate().dispose(&place.authority) {
        Disposition::Refuse(refusal) => shared.refuse(&place.authority, &refusal, request),
        Disposition::Intercept | Disposition::Tunnel => {
            let upgrade = upgrade_of(&mut request, permit);
            let request = request.map(ClientBody::Hyper);
            let session = &shared.session;
            exchange::handle(session, &place, request, upgrade, Interim::default()).await
        }
    }
}

/// `GET http://…`: forwarded. Over plain HTTP no credential is ever injected, and the placeholder
/// is not sent either.
pub(super) async fn http<S>(
    shared: &Shared<S>,
    mut request: Request<Incoming>,
) -> Response<ResponseBody> {
    let Some(place) = place_of(shared, &mut request, Scheme::Http) else {
        return refuse(&NO_TARGET, request);
    };
    // It does not leave the machine, and holds no secret.
    if Shared::<S>::is_agent(&place.authority) {
        return agent::respond(&shared.session, request.map(ClientBody::Hyper)).await;
    }
    let mut entry = Entry::new(&place, &request);
    match forward_http(shared, &place, request).await {
        Ok(response) => {
            entry.forget();
            shared.forwards(&place.authority, Way::Absolute);
            let status = response.status();
            response.map(|body| ResponseBody::streamed(status, None, body, Search::Nothing, entry))
        }
        Err(refusal) => {
            let response = respond::from_refusal(&refusal);
            let status = response.status().as_u16();
            entry.refused(&refusal, status);
            entry.finish(0);
            response
        }
    }
}

async fn forward_http<S>(
    shared: &Shared<S>,
    place: &Place,
    request: Request<Incoming>,
) -> Result<Response<UpstreamBody>, Refusal> {
    let (mut parts, body) = request.into_parts();
    let flags = HeaderFlags::of(&parts.headers);
    let progress = UploadProgress::new(flags.expect).metered_by(&shared.session.policy);
    let progress = Arc::new(progress);
    // If the request is refused, dropping this body drains it.
    let search = shared.session.routes.search();
    let body = ClientBody::Hyper(body);
    let body = RequestBody::new(body, &parts.headers, (Some(search), None), &progress);
    shared.gate().check_unmanaged(&place.authority)?;
    if placeholder::find_in_head(&parts, search.others).is_some() {
        return Err(Refusal::PlaceholderInClear);
    }
    hop_by_hop::clean_request(&mut parts.headers, flags);
    let sending = RequestContext {
        progress: &progress,
        origin: place.origins.of(None),
        interim: &Interim::default(),
    };
    let upstream = &shared.session.upstream;
    let sent = upstream.send(&parts, body, sending, Dialect::Http1).await;
    let mut response = sent.map_err(|refusal| match refusal {
        Refusal::Placeholder(_) => Refusal::PlaceholderInClear,
        other => other,
    })?;
    hop_by_hop::clean_response(response.headers_mut());
    Ok(response)
}

/// A future for the client's stream if the request asks for another protocol, with the permit that
/// is held as long as the stream lives.
fn upgrade_of<B>(request: &mut Request<B>, permit: Permit) -> Option<ClientUpgrade> {
    let is_wished = request.headers().contains_key(UPGRADE);
    is_wished.then(|| ClientUpgrade::Hyper(hyper::upgrade::on(request), permit))
}

/// Where such a request goes. Its `Host` is replaced to match.
fn place_of<S>(
    shared: &Shared<S>,
    request: &mut Request<Incoming>,
    scheme: Scheme,
) -> Option<Arc<Place>> {
    let stated = request.uri().authority()?;
    let authority = Authority::parse(stated.as_str(), Some(scheme.usual_port()))?;
    let place = Place::of_absolute_form(&shared.session, authority, scheme)?;
    let host = HeaderValue::from_str(place.origins.uri_authority().as_str()).ok()?;
    request.headers_mut().insert(HOST, host);
    Some(place)
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    #[test]
    fn an_upgraded_connection_counts_as_long_as_it_lives() {
        let open = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&open).try_acquire_owned().unwrap();
        let wishing = Request::builder().header(UPGRADE, "websocket").body(());
        let upgrade = upgrade_of(&mut wishing.unwrap(), Arc::new(permit));
        assert!(upgrade.is_some());
        assert_eq!(open.available_permits(), 0);
        drop(upgrade);
        assert_eq!(open.available_permits(), 1);
    }
}
