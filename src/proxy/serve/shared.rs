//! What all connections of one run share.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use authsome_ca::{CaError, PermittedHost, SessionCa};
use http::{Request, Response};
use hyper::body::Incoming;

use super::door::Listen;
use super::refuse::refuse;
use super::server_tls::ServerTls;
use crate::audit::{Audit, Event, Kind, Way};
use crate::authority::Authority;
use crate::isolate::Wall;
use crate::loopback::REDIRECT_PORT;
use crate::net::address_kind::{AddressRule, AddressRules};
use crate::net::dial::{Dialer, OwnListeners, Queue};
use crate::net::resolve::Resolve;
use crate::net::tls::Trust;
use crate::net::user_proxy::UserProxies;
use crate::proxy::admission::admit::Admission;
use crate::proxy::exchange::agent::{self, AGENT_HOST};
use crate::proxy::exchange::refused_request;
use crate::proxy::exchange::response_body::ResponseBody;
use crate::proxy::exchange::scrubbing::Scrubbing;
use crate::proxy::exchange::session::Session;
use crate::proxy::limits::{MAX_LOGGED_HOSTS, Timeouts};
use crate::proxy::pending::{AgentApi, Pending};
use crate::proxy::policy::all_routes::Routes;
use crate::proxy::policy::gate::{Disposition, Gate};
use crate::proxy::policy::routes::RouteTable;
use crate::proxy::policy::session_policy::SessionPolicy;
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::scrub::extent::ScrubExtent;
use crate::proxy::upstream::send::Upstream;
use crate::secret::Secret;

/// The configuration of a session.
#[derive(Debug)]
pub struct SessionConfig {
    /// The agent's API; `None` if it is off.
    pub agent: Option<AgentApi>,
    /// What waits for the user.
    pub pending: Arc<Pending>,
    /// Where the proxy listens.
    pub listen: Listen,
    /// The password in the proxy's URL; a new one for each session.
    pub password: Secret<String>,
    /// Which connection a request belongs to.
    pub routes: RouteTable,
    /// Whether connections may join while it runs, whatever their hosts are.
    pub is_open: bool,
    /// How the providers' certificates are verified.
    pub trust: Arc<Trust>,
    /// The user's own proxies.
    pub proxies: Arc<UserProxies>,
    /// Host names with addresses that the user has given.
    pub resolve: Vec<Resolve>,
    /// What the user permits.
    pub policy: SessionPolicy,
    /// Guard rules that the user has lifted, as `provider/rule`.
    pub allowed_guards: HashSet<String>,
    /// Guard rules that let a request wait for the user's yes, as `provider/rule`.
    pub asked_guards: HashSet<String>,
    /// What responses are searched in for secrets.
    pub scrub: ScrubExtent,
    /// The command has a loopback interface of its own, and none of this machine's addresses is
    /// reached for it.
    pub is_isolated: bool,
    /// The timeouts that a user may set.
    pub timeouts: Timeouts,
    /// The queue for file descriptors, one for the whole process.
    pub queue: Arc<Queue>,
    /// The log.
    pub audit: Arc<Audit>,
    /// The start of the session: the validity of its certificates is computed from it.
    pub now: SystemTime,
}

impl SessionConfig {
    /// The hosts that the session CA may sign for.
    fn permitted_hosts(&self) -> Vec<PermittedHost> {
        if self.is_open {
            return vec![PermittedHost::Any];
        }
        let mut permitted = self.routes.permitted_hosts();
        let agent = PermittedHost::Domain(AGENT_HOST.to_owned());
        if self.agent.is_some() && !permitted.contains(&agent) {
            permitted.push(agent);
        }
        permitted
    }
}

/// What all connections of one run share.
#[derive(Debug)]
pub(super) struct Shared<S> {
    own: OwnListeners,
    /// The hosts of no connection that are in the log.
    forwarded: Mutex<HashSet<Authority>>,
    pub(super) admission: Arc<Admission>,
    pub(super) queue: Arc<Queue>,
    pub(super) session: Session<S>,
    pub(super) tls: ServerTls,
}

/// Which addresses a host may have.
fn address_rules(
    policy: Arc<SessionPolicy>,
    routes: Arc<Routes>,
    is_isolated: bool,
) -> AddressRules {
    let is_isolated = is_isolated && Wall::OwnAddresses.stands();
    AddressRules::new(move |authority| {
        // A connection's host is where the user has logged in, and its certificate is verified.
        if routes.manages(authority) {
            return AddressRule::All;
        }
        match policy.address_rule(authority) {
            AddressRule::NotLocal if is_isolated => AddressRule::NotThisMachine,
            rule => rule,
        }
    })
}

impl<S> Shared<S> {
    /// For a proxy that listens on `address`.
    pub(super) fn new(
        config: SessionConfig,
        source: Arc<S>,
        address: SocketAddr,
    ) -> Result<Self, CaError> {
        let ca = SessionCa::new(&config.permitted_hosts(), config.now)?;
        let routes = Arc::new(Routes::new(config.routes));
        let own = OwnListeners {
            proxy: address,
            login_port: REDIRECT_PORT,
        };
        let policy = Arc::new(config.policy);
        let rules = address_rules(Arc::clone(&policy), Arc::clone(&routes), config.is_isolated);
        let dialer = Dialer::new(
            &config.resolve,
            config.proxies,
            Arc::clone(&config.trust),
            config.timeouts.connect,
            Arc::clone(&config.queue),
            Some(own),
        );
        let dialer = Arc::new(dialer.ruled_by(rules));
        let private_cas = Arc::clone(&routes);
        let upstream = Upstream::new(
            dialer,
            config.trust,
            Box::new(move |authority| private_cas.private_ca(authority)),
            config.timeouts,
            &config.queue,
        );
        Ok(Self {
            own,
            forwarded: Mutex::default(),
            admission: Arc::new(Admission::new(
                &config.password,
                address,
                Arc::clone(&config.queue),
            )),
            session: Session {
                agent: config.agent,
                allowed_guards: config.allowed_guards,
                asked_guards: config.asked_guards,
                audit: config.audit,
                pending: config.pending,
                policy,
                upstream,
                routes,
                scrubbing: Arc::new(Scrubbing::new(config.scrub)),
                source,
            },
            queue: config.queue,
            tls: ServerTls::new(ca)?,
        })
    }

    /// The address that the proxy listens on.
    pub(super) fn address(&self) -> SocketAddr {
        self.own.proxy
    }

    /// Whether that is the host of the agent's API.
    pub(super) fn is_agent(authority: &Authority) -> bool {
        authority.host() == AGENT_HOST
    }

    /// What is done with a tunnel to that host.
    pub(super) fn disposition(&self, authority: &Authority) -> Disposition {
        match Self::is_agent(authority) {
            true if self.session.agent.is_none() => Disposition::Refuse(agent::off()),
            true => Disposition::Intercept,
            false => self.gate().dispose(authority),
        }
    }

    /// What decides about connections: the routes and the policy.
    pub(super) fn gate(&self) -> Gate<'_> {
        Gate {
            own: self.own,
            routes: &self.session.routes,
            policy: &self.session.policy,
        }
    }

    /// Logs that something goes to a host of no connection. A host is logged once in a run: what
    /// goes there is not seen anyway, and a client may open many tunnels.
    pub(super) fn forwards(&self, authority: &Authority, way: Way) {
        let mut hosts = self
            .forwarded
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= MAX_LOGGED_HOSTS || !hosts.insert(authority.clone()) {
            return;
        }
        let is_last = hosts.len() == MAX_LOGGED_HOSTS;
        drop(hosts);
        let mut event = Event::new(Kind::Forwarded);
        (event.host, event.way) = (Some(authority.to_string()), Some(way));
        if is_last {
            event = event.because("further hosts of this run are not in the log");
        }
        self.session.audit.record(&event);
    }

    /// Logs a refusal, and makes the response for it.
    pub(super) fn refuse(
        &self,
        authority: &Authority,
        refusal: &Refusal,
        request: Request<Incoming>,
    ) -> Response<ResponseBody> {
        let mut event = Event::new(refusal.kind())
            .request(request.method().as_str(), &authority.to_string(), "")
            .because(refusal.to_string());
        event.rule = refusal.rule();
        let method = request.method().clone();
        let response = refuse(refusal, request);
        event.status = Some(response.status().as_u16());
        let refused = refused_request(refusal, None, &method, &authority.to_string(), "");
        self.session.pending.refuse(refused);
        self.session.audit.record(&event);
        response
    }
}
