//! Decides what is done with a request of a managed host, from its head alone.

use std::collections::HashSet;
use std::sync::Arc;

use http::Method;
use http::request::Parts;
use http::uri::Authority;

use super::candidates::{Candidates, RouteMatch};
use super::route::Route;
use super::same_origin;
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::placeholder;

/// What is done with a request.
#[derive(Debug)]
pub(in crate::proxy) enum Plan<'a> {
    /// The connection's credential is added, in the shape with that index.
    Inject(&'a Arc<Route>, usize),
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
}

/// What a decision depends on besides the request.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct Rules<'a> {
    /// Where the request goes.
    pub(in crate::proxy) authority: &'a Authority,
    /// Its host, which is not looked for in the authority again for each request.
    pub(in crate::proxy) host: &'a str,
    /// The routes that it may belong to.
    pub(in crate::proxy) candidates: &'a Candidates,
    /// Guard rules that the user has lifted, as `provider/rule`.
    pub(in crate::proxy) allowed_guards: &'a HashSet<String>,
}

/// Refuses the methods that are never served.
pub(in crate::proxy) fn check_method(method: &Method) -> Result<(), Refusal> {
    match *method {
        // A server's response to TRACE repeats the request, which would show the credential to the
        // client ("cross-site tracing", RFC 9110 §9.3.8).
        Method::TRACE => Err(Refusal::Method("TRACE")),
        Method::CONNECT => Err(Refusal::Method("CONNECT inside a tunnel")),
        _ => Ok(()),
    }
}

/// Decides which connection the request belongs to, and what its rules say. `path` is the canonical
/// path. `of_page` is `true` if a browser says which page sent the request.
pub(in crate::proxy) fn decide<'a>(
    rules: Rules<'a>,
    parts: &Parts,
    path: &str,
    of_page: bool,
) -> Decision<'a> {
    match rules.candidates.resolve(path) {
        RouteMatch::Ambiguous(tied)
            if tied
                .iter()
                .any(|route| gives(route, rules.host, parts, path)) =>
        {
            let labels = tied.iter().map(|route| route.label.clone()).collect();
            let plan = Err(Refusal::Ambiguous(labels));
            Decision { owner: None, plan }
        }
        // No route of the tie would add a credential or present a certificate.
        RouteMatch::Ambiguous(_) | RouteMatch::None => {
            let plan = Ok(Plan::Pass(rules.candidates.first()));
            Decision { owner: None, plan }
        }
        RouteMatch::Route(route) => by_route(rules, route, parts, path, of_page),
    }
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
    rules: Rules<'a>,
    route: &'a Arc<Route>,
    parts: &Parts,
    path: &str,
    of_page: bool,
) -> Decision<'a> {
    let belonging = |plan| Decision {
        owner: Some(route),
        plan,
    };
    let shape = shape_of(route, rules.host, parts, path);
    if shape.is_none() && route.client_certificate.is_none() {
        return belonging(Ok(Plan::Pass(Some(route))));
    }
    if of_page && same_origin::is_of_another_origin(&parts.headers, rules.authority) {
        return match shape {
            Some(_) => belonging(Err(Refusal::AnotherOrigin)),
            // Served as anybody who follows a link gets the page: the request has no owner, so no
            // client certificate is presented.
            None => Decision {
                owner: None,
                plan: Ok(Plan::Pass(Some(route))),
            },
        };
    }
    if let Some(refusal) = guarded(
        rules,
        route,
        parts.method.as_str(),
        route.relative_path(path),
    ) {
        return belonging(Err(refusal));
    }
    belonging(Ok(match shape {
        Some(shape) => Plan::Inject(route, shape),
        None => Plan::Pass(Some(route)),
    }))
}

/// The refusal of a guard rule of the definition, unless the user has lifted the rule.
fn guarded(rules: Rules<'_>, route: &Route, method: &str, path: &str) -> Option<Refusal> {
    let rule = route.rules.guard(rules.host, method, path)?;
    let provider = route.id.provider.to_string();
    let name = format!("{provider}/{}", rule.name);
    let is_denied = !rules.allowed_guards.contains(&name);
    is_denied.then(|| Refusal::Guarded {
        provider,
        rule: rule.name.clone(),
        reason: rule.reason.clone(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use authsome_providers::Catalog;
    use http::Request;

    use super::*;
    use crate::net::tls::ClientCertificate;
    use crate::proxy::policy::route::Preference;
    use crate::proxy::policy::routes::{Managed, RouteTable};
    use crate::secret::Secret;

    /// GitLab with a guard rule outside of its API, with a client certificate or without.
    fn candidates(has_certificate: bool) -> Candidates {
        let home = tempfile::tempdir().unwrap();
        let bundled = Catalog::new(None).get(&"gitlab".parse().unwrap()).unwrap();
        let mut definition = bundled.json().clone();
        definition["name"] = "acme".into();
        definition["guard"] = serde_json::json!([
            { "name": "web", "methods": ["POST"], "path": "/-/tokens", "reason": "it makes one" }
        ]);
        let mut file = File::create(home.path().join("acme.json")).unwrap();
        file.write_all(definition.to_string().as_bytes()).unwrap();
        let catalog = Catalog::new(Some(home.path().to_owned()));
        let definition = catalog.get(&"acme".parse().unwrap()).unwrap();
        let certificate = || ClientCertificate::stored(String::new(), Secret::new(String::new()));
        let base = "https://gitlab.test".parse().unwrap();
        let table = RouteTable::new([Managed {
            id: crate::credential::ConnectionId {
                provider: "acme".parse().unwrap(),
                name: "default".parse().unwrap(),
            },
            service: definition.provider.at(Some(&base)).unwrap(),
            ca_pem: None,
            client_certificate: has_certificate.then(certificate),
            preference: Preference::None,
        }]);
        table.to(&crate::authority::Authority::new("gitlab.test", 443).unwrap())
    }

    /// What is decided, and whether the request has an owner, whose certificate is presented.
    fn decided(candidates: &Candidates, method: &str, path: &str, origin: &str) -> String {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("origin", origin).body(()).unwrap();
        let rules = Rules {
            authority: &"gitlab.test".parse().unwrap(),
            host: "gitlab.test",
            candidates,
            allowed_guards: &HashSet::new(),
        };
        let Decision { owner, plan } = decide(rules, &request.into_parts().0, path, true);
        let plan = match plan {
            Ok(Plan::Inject(..)) => "inject",
            Ok(Plan::Pass(_)) => "pass",
            Err(Refusal::AnotherOrigin) => "another origin",
            Err(Refusal::Guarded { .. }) => "guarded",
            Err(_) => "refused",
        };
        format!(
            "{plan}, {}",
            if owner.is_some() { "owned" } else { "nobody's" }
        )
    }

    #[test]
    fn a_certificate_is_shown_to_whom_a_token_would_be() {
        let (own, other) = ("https://gitlab.test", "https://evil.test");
        let with = candidates(true);
        assert_eq!(decided(&with, "GET", "/api/v4/user", own), "inject, owned");
        assert_eq!(
            decided(&with, "GET", "/api/v4/user", other),
            "another origin, owned"
        );
        assert_eq!(decided(&with, "GET", "/dashboard", own), "pass, owned");
        assert_eq!(decided(&with, "GET", "/dashboard", other), "pass, nobody's");
        assert_eq!(decided(&with, "POST", "/-/tokens", own), "guarded, owned");
        let without = candidates(false);
        assert_eq!(decided(&without, "GET", "/dashboard", other), "pass, owned");
        assert_eq!(decided(&without, "POST", "/-/tokens", own), "pass, owned");
    }
}
