//! One request from its arrival to its response.

use std::sync::Arc;

use http::request::Parts;
use http::{Request, Response, Version};
use http_body::Body;

use super::log_entry::Entry;
use super::place::Place;
use super::response_body::{BodyStart, ResponseBody};
use super::session::Session;
use super::upgrade::{ClientUpgrade, UpgradeRequest};
use crate::connection::{CredentialSource, Usage};
use crate::defence::Defence;
use crate::proxy::body::client::ClientBody;
use crate::proxy::body::replay::UploadProgress;
use crate::proxy::body::request::{RequestBody, is_repeatable};
use crate::proxy::message::interim::Interim;
use crate::proxy::policy::asking::Asking;
use crate::proxy::policy::decide::{self, Decision, Plan, Rules};
use crate::proxy::policy::denied_field::DeniedFields;
use crate::proxy::policy::route::Route;
use crate::proxy::policy::session_policy::Need;
use crate::proxy::policy::target::Target;
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::body_fields::Search;
use crate::proxy::rewrite::carriers;
use crate::proxy::rewrite::hop_by_hop::{self, HeaderFlags};
use crate::proxy::rewrite::placeholder::{self, Others};
use crate::proxy::upstream::body::UpstreamBody;
use crate::proxy::upstream::destination::Dialect;
use crate::proxy::upstream::send::RequestContext;

/// The state of one request.
pub(super) struct Attempt<'a, S> {
    pub(super) session: &'a Session<S>,
    pub(super) place: &'a Place,
    pub(super) parts: Parts,
    pub(super) flags: HeaderFlags,
    /// The client's body, until it is sent.
    pub(super) body: Option<ClientBody>,
    pub(super) upgrade_request: Option<UpgradeRequest>,
    /// Its interim responses.
    pub(super) interim: Interim,
    /// The route that it belongs to, once that is known.
    pub(super) owner: Option<&'a Arc<Route>>,
    /// What its body has to tell before it is sent.
    pub(super) need: Need,
    /// The fields that its body may not have.
    pub(super) denied_fields: DeniedFields,
    /// Why it has to wait for the user's yes, until that is there.
    pub(super) asking: Option<Box<Asking>>,
    /// Whether the user can lift the guard rule by which it was refused, for it or for the run.
    pub(super) is_liftable: bool,
    /// Whether it is to an OAuth endpoint, whose tokens are kept from the child.
    pub(super) is_oauth: bool,
    /// Its line in the log, until the response takes it over.
    pub(super) entry: Entry,
}

/// A provider's response, and the part of its body that was read to look at it.
pub(super) struct Outcome {
    pub(super) response: Response<UpstreamBody>,
    pub(super) head: Option<Box<BodyStart>>,
}

impl<'a, S: CredentialSource> Attempt<'a, S> {
    pub(super) fn new(
        session: &'a Session<S>,
        place: &'a Arc<Place>,
        request: Request<ClientBody>,
        upgrade: Option<ClientUpgrade>,
        interim: Interim,
    ) -> Self {
        let entry = Entry::new(place, &request);
        let flags = HeaderFlags::of(request.headers());
        let upgrade_request = upgrade.and_then(|client| UpgradeRequest::of(&request, client));
        let (parts, body) = request.into_parts();
        Self {
            session,
            place,
            parts,
            flags,
            body: Some(body),
            upgrade_request,
            interim,
            owner: None,
            need: Need::default(),
            denied_fields: None,
            asking: None,
            is_liftable: false,
            is_oauth: false,
            entry,
        }
    }

    /// Serves the request: each stage is one line.
    pub(super) async fn exchange(&mut self) -> Result<Response<ResponseBody>, Refusal> {
        let target = self.admit()?;
        let plan = self.plan(&target)?;
        hop_by_hop::clean_request(&mut self.parts.headers, self.flags);
        if let Some(upgrade_request) = &self.upgrade_request {
            let is_searched = self.searches_bodies();
            upgrade_request.renew(&mut self.parts.headers, is_searched);
        }
        let progress = self.progress();
        let mut outcome = match plan {
            // Rare: boxed, so that the future of a usual request does not reserve space for it.
            _ if self.flags.range => Box::pin(self.act_on_range(plan, &progress)).await?,
            Plan::Inject(route, shape) => self.inject(&progress, route, shape).await?,
            Plan::Minted(route) => Box::pin(self.send_minted(&progress, route)).await?,
            Plan::Pass(route) => self.pass(&progress, route).await?,
        };
        if self.is_oauth {
            outcome = Box::pin(self.without_tokens(outcome)).await?; // rarely
        }
        let mut entry = std::mem::take(&mut self.entry);
        match plan {
            Plan::Inject(..) => entry.injected(outcome.response.status().as_u16()),
            Plan::Minted(_) => entry.with_minted(outcome.response.status().as_u16()),
            Plan::Pass(_) => entry.passed(outcome.response.status().as_u16()),
        }
        self.hand_over(outcome, entry)
    }

    /// Refuses a request that is never served, or that is not for this place.
    fn admit(&self) -> Result<Target, Refusal> {
        decide::check_method(&self.parts.method)?;
        let place = self.place;
        let differs = place.sni_differs.as_ref();
        if let Some(name) = differs.filter(|_| Defence::ServerName.stands()) {
            return Err(Refusal::Misdirected {
                expected: place.authority.to_string(),
                found: name.clone(),
            });
        }
        Target::parse(
            &place.authority,
            place.origins.uri_authority().as_str(),
            &self.parts,
        )
    }

    /// Decides what is done with the request, and notes its owner for the log.
    fn plan(&mut self, target: &Target) -> Result<Plan<'a>, Refusal> {
        let place = self.place;
        let carries_minted = self.has_minted_in_head();
        let rules = Rules {
            authority: place.origins.uri_authority(),
            host: place.authority.host(),
            candidates: &place.candidates,
            allowed_guards: &self.session.allowed_guards,
            asked_guards: &self.session.asked_guards,
            lifted: None,
            policy: &self.session.policy,
            has_body: self.body.as_ref().is_some_and(|body| !body.is_end_stream()),
            carries_minted,
        };
        let mut decision = decide::decide(rules, &self.parts, &target.path, self.flags);
        if matches!(decision.plan, Err(Refusal::Guarded { .. })) {
            decision = self.unless_lifted(decision, rules, &target.path);
        }
        let Decision {
            owner,
            plan,
            need,
            denied_fields,
            asking,
        } = decision;
        self.owner = owner;
        if let Some(route) = owner {
            self.entry.belongs_to(route);
        }
        let mut plan = plan?;
        if carries_minted {
            plan = Plan::Minted(self.owner_of_minted()?);
        }
        self.need = need;
        self.denied_fields = denied_fields;
        self.asking = asking;
        if let Some(route) = owner.or_else(|| place.candidates.first()) {
            let path = route.relative_path(&target.path);
            self.is_oauth = route.rules.is_oauth_endpoint(path) && self.searches_bodies();
        }
        let provider = owner.map(|route| &route.id.provider);
        self.session
            .policy
            .take_request(provider, self.entry.started())?;
        Ok(plan)
    }

    /// The progress of the request's body.
    fn progress(&self) -> Arc<UploadProgress> {
        match &self.body {
            Some(body) if !body.is_end_stream() => {
                let progress = UploadProgress::new(self.flags.expect);
                Arc::new(progress.metered_by(&self.session.policy))
            }
            _ => Arc::clone(&self.place.nothing),
        }
    }

    /// Sends the request as it is now. Not an `async fn`: that would reserve space for the body in
    /// addition to what is made of it.
    pub(super) fn send<'s>(
        &'s self,
        progress: &'s Arc<UploadProgress>,
        body: RequestBody,
    ) -> impl Future<Output = Result<Response<UpstreamBody>, Refusal>> + use<'s, 'a, S> {
        let certificate = self
            .owner
            .and_then(|route| route.client_certificate.as_ref());
        let sending = RequestContext {
            progress,
            origin: self.place.origins.of(certificate),
            interim: &self.interim,
        };
        let dialect = dialect(self.parts.version, self.upgrade_request.is_some());
        let upstream = &self.session.upstream;
        upstream.send(&self.parts, body, sending, dialect)
    }

    /// The client's body, to be sent. A second call gets an empty one.
    pub(super) fn outgoing(
        &mut self,
        route: Option<&Arc<Route>>,
        progress: &Arc<UploadProgress>,
    ) -> RequestBody {
        let Some(incoming) = self.body.take() else {
            return RequestBody::Empty;
        };
        let search = route.map(|route| Search {
            carriers: route.rules.carriers(),
            others: &route.others,
        });
        let denied = self.denied_fields.take();
        RequestBody::new(incoming, &self.parts.headers, (search, denied), progress)
    }

    pub(super) async fn pass(
        &mut self,
        progress: &Arc<UploadProgress>,
        route: Option<&Arc<Route>>,
    ) -> Result<Outcome, Refusal> {
        let parts = &mut self.parts;
        let usual = Others::default();
        let others = route.map_or(&usual, |route| &route.others);
        if placeholder::find_in_head(parts, others).is_some() {
            if let Some(route) = route {
                let (headers, carriers) = (&route.carriers, route.rules.carriers());
                carriers::strip_placeholders(parts, headers, carriers, others);
            }
            if let Some(found) = placeholder::find_in_head(parts, others) {
                return Err(Refusal::Placeholder(found)); // in a part that no definition names
            }
        }
        let body = self.upload(progress, route).await?;
        let response = self.send(progress, body).await?;
        Ok(Outcome {
            response,
            head: None,
        })
    }
}

/// Whether the request can surely be sent a second time. A body of unknown length may turn out to
/// be large, and a large body is not kept.
pub(super) fn usage(parts: &Parts, body: Option<&ClientBody>) -> Usage {
    if is_repeatable(parts, body.is_none_or(Body::is_end_stream)) {
        Usage::Repeatable
    } else {
        Usage::Once
    }
}

pub(super) fn dialect(version: Version, upgrade: bool) -> Dialect {
    if version == Version::HTTP_2 && !upgrade {
        Dialect::Http2
    } else {
        Dialect::Http1
    }
}
