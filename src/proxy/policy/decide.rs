//! What is done with a request of a managed host, by its head alone.

use std::collections::HashSet;
use std::sync::Arc;

use http::Method;
use http::request::Parts;
use http::uri::Authority;

use super::candidates::{Candidates, RouteMatch};
use super::route::Route;
use super::same_origin;
use crate::proxy::refusal::Refusal;

/// What is done with a request.
#[derive(Debug)]
pub(in crate::proxy) enum Plan<'a> {
    /// The connection's credential goes on, in the shape of that index.
    Inject(&'a Arc<Route>, usize),
    /// It goes on without: the provider's web pages, its OAuth endpoints. The route says what
    /// carries a credential there.
    Pass(Option<&'a Arc<Route>>),
}

/// The answer to a request's head.
#[derive(Debug)]
pub(in crate::proxy) struct Decision<'a> {
    /// The connection that it belongs to, where that is one.
    pub(in crate::proxy) owner: Option<&'a Arc<Route>>,
    /// What is done, or why nothing is.
    pub(in crate::proxy) plan: Result<Plan<'a>, Refusal>,
}

/// What a decision rests on beside the request.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct Rules<'a> {
    /// Where the request goes.
    pub(in crate::proxy) authority: &'a Authority,
    /// Whose it can be.
    pub(in crate::proxy) candidates: &'a Candidates,
    /// Guard rules that the user has lifted, as `provider/rule`.
    pub(in crate::proxy) allowed_guards: &'a HashSet<String>,
}

/// Refuses the methods that are served nowhere.
pub(in crate::proxy) fn check_method(method: &Method) -> Result<(), Refusal> {
    match *method {
        // Its answer would show the credential to the client.
        Method::TRACE => Err(Refusal::Method("TRACE")),
        Method::CONNECT => Err(Refusal::Method("CONNECT inside a tunnel")),
        _ => Ok(()),
    }
}

/// Which connection the request belongs to, and what its rules say. `path` is the canonical one;
/// `of_page` where a browser says which page asks.
pub(in crate::proxy) fn decide<'a>(
    rules: Rules<'a>,
    parts: &Parts,
    path: &str,
    of_page: bool,
) -> Decision<'a> {
    let pass = Ok(Plan::Pass(rules.candidates.first()));
    let (owner, plan) = match rules.candidates.resolve(path) {
        RouteMatch::Ambiguous(tied) if tied.iter().any(|route| gives(route, parts, path)) => {
            let labels = tied.iter().map(|route| route.label.clone()).collect();
            (None, Err(Refusal::Ambiguous(labels)))
        }
        // None of them would put anything on, or show.
        RouteMatch::Ambiguous(_) | RouteMatch::None => (None, pass),
        RouteMatch::Route(route) => (Some(route), by_route(rules, route, parts, path, of_page)),
    };
    Decision { owner, plan }
}

/// Whether the server would learn from the request whose it is. A certificate is a credential as
/// well.
fn gives(route: &Route, parts: &Parts, path: &str) -> bool {
    let (method, query) = (parts.method.as_str(), parts.uri.query());
    let path = route.relative_path(path);
    route.client_certificate.is_some() || route.rules.injection(method, path, query).is_some()
}

fn by_route<'a>(
    rules: Rules<'a>,
    route: &'a Arc<Route>,
    parts: &Parts,
    path: &str,
    of_page: bool,
) -> Result<Plan<'a>, Refusal> {
    let (method, query) = (parts.method.as_str(), parts.uri.query());
    let path = route.relative_path(path);
    let Some(shape) = route.rules.injection(method, path, query) else {
        return Ok(Plan::Pass(Some(route)));
    };
    if of_page && same_origin::is_of_another_origin(&parts.headers, rules.authority) {
        return Err(Refusal::AnotherOrigin);
    }
    if let Some(rule) = route.rules.guard(method, path) {
        let provider = route.id.provider.to_string();
        let name = format!("{provider}/{}", rule.name);
        if !rules.allowed_guards.contains(&name) {
            return Err(Refusal::Guarded {
                provider,
                rule: rule.name.clone(),
                reason: rule.reason.clone(),
            });
        }
    }
    Ok(Plan::Inject(route, shape))
}
