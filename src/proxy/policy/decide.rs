//! Decides what is done with a request of a managed host, from its head alone.

use std::collections::HashSet;
use std::sync::Arc;

use http::Method;
use http::request::Parts;
use http::uri::Authority;

use super::asking::{self, Asking};
use super::candidates::{Candidates, RouteMatch};
use super::denied_field::{DeniedBy, DeniedField, DeniedFields, joined};
use super::graphql;
use super::method_override::{IN_BODY, Methods};
use super::route::Route;
use super::same_origin;
use super::session_policy::{Need, SessionPolicy};
use crate::defence::Defence;
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::hop_by_hop::HeaderFlags;
use crate::proxy::rewrite::named_field::may_have_fields;
use crate::proxy::rewrite::placeholder;

/// What is done with a request.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) enum Plan<'a> {
    /// The connection's credential is added, in the shape with that index.
    Inject(&'a Arc<Route>, usize),
    /// The request has a fresh secret of the session's in place of the connection's credential.
    Minted(&'a Arc<Route>),
    /// The request is sent without a credential, as for the provider's web pages and its OAuth
    /// endpoints. The route says what can carry a credential there.
    Pass(Option<&'a Arc<Route>>),
}

/// The decision about a request.
#[derive(Debug)]
pub(in crate::proxy) struct Decision<'a> {
    /// The route that it belongs to, if it is exactly one. Its client certificate is presented.
    pub(in crate::proxy) owner: Option<&'a Arc<Route>>,
    /// What is done, or why the request is refused.
    pub(in crate::proxy) plan: Result<Plan<'a>, Refusal>,
    /// What is still to be looked into before it is sent.
    pub(in crate::proxy) need: Need,
    /// The fields that its body may not have.
    pub(in crate::proxy) denied_fields: DeniedFields,
    /// Why it has to wait for the user's yes, if it has to.
    pub(in crate::proxy) asking: Option<Box<Asking>>,
}

impl<'a> Decision<'a> {
    fn new(owner: Option<&'a Arc<Route>>, plan: Result<Plan<'a>, Refusal>) -> Self {
        Self {
            owner,
            plan,
            need: Need::default(),
            denied_fields: None,
            asking: None,
        }
    }

    /// The same, with that to wait for.
    fn asking(&mut self, asking: Option<Box<Asking>>) {
        self.need.ask |= asking.is_some();
        self.asking = self.asking.take().or(asking);
    }

    fn refused(owner: Option<&'a Arc<Route>>, refusal: Refusal) -> Self {
        Self::new(owner, Err(refusal))
    }
}

/// What a decision depends on besides the request.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct Rules<'a, 'r> {
    /// Where the request goes.
    pub(in crate::proxy) authority: &'a Authority,
    /// Its host, which is not looked for in the authority again for each request.
    pub(in crate::proxy) host: &'a str,
    /// The routes that it may belong to.
    pub(in crate::proxy) candidates: &'a Candidates,
    /// Guard rules that the user has lifted, as `provider/rule`.
    pub(in crate::proxy) allowed_guards: &'a HashSet<String>,
    /// Guard rules that let a request wait for the user's yes, as `provider/rule`.
    pub(in crate::proxy) asked_guards: &'a HashSet<String>,
    /// A guard rule that does not hold for this request, as `provider/rule`. It is lifted for what
    /// method and path tell: what a request sends is decided once for the whole session.
    pub(in crate::proxy) lifted: Option<&'r str>,
    /// What the user permits.
    pub(in crate::proxy) policy: &'a SessionPolicy,
    /// Whether the request has a body, or may have one.
    pub(in crate::proxy) has_body: bool,
    /// Whether the request carries what stands for a fresh secret of the session's.
    pub(in crate::proxy) carries_minted: bool,
}

/// Refuses the methods that are never served.
pub(in crate::proxy) fn check_method(method: &Method) -> Result<(), Refusal> {
    match *method {
        // A server's response to TRACE repeats the request, which would show the credential to the
        // client ("cross-site tracing", RFC 9110 §9.3.8).
        _ if !Defence::Methods.stands() => Ok(()),
        Method::TRACE => Err(Refusal::Method("TRACE")),
        Method::CONNECT => Err(Refusal::Method("CONNECT inside a tunnel")),
        _ => Ok(()),
    }
}

/// Decides which connection the request belongs to, and what its rules say. `path` is the canonical
/// path; `flags` tell of its fields.
pub(in crate::proxy) fn decide<'a>(
    rules: Rules<'a, '_>,
    parts: &Parts,
    path: &str,
    flags: HeaderFlags,
) -> Decision<'a> {
    let methods = Methods::of(parts, flags.overrides_method);
    let decision = match rules.candidates.resolve(path) {
        RouteMatch::Ambiguous(tied)
            if tied
                .iter()
                .any(|route| gives(route, rules.host, parts, path)) =>
        {
            let labels = tied.iter().map(|route| route.label.clone()).collect();
            Decision::refused(None, Refusal::Ambiguous(labels))
        }
        // No route of the tie would add a credential or present a certificate.
        RouteMatch::Ambiguous(_) | RouteMatch::None => {
            Decision::new(None, Ok(Plan::Pass(rules.candidates.first())))
        }
        RouteMatch::Route(route) => by_route(rules, route, parts, path, (flags, &methods)),
    };
    permitted(rules, decision, (parts, &methods), path)
}

/// The same decision, unless the user's policy denies the request. A request that belongs to no
/// route must be permitted for each that its host has: whose it is, only the server knows.
fn permitted<'a>(
    rules: Rules<'a, '_>,
    mut decision: Decision<'a>,
    (parts, methods): (&Parts, &Methods<'_>),
    path: &str,
) -> Decision<'a> {
    if rules.policy.is_open() || decision.plan.is_err() {
        return decision;
    }
    let all = decision.owner.is_none().then(|| rules.candidates.iter());
    let mut denied = Vec::new(); // does not allocate
    for route in decision.owner.into_iter().chain(all.into_iter().flatten()) {
        let path = route.relative_path(path);
        match rules.policy.check(route, methods, (rules.host, path)) {
            Ok(need) => decision.need = decision.need.and(need),
            Err(refusal) => return Decision::refused(decision.owner, refusal),
        }
        decision.asking(Asking::by_path(rules.policy, route, methods, path));
        if rules.has_body {
            denied.extend(denied_methods(route, parts, |method| {
                let with = rules
                    .policy
                    .check(route, &methods.with(method), (rules.host, path));
                with.err()
            }));
        }
    }
    decision.denied_fields = joined(decision.denied_fields, denied);
    decision
}

/// The methods that the body of a `POST` may not name, because `check` refuses them.
fn denied_methods(
    route: &Route,
    parts: &Parts,
    check: impl Fn(&Method) -> Option<Refusal>,
) -> impl Iterator<Item = DeniedField> {
    let name = route.rules.method_field();
    let name = name.filter(|_| Defence::MethodOverride.stands());
    let name = name.filter(|_| parts.method == Method::POST && may_have_fields(&parts.headers));
    name.into_iter().flat_map(move |name| {
        let denied = IN_BODY.iter().filter_map(|method| {
            Some(DeniedField {
                name: name.to_owned(),
                value: Some(method.to_string()),
                why: DeniedBy::of(check(method)?)?,
            })
        });
        denied.collect::<Vec<_>>()
    })
}

/// Whether the request would tell the server which user sends it: by a credential, or by a client
/// certificate.
fn gives(route: &Route, host: &str, parts: &Parts, path: &str) -> bool {
    route.client_certificate.is_some() || shape_of(route, host, parts, path).is_some()
}

/// The shape of the credential that the request gets.
fn shape_of(route: &Route, host: &str, parts: &Parts, path: &str) -> Option<usize> {
    let (method, query) = (parts.method.as_str(), parts.uri.query());
    let path = route.relative_path(path);
    let found = route.rules.injection(host, method, path, query)?;
    // Others use this host too, as themselves.
    let is_sent = || placeholder::find_in_head(parts, &route.others).is_some();
    (!found.only_if_sent || is_sent()).then_some(found.shape)
}

fn by_route<'a>(
    rules: Rules<'a, '_>,
    route: &'a Arc<Route>,
    parts: &Parts,
    path: &str,
    (flags, methods): (HeaderFlags, &Methods<'_>),
) -> Decision<'a> {
    let owner = Some(route);
    let shape = shape_of(route, rules.host, parts, path);
    if shape.is_none()
        && let Some(url) = moved(rules, route, parts)
    {
        return Decision::refused(owner, Refusal::Moved(url));
    }
    if shape.is_none() && route.client_certificate.is_none() && !rules.carries_minted {
        return Decision::new(owner, Ok(Plan::Pass(owner)));
    }
    if flags.page
        && Defence::SameOrigin.stands()
        && same_origin::is_of_another_origin(&parts.headers, rules.authority)
    {
        return match shape {
            Some(_) => Decision::refused(owner, Refusal::AnotherOrigin),
            // Served as anybody who follows a link gets the page: the request has no owner, so no
            // client certificate is presented.
            None => Decision::new(None, Ok(Plan::Pass(owner))),
        };
    }
    let relative = route.relative_path(path);
    let asking = match guards(rules, route, methods, relative) {
        Ok(asking) => asking,
        Err(refusal) => return Decision::refused(owner, refusal),
    };
    let sent = route.sent_guard(rules.allowed_guards);
    let of_route = (&*route.rules, rules.host);
    let mut denied_fields = match sent.check(of_route, (parts, relative, rules.has_body), methods) {
        Ok(fields) => fields,
        Err(refusal) => return Decision::refused(owner, refusal),
    };
    if rules.has_body && route.rules.denies_other_methods() {
        let denied = denied_methods(route, parts, |method| {
            guarded(rules, route, method.as_str(), relative)
        });
        denied_fields = joined(denied_fields, denied.collect());
    }
    let plan = match shape {
        Some(shape) => Plan::Inject(route, shape),
        None => Plan::Pass(owner),
    };
    let mut decision = Decision::new(owner, Ok(plan));
    decision.denied_fields = denied_fields;
    decision.asking(asking);
    let method = methods.method();
    decision.need.graphql = graphql::held(&route.rules, rules.host, method, relative).is_some()
        && Defence::GraphqlGuard.stands();
    decision
}

/// Where git has to ask instead, if it asks for a repository by its path of an SSH address. The
/// client's own spelling of each segment is kept, and the host stays the same.
fn moved(rules: Rules<'_, '_>, route: &Route, parts: &Parts) -> Option<String> {
    let path = parts.uri.path();
    let (prefix, path) = route.https_path(rules.host, path)?;
    let query = parts.uri.query().map(|query| format!("?{query}"));
    Some(format!(
        "https://{}{prefix}{path}{}",
        rules.authority,
        query.unwrap_or_default()
    ))
}

/// Why the request has to wait for a yes, by the guard rules of the definition.
///
/// # Errors
///
/// A rule denies it.
fn guards(
    rules: Rules<'_, '_>,
    route: &Route,
    methods: &Methods<'_>,
    path: &str,
) -> Result<Option<Box<Asking>>, Refusal> {
    let mut asking = None;
    for method in methods.iter() {
        let Some(refusal) = guarded(rules, route, method, path) else {
            continue;
        };
        let name = refusal.rule().unwrap_or_default();
        if !rules.asked_guards.contains(&name) {
            return Err(refusal);
        }
        if !asking::is_excepted(rules.policy, route, methods, path) {
            let why = (name, refusal.to_string());
            asking = Some(Box::new(Asking::new(why, route, methods.own(), path)));
        }
    }
    Ok(asking)
}

/// The refusal of a guard rule of the definition, unless the user has lifted the rule.
fn guarded(rules: Rules<'_, '_>, route: &Route, method: &str, path: &str) -> Option<Refusal> {
    let rule = route.rules.guard(rules.host, method, path)?;
    let provider = route.id.provider.to_string();
    let name = format!("{provider}/{}", rule.name);
    let is_lifted = rules.allowed_guards.contains(&name) || rules.lifted == Some(&name);
    let is_denied = !is_lifted && Defence::Guard.stands();
    is_denied.then(|| Refusal::Guarded {
        provider,
        rule: rule.name.clone(),
        reason: rule.reason.clone(),
    })
}

#[cfg(test)]
mod tests;
