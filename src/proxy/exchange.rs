//! The heart: one request, from its arrival to its answer.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body;

use super::body::ClientBody;
use super::connect::kind_of;
use super::headers::{self, Survey};
use super::inject;
use super::interim::Interim;
use super::limits::{LARGEST_HELD_BODY, MOST_REPETITIONS};
use super::placeholder;
use super::record::Entry;
use super::refusal::Refusal;
use super::rejection;
use super::request_body::{Passage, RequestBody};
use super::respond;
use super::response_body::{ResponseBody, UpstreamBody};
use super::route::{Candidates, Route, RouteMatch, RouteTable};
use super::session::Session;
use super::target::{Authority, Target};
use super::upgrade::{ClientUpgrade, Wish};
use super::upstream::{Dialect, Scheme, Sending, Upstream};
use super::upstream_connections::ByCertificate;
use super::web_page;
use crate::audit::{Audit, Quoted, Way};
use crate::connection::{CredentialSource, Usage, Verdict};

/// Where the requests of one connection go.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) authority: Authority,
    /// The same, for the log.
    pub(super) quoted: Quoted,
    /// The same, as a URL has it.
    pub(super) uri_authority: http::uri::Authority,
    /// The name in the client's TLS hello, where it is another one.
    pub(super) sni_differs: Option<String>,
    /// How the requests reach the proxy.
    pub(super) way: Way,
    /// The connections that they go on by.
    pub(super) connections: ByCertificate,
    /// Whose they can be.
    pub(super) candidates: Candidates,
    /// Where what becomes of them is noted.
    pub(super) audit: Arc<Audit>,
    /// What is known of the body of a request that has none.
    pub(super) nothing: Arc<Passage>,
}

impl Place {
    /// The place of a tunnel.
    pub(super) fn of_tunnel(
        authority: Authority,
        sni: Option<&str>,
        routes: &RouteTable,
        upstream: &Upstream,
        audit: &Arc<Audit>,
    ) -> Option<Arc<Self>> {
        let label = authority.to_string();
        // The default port is left out, as clients do in `Host`.
        let uri_authority = label.strip_suffix(":443").unwrap_or(&label).parse().ok()?;
        let sni_differs = differing(sni, authority.host());
        let candidates = routes.to(&authority);
        let connections = ByCertificate::new(&authority, Scheme::Https, &candidates, upstream);
        Some(Arc::new(Self {
            authority,
            quoted: Quoted::new(&label),
            uri_authority,
            sni_differs,
            way: Way::Connect,
            connections,
            candidates,
            audit: Arc::clone(audit),
            nothing: Passage::of_nothing(),
        }))
    }
}

/// The name in a TLS hello, where it is another host's.
fn differing(sni: Option<&str>, host: &str) -> Option<String> {
    let other = sni.filter(|name| !name.eq_ignore_ascii_case(host));
    other.map(ToOwned::to_owned)
}

/// What is done with a request.
enum Plan<'a> {
    /// The connection's credential goes on, in the shape of that index.
    Inject(&'a Arc<Route>, usize),
    /// It goes on without: the provider's web pages, its OAuth endpoints.
    Pass(&'a Arc<Route>),
    /// The same of a request that belongs to no connection; the route says what carries a credential there.
    PassUnowned(Option<&'a Arc<Route>>),
}

impl<'a> Plan<'a> {
    /// The route that the request belongs to.
    fn owner(&self) -> Option<&'a Arc<Route>> {
        match self {
            Self::Inject(route, _) | Self::Pass(route) => Some(route),
            Self::PassUnowned(_) => None,
        }
    }
}

/// Answers one request; every failure becomes an answer that says what to do.
///
/// Not an `async fn`: that would keep room for its arguments beside what is made of them, and a future of more than 2 KiB is moved at a price.
pub(super) fn handle<S: CredentialSource>(
    session: &Session<S>,
    place: &Arc<Place>,
    request: Request<ClientBody>,
    upgrade: Option<ClientUpgrade>,
    interim: Interim,
) -> impl Future<Output = Response<ResponseBody>> {
    let mut entry = Entry::new(place, &request);
    let survey = Survey::of(request.headers());
    let mut wish = upgrade.and_then(|client| Wish::of(&request, client));
    let (mut parts, body) = request.into_parts();
    let mut body = Some(body);
    async move {
        let answered = exchange(
            session, place, &mut parts, survey, &mut body, &mut wish, &interim, &mut entry,
        )
        .await;
        let refusal = match answered {
            Ok(response) => return response,
            Err(refusal) => refusal,
        };
        let response = respond::from_refusal(&refusal);
        entry.refused(
            kind_of(&refusal),
            response.status().as_u16(),
            refusal.to_string(),
        );
        entry.finish(0);
        if let Some(body) = body {
            super::body::drain_beside(body, survey.expect);
        }
        response
    }
}

/// The way of a request, one line a stage.
#[expect(
    clippy::too_many_arguments,
    reason = "the state of one request, in the order in which it is used"
)]
async fn exchange<S: CredentialSource>(
    session: &Session<S>,
    place: &Place,
    parts: &mut Parts,
    survey: Survey,
    body: &mut Option<ClientBody>,
    wish: &mut Option<Wish>,
    interim: &Interim,
    entry: &mut Entry,
) -> Result<Response<ResponseBody>, Refusal> {
    let target = admit(place, parts)?;
    let plan = plan(session, place, parts, survey, &target, entry)?;
    headers::clean_request(&mut parts.headers, survey);
    if let Some(wish) = wish {
        wish.renew(&mut parts.headers);
    }
    let passage = match &*body {
        Some(body) if !body.is_end_stream() => Arc::new(Passage::new(survey.expect)),
        _ => Arc::clone(&place.nothing),
    };
    let sending = Sending {
        passage: &passage,
        place,
        connections: place.connections.of(plan.owner()),
        interim,
    };
    let dialect = dialect(parts.version, wish.is_some());
    let outcome = match plan {
        Plan::Inject(route, shape) => {
            inject(session, route, shape, parts, body, &sending, dialect, entry).await
        }
        Plan::Pass(route) => pass(session, Some(route), parts, body, &sending, dialect).await,
        Plan::PassUnowned(route) => pass(session, route, parts, body, &sending, dialect).await,
    };
    let outcome = outcome.map_err(|refusal| refusal.of(plan.owner()))?;
    let mut entry = std::mem::take(entry);
    match plan {
        Plan::Inject(..) => entry.injected(outcome.response.status().as_u16()),
        Plan::Pass(_) | Plan::PassUnowned(_) => entry.forget(),
    }
    Ok(hand_over(outcome, wish.take(), entry))
}

/// Refuses what is not served at all, and what is not for this place.
fn admit(place: &Place, parts: &Parts) -> Result<Target, Refusal> {
    match parts.method {
        Method::TRACE => return Err(Refusal::Method("TRACE")), // its answer would show the credential to the client
        Method::CONNECT => return Err(Refusal::Method("CONNECT inside a tunnel")),
        _ => {}
    }
    if let Some(name) = &place.sni_differs {
        return Err(Refusal::Misdirected {
            expected: place.authority.to_string(),
            found: name.clone(),
        });
    }
    Target::parse(&place.authority, place.uri_authority.as_str(), parts)
}

/// Which connection the request belongs to, and what its rules say.
fn plan<'a, S>(
    session: &Session<S>,
    place: &'a Place,
    parts: &Parts,
    survey: Survey,
    target: &Target,
    entry: &mut Entry,
) -> Result<Plan<'a>, Refusal> {
    let (method, query) = (parts.method.as_str(), parts.uri.query());
    let route = match place.candidates.resolve(&target.path) {
        RouteMatch::Ambiguous(tied) => {
            let injects = |route: &Arc<Route>| {
                let path = route.relative_path(&target.path);
                route.rules.injection(method, path, query).is_some()
            };
            // A certificate would be a credential as well.
            let has_certificate = |route: &Arc<Route>| route.client_certificate.is_some();
            if !tied
                .iter()
                .any(|route| injects(route) || has_certificate(route))
            {
                return Ok(Plan::PassUnowned(place.candidates.first())); // none of them would put anything on
            }
            return Err(Refusal::Ambiguous(
                tied.iter().map(|route| route.label.clone()).collect(),
            ));
        }
        RouteMatch::None => return Ok(Plan::PassUnowned(place.candidates.first())),
        RouteMatch::Route(route) => route,
    };
    entry.belongs_to(route);
    let path = route.relative_path(&target.path);
    let Some(shape) = route.rules.injection(method, path, query) else {
        return Ok(Plan::Pass(route));
    };
    if survey.page && web_page::is_of_another_origin(&parts.headers, &place.uri_authority) {
        return Err(Refusal::AnotherOrigin);
    }
    if let Some(rule) = route.rules.guard(method, path) {
        let provider = route.id.provider.to_string();
        if !session
            .allowed_guards
            .contains(&format!("{provider}/{}", rule.name))
        {
            return Err(Refusal::Guarded {
                provider,
                rule: rule.name.clone(),
                reason: rule.reason.clone(),
            });
        }
    }
    Ok(Plan::Inject(route, shape))
}

/// An answer of the provider, with what was read of its body.
struct Outcome {
    response: Response<UpstreamBody>,
    head: Option<Bytes>,
}

async fn pass<S: CredentialSource>(
    session: &Session<S>,
    route: Option<&Arc<Route>>,
    parts: &mut Parts,
    body: &mut Option<ClientBody>,
    sending: &Sending<'_>,
    dialect: Dialect,
) -> Result<Outcome, Refusal> {
    if placeholder::find_in_head(parts).is_some() {
        if let Some(route) = route {
            inject::strip_placeholders(parts, &route.carriers, route.rules.carriers());
        }
        if let Some(found) = placeholder::find_in_head(parts) {
            return Err(Refusal::Placeholder(found)); // in a place that no definition names
        }
    }
    let body = outgoing(body, sending.passage);
    let response = session.upstream.send(parts, body, sending, dialect).await?;
    Ok(Outcome {
        response,
        head: None,
    })
}

/// Puts the credential on and sends the request; after a 401 that is about the token, once more with a better one.
#[expect(
    clippy::too_many_arguments,
    reason = "the state of one request, in the order in which it is used"
)]
async fn inject<S: CredentialSource>(
    session: &Session<S>,
    route: &Arc<Route>,
    shape: usize,
    parts: &mut Parts,
    body: &mut Option<ClientBody>,
    sending: &Sending<'_>,
    dialect: Dialect,
    entry: &mut Entry,
) -> Result<Outcome, Refusal> {
    let mut credential = session
        .source
        .get(&route.id, usage(parts, body.as_ref()))
        .await?;
    let passage = sending.passage;
    let mut next = outgoing(body, passage);
    let mut attempt = 0;
    inject::strip(parts, &route.carriers, route.rules.carriers());
    let stripped = parts.uri.clone();
    loop {
        let ready = route.ready(&credential);
        let form = ready.forms.get(shape);
        if !form.is_some_and(|form| inject::put(parts, &stripped, form)) {
            return Err(Refusal::Malformed(
                "the credential does not fit into this request",
            ));
        }
        if let Some(found) = placeholder::find_in_head(parts) {
            return Err(Refusal::Placeholder(found));
        }
        entry.sent();
        let response = session.upstream.send(parts, next, sending, dialect).await?;
        if response.status() != StatusCode::UNAUTHORIZED || attempt >= MOST_REPETITIONS {
            return Ok(Outcome {
                response,
                head: None,
            });
        }
        // Rare, and large: in a box, the request of the usual way has no room for it.
        let looking = async {
            let (refused, head, rejection) = rejection::look_into(response).await;
            let source = &session.source;
            let verdict = source.reject(&route.id, &credential, rejection, attempt);
            (refused, head, verdict.await)
        };
        let (mut response, head, verdict) = Box::pin(looking).await;
        match verdict {
            _ if !passage.is_repeatable() => {
                break Ok(Outcome {
                    response,
                    head: Some(head),
                });
            }
            Verdict::Accept => {
                break Ok(Outcome {
                    response,
                    head: Some(head),
                });
            }
            Verdict::Fail(error) => return Err(error.into()),
            Verdict::Retry(better) => credential = better,
            Verdict::RetrySame(pause) => tokio::time::sleep(pause).await,
        }
        let rest = response.body_mut().take_upload();
        let Some(once_more) = passage.rewind(rest) else {
            break Ok(Outcome {
                response,
                head: Some(head),
            });
        };
        next = once_more;
        attempt += 1;
    }
}

/// Prepares an answer for the client.
fn hand_over(outcome: Outcome, wish: Option<Wish>, entry: Entry) -> Response<ResponseBody> {
    let Outcome { mut response, head } = outcome;
    match wish {
        Some(wish) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
            wish.grant(response, entry)
        }
        _ => {
            headers::clean_response(response.headers_mut());
            let status = response.status();
            response.map(|body| ResponseBody::streamed(status, head, body, entry))
        }
    }
}

/// The client's body on its way; it is taken once.
fn outgoing(body: &mut Option<ClientBody>, passage: &Arc<Passage>) -> RequestBody {
    body.take().map_or(RequestBody::Empty, |incoming| {
        RequestBody::new(incoming, passage)
    })
}

/// Whether the request could be sent a second time: a body of unknown length, or a large one, streams through once.
fn usage(parts: &Parts, body: Option<&ClientBody>) -> Usage {
    if is_repeatable(parts, body.is_none_or(Body::is_end_stream)) {
        Usage::Repeatable
    } else {
        Usage::Once
    }
}

pub(super) fn is_repeatable(parts: &Parts, has_no_body: bool) -> bool {
    if has_no_body {
        return true;
    }
    let length = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    length.is_some_and(|length| length <= LARGEST_HELD_BODY)
}

fn dialect(version: Version, upgrade: bool) -> Dialect {
    if version == Version::HTTP_2 && !upgrade {
        Dialect::Http2
    } else {
        Dialect::Http1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sni_of_another_host_is_noticed() {
        for same in [None, Some("gitlab.test"), Some("GITLAB.test")] {
            assert_eq!(differing(same, "gitlab.test"), None);
        }
        let other = Some("evil.test");
        assert_eq!(differing(other, "gitlab.test").as_deref(), other);
    }
}
