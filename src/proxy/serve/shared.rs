//! What all connections of one run share.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use authsome_ca::{CaError, SessionCa};
use http::{Request, Response};
use hyper::body::Incoming;

use super::refuse::refuse;
use super::server_tls::ServerTls;
use crate::audit::{Audit, Event};
use crate::authority::Authority;
use crate::net::dial::{Dialer, Queue};
use crate::net::resolve::Resolve;
use crate::net::tls::Trust;
use crate::net::user_proxy::UserProxies;
use crate::proxy::admission::admit::Admission;
use crate::proxy::exchange::response_body::ResponseBody;
use crate::proxy::exchange::session::Session;
use crate::proxy::limits::Timeouts;
use crate::proxy::policy::routes::RouteTable;
use crate::proxy::policy::session_policy::Policy;
use crate::proxy::refusal::Refusal;
use crate::proxy::upstream::send::Upstream;
use crate::secret::Secret;

/// What a session is made of.
#[derive(Debug)]
pub struct SessionConfig {
    /// What the proxy's URL carries; drawn anew for each session.
    pub password: Secret<String>,
    /// Which requests are whose.
    pub routes: RouteTable,
    /// What a provider's certificate is verified with.
    pub trust: Arc<Trust>,
    /// The user's own proxies.
    pub proxies: Arc<UserProxies>,
    /// Names with given addresses.
    pub resolve: Vec<Resolve>,
    /// For hosts that belong to no connection.
    pub policy: Policy,
    /// Guard rules that the user has lifted, as `provider/rule`.
    pub allowed_guards: HashSet<String>,
    /// The waits that a user may set.
    pub timeouts: Timeouts,
    /// Who waits for a descriptor, in all of the process.
    pub queue: Arc<Queue>,
    /// The log.
    pub audit: Arc<Audit>,
    /// The start of the session: certificates count from it.
    pub now: SystemTime,
}

/// What a connection reads of its session before its first request.
#[derive(Debug)]
pub(super) struct Shared<S> {
    pub(super) address: SocketAddr,
    pub(super) admission: Arc<Admission>,
    pub(super) policy: Policy,
    pub(super) queue: Arc<Queue>,
    pub(super) session: Session<S>,
    pub(super) tls: ServerTls,
}

impl<S> Shared<S> {
    /// For a proxy that listens there.
    pub(super) fn new(
        config: SessionConfig,
        source: Arc<S>,
        address: SocketAddr,
    ) -> Result<Self, CaError> {
        let ca = SessionCa::new(&config.routes.permitted_hosts(), config.now)?;
        let routes = Arc::new(config.routes);
        let dialer = Arc::new(Dialer::new(
            &config.resolve,
            config.proxies,
            Arc::clone(&config.trust),
            config.timeouts.connect,
            Arc::clone(&config.queue),
            Some(address),
        ));
        Ok(Self {
            address,
            admission: Arc::new(Admission::new(
                &config.password,
                address,
                Arc::clone(&config.queue),
            )),
            policy: config.policy,
            session: Session {
                allowed_guards: config.allowed_guards,
                audit: config.audit,
                upstream: Upstream::new(
                    dialer,
                    config.trust,
                    Arc::clone(&routes),
                    config.timeouts,
                    &config.queue,
                ),
                routes,
                source,
            },
            queue: config.queue,
            tls: ServerTls::new(ca)?,
        })
    }
    /// Whether a connection there would come back here.
    pub(super) fn is_loop(&self, authority: &Authority) -> bool {
        authority.port() == self.address.port() && authority.is_loopback()
    }

    /// The response to what is not served, which is noted.
    pub(super) fn refuse(
        &self,
        authority: &Authority,
        refusal: &Refusal,
        request: Request<Incoming>,
    ) -> Response<ResponseBody> {
        let mut event = Event::new(refusal.kind())
            .request(request.method().as_str(), &authority.to_string(), "")
            .because(refusal.to_string());
        let response = refuse(refusal, request);
        event.status = Some(response.status().as_u16());
        self.session.audit.record(&event);
        response
    }
}
