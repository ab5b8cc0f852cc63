//! What would be done with a request, by the code that does it, without a proxy and without a
//! request.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::header::HOST;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Request, Uri, uri};

use super::depends_on::DependsOn;
use super::respond;
use crate::authority::Authority;
use crate::canonical_path::canonical_path;
use crate::credential::ConnectionId;
use crate::loopback::REDIRECT_PORT;
use crate::net::address_kind::AddressRule;
use crate::net::dial::OwnListeners;
use crate::proxy::policy::all_routes::Routes;
use crate::proxy::policy::candidates::RouteMatch;
use crate::proxy::policy::decide::{self, Decision, Plan, Rules};
use crate::proxy::policy::gate::{Disposition, Gate};
use crate::proxy::policy::route::Route;
use crate::proxy::policy::routes::RouteTable;
use crate::proxy::policy::session_policy::{Asked, SessionPolicy};
use crate::proxy::policy::target::Target;
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::hop_by_hop::HeaderFlags;

/// A request that nobody has sent.
#[derive(Clone, Debug)]
pub struct Imagined {
    is_https: bool,
    authority: Authority,
    /// The same for `Host`.
    in_url: uri::Authority,
    /// As it would arrive in a tunnel.
    head: Parts,
}

/// Why a request cannot even be imagined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRequest {
    /// The method is no token (RFC 9110 §9.1).
    #[error("it is no method")]
    Method,
    /// The URL is none, or not of http or https.
    #[error("it is no URL as a client sends it: https://HOST/PATH, percent-encoded")]
    Url,
}

/// What would be done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// The connection that it would belong to.
    pub connection: Option<ConnectionId>,
    /// What would be done.
    pub outcome: Outcome,
    /// What else the outcome depends on, if it is not refused.
    pub depends_on: Option<DependsOn>,
}

/// What would be done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It would be sent with the connection's credential.
    Injected,
    /// It would be sent to a connection's host without a credential.
    Passed,
    /// It would go to a host of no connection, unread.
    Forwarded,
    /// git would be sent to the repository's address over HTTPS.
    Redirected(String),
    /// It would be refused.
    Denied(Box<DeniedBy>),
}

/// Why a request would be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedBy {
    /// The status of the response.
    pub status: u16,
    /// The code of the response.
    pub code: &'static str,
    /// The rule, as the log names it.
    pub rule: Option<String>,
    /// Why, in words.
    pub reason: String,
    /// What can be done.
    pub hint: String,
}

impl Imagined {
    /// A request by its method and URL, which is taken as a client would send it.
    ///
    /// # Errors
    ///
    /// One of the two is none.
    pub fn new(method: &str, url: &str) -> Result<Self, NoRequest> {
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| NoRequest::Method)?;
        let uri: Uri = url.parse().map_err(|_| NoRequest::Url)?;
        let (is_https, usual_port) = match uri.scheme_str() {
            Some("https") => (true, 443),
            Some("http") => (false, 80),
            _ => return Err(NoRequest::Url),
        };
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let authority = Authority::parse(host, Some(usual_port)).ok_or(NoRequest::Url)?;
        let in_url = authority.in_url(usual_port);
        let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let head = Request::builder().method(method).uri(target);
        let head = head.header(HOST, &in_url).body(());
        Ok(Self {
            is_https,
            authority,
            in_url: in_url.parse().map_err(|_| NoRequest::Url)?,
            head: head.map_err(|_| NoRequest::Url)?.into_parts().0,
        })
    }
}

/// The rules of a session that is not there.
#[derive(Debug)]
pub struct DryRun {
    routes: Routes,
    policy: SessionPolicy,
    /// Guard rules that are lifted, as `provider/rule`.
    lifted: HashSet<String>,
    /// Guard rules that let a request wait for the user's yes.
    asked: HashSet<String>,
}

impl DryRun {
    /// A session with these rules.
    pub fn new(routes: RouteTable, policy: SessionPolicy, lifted: HashSet<String>) -> Self {
        Self {
            routes: Routes::new(routes),
            policy,
            lifted,
            asked: HashSet::new(),
        }
    }

    /// The same session, in which these guard rules let a request wait for the user's yes.
    #[must_use]
    pub fn asking(self, asked: HashSet<String>) -> Self {
        Self { asked, ..self }
    }

    /// The same session under that policy alone, with these guard rules lifted as well.
    #[must_use]
    pub fn under(
        mut self,
        policy: SessionPolicy,
        lifted: impl IntoIterator<Item = String>,
    ) -> Self {
        self.lifted.extend(lifted);
        Self { policy, ..self }
    }

    /// The connections whose rules a request has to keep, each with the path as they see it: the
    /// one that it belongs to, or all of its host. `path` is as a client sends it, without a query.
    pub fn at(&self, host: &str, path: &str) -> Vec<(ConnectionId, String)> {
        let (Some(authority), Ok(path)) = (Authority::parse(host, None), canonical_path(path))
        else {
            return Vec::new();
        };
        let candidates = self.routes.to(&authority);
        let place = |route: &Arc<Route>| (route.id.clone(), route.relative_path(&path).to_owned());
        match candidates.resolve(&path) {
            RouteMatch::Route(route) => vec![place(route)],
            RouteMatch::Ambiguous(_) | RouteMatch::None => candidates.iter().map(place).collect(),
        }
    }

    /// What would be done with that request.
    pub fn foresee(&self, request: &Imagined) -> Foreseen {
        let own = OwnListeners {
            // Where the proxy would listen is not known. No connection leads to port 0.
            proxy: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            login_port: REDIRECT_PORT,
        };
        let gate = Gate {
            own,
            routes: &self.routes,
            policy: &self.policy,
        };
        if !request.is_https {
            return match gate.check_unmanaged(&request.authority) {
                Ok(()) => self.unread(&request.authority),
                Err(refusal) => denied(None, &refusal),
            };
        }
        match gate.dispose(&request.authority) {
            Disposition::Refuse(refusal) => denied(None, &refusal),
            Disposition::Tunnel => self.unread(&request.authority),
            Disposition::Intercept => self
                .read(request)
                .unwrap_or_else(|refusal| denied(None, &refusal)),
        }
    }

    /// What goes to a host of no connection.
    fn unread(&self, authority: &Authority) -> Foreseen {
        let rule = self.policy.address_rule(authority);
        let literal = authority.host().parse::<IpAddr>().ok();
        if let Some(address) = literal
            && let Some(kind) = rule.refuses(address)
        {
            let host = authority.to_string();
            let refusal = Refusal::Address {
                host,
                address,
                kind,
            };
            return denied(None, &refusal);
        }
        let is_open = literal.is_some() || rule == AddressRule::All;
        Foreseen {
            connection: None,
            outcome: Outcome::Forwarded,
            depends_on: (!is_open).then_some(DependsOn::Address),
        }
    }

    /// What is done with a request that is read.
    fn read(&self, request: &Imagined) -> Result<Foreseen, Refusal> {
        let (authority, parts) = (&request.authority, &request.head);
        decide::check_method(&parts.method)?;
        let target = Target::parse(authority, request.in_url.as_str(), parts)?;
        let candidates = self.routes.to(authority);
        let rules = Rules {
            authority: &request.in_url,
            host: authority.host(),
            candidates: &candidates,
            allowed_guards: &self.lifted,
            asked_guards: &self.asked,
            lifted: None,
            policy: &self.policy,
            has_body: !parts.method.is_safe(),
            carries_minted: false, // a placeholder means nothing outside of its session
        };
        let flags = HeaderFlags::of(&parts.headers);
        let Decision {
            owner,
            plan,
            need,
            denied_fields,
            asking,
        } = decide::decide(rules, parts, &target.path, flags);
        let connection = owner.map(|route| route.id.clone());
        let outcome = match plan {
            Ok(Plan::Inject(..) | Plan::Minted(_)) => Outcome::Injected,
            Ok(Plan::Pass(_)) => Outcome::Passed,
            Err(Refusal::Moved(url)) => Outcome::Redirected(url),
            Err(refusal) => return Ok(denied(connection, &refusal)),
        };
        let depends_on = match need.asked() {
            Asked::Nothing => denied_fields.map(|_| DependsOn::Fields),
            Asked::Graphql => Some(DependsOn::Graphql),
            Asked::LfsBatch => Some(DependsOn::LfsBatch),
            Asked::Push => Some(DependsOn::Push),
            Asked::Refused => {
                let refusal = self.policy.only_reads(parts.method.as_str());
                return Ok(denied(connection, &refusal));
            }
        };
        Ok(Foreseen {
            connection,
            outcome,
            depends_on: asking.map(|_| DependsOn::Decision).or(depends_on),
        })
    }
}

fn denied(connection: Option<ConnectionId>, refusal: &Refusal) -> Foreseen {
    let (status, code, hint) = respond::told(refusal);
    Foreseen {
        connection,
        outcome: Outcome::Denied(Box::new(DeniedBy {
            status: status.as_u16(),
            code,
            rule: refusal.rule(),
            reason: refusal.to_string(),
            hint,
        })),
        depends_on: None,
    }
}
