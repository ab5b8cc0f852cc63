//! What all connections of one run share.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use authsome_ca::{CaError, LeafCache, SessionCa};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls_pki_types::ServerName;

use crate::audit::Audit;
use crate::authority::Authority;
use crate::dial::Dialer;
use crate::proxy::admission::admit::Admission;
use crate::proxy::limits::{MOST_SERVER_CONFIGS, MOST_TLS_SESSIONS, Timeouts};
use crate::proxy::policy::routes::RouteTable;
use crate::proxy::refusal::Refusal;
use crate::proxy::upstream::send::Upstream;
use crate::resolve::Resolve;
use crate::secret::Secret;
use crate::tls::{Trust, crypto_provider};
use crate::user_proxy::UserProxies;

/// What happens to hosts that belong to no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// A blind tunnel.
    Allow,
    /// 403.
    Deny,
}

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
    /// The log.
    pub audit: Arc<Audit>,
    /// The start of the session: certificates count from it.
    pub now: SystemTime,
}

/// The state of a session. A request reads it, and takes no lock.
pub(in crate::proxy) struct Session<S> {
    pub(in crate::proxy) admission: Arc<Admission>,
    pub(in crate::proxy) address: SocketAddr,
    pub(in crate::proxy) allowed_guards: HashSet<String>,
    pub(in crate::proxy) audit: Arc<Audit>,
    pub(in crate::proxy) policy: Policy,
    pub(in crate::proxy) routes: Arc<RouteTable>,
    pub(in crate::proxy) source: Arc<S>,
    pub(in crate::proxy) upstream: Upstream,
    leaves: LeafCache,
    server_configs: RwLock<HashMap<String, Arc<ServerConfig>>>,
}

impl<S> fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl<S> Session<S> {
    pub(in crate::proxy) fn new(
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
            Some(address),
        ));
        Ok(Self {
            admission: Arc::new(Admission::new(&config.password, address)),
            address,
            allowed_guards: config.allowed_guards,
            audit: config.audit,
            policy: config.policy,
            upstream: Upstream::new(dialer, config.trust, Arc::clone(&routes), config.timeouts),
            routes,
            source,
            leaves: LeafCache::new(ca)?,
            server_configs: RwLock::default(),
        })
    }

    /// The session CA's certificate, for the child.
    pub(in crate::proxy) fn ca_pem(&self) -> &str {
        self.leaves.ca_pem()
    }

    /// By which a client that takes no certificate trusts it.
    pub(in crate::proxy) fn ca_public_key_digest(&self) -> [u8; 32] {
        self.leaves.ca_public_key_digest()
    }

    /// The TLS configuration for a managed host: one a host, so that its clients can resume their sessions. Looked up once a connection.
    pub(in crate::proxy) fn server_config(&self, host: &str) -> Result<Arc<ServerConfig>, CaError> {
        if let Some(config) = self
            .server_configs
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(host)
        {
            return Ok(Arc::clone(config));
        }
        let not_permitted = || CaError::NotPermitted {
            host: host.to_owned(),
        };
        let name = ServerName::try_from(host).map_err(|_| not_permitted())?;
        let config = Arc::new(server_config(self.leaves.get(&name)?));
        let mut made = self
            .server_configs
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if made.len() < MOST_SERVER_CONFIGS {
            made.insert(host.to_owned(), Arc::clone(&config));
        }
        Ok(config)
    }

    /// Whether a connection there would come back here.
    pub(in crate::proxy) fn is_loop(&self, authority: &Authority) -> bool {
        authority.port() == self.address.port() && authority.is_loopback()
    }

    /// What the policy says of a host that no route names.
    pub(in crate::proxy) fn admits_unmanaged(&self, authority: &Authority) -> Result<(), Refusal> {
        match self.policy {
            Policy::Allow => Ok(()),
            Policy::Deny => Err(Refusal::Unmanaged(authority.to_string())),
        }
    }
}

fn server_config(leaf: Arc<CertifiedKey>) -> ServerConfig {
    let mut config = ServerConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()
        .expect("aws-lc supports the default protocol versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(OneLeaf(leaf)));
    // The last is of clients that offer nothing newer; the same server serves them.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    // AES-128 before AES-256, whatever the client prefers: as strong on this machine's loopback, and a quarter cheaper a byte.
    config.ignore_client_order = true;
    config.send_tls13_tickets = 1; // a client that wants another one gets it with its next connection
    config.session_storage = ServerSessionMemoryCache::new(MOST_TLS_SESSIONS);
    config
}

/// The leaf of the host that the tunnel was opened to, whatever name the client says hello with: one that differs is answered with 421.
#[derive(Debug)]
struct OneLeaf(Arc<CertifiedKey>);

impl ResolvesServerCert for OneLeaf {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
