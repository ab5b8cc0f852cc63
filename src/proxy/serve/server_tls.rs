//! TLS for the clients of managed hosts: each host has a leaf certificate of the session's CA.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use authsome_ca::{CaError, LeafCache, SessionCa};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls_pki_types::ServerName;

use crate::net::tls::crypto_provider;
use crate::proxy::limits::{MAX_SERVER_CONFIGS, MAX_TLS_SESSIONS};

/// The leaf certificates of a session, and the TLS configurations that use them.
pub(super) struct ServerTls {
    leaves: LeafCache,
    configs: RwLock<HashMap<String, Arc<ServerConfig>>>,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

impl ServerTls {
    pub(super) fn new(ca: SessionCa) -> Result<Self, CaError> {
        Ok(Self {
            leaves: LeafCache::new(ca)?,
            configs: RwLock::default(),
        })
    }

    /// The session CA's certificate, for the child.
    pub(super) fn ca_pem(&self) -> &str {
        self.leaves.ca_pem()
    }

    /// For a directory of OpenSSL's.
    pub(super) fn ca_hashed_name(&self) -> &str {
        self.leaves.ca_hashed_name()
    }

    /// For a client that cannot be given a CA certificate: it trusts the CA by this digest.
    pub(super) fn ca_public_key_digest(&self) -> [u8; 32] {
        self.leaves.ca_public_key_digest()
    }

    /// The TLS configuration for a managed host: one for each host, so that its clients can resume
    /// their sessions. Looked up once for each connection.
    pub(super) fn config(&self, host: &str) -> Result<Arc<ServerConfig>, CaError> {
        let made = self.configs.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = made.get(host) {
            return Ok(Arc::clone(config));
        }
        drop(made);
        let not_permitted = || CaError::NotPermitted {
            host: host.to_owned(),
        };
        let name = ServerName::try_from(host).map_err(|_| not_permitted())?;
        let config = Arc::new(server_config(self.leaves.get(&name)?));
        let mut made = self.configs.write().unwrap_or_else(PoisonError::into_inner);
        if made.len() < MAX_SERVER_CONFIGS {
            made.insert(host.to_owned(), Arc::clone(&config));
        }
        Ok(config)
    }
}

fn server_config(leaf: Arc<CertifiedKey>) -> ServerConfig {
    let mut config = ServerConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()
        .expect("aws-lc supports the default protocol versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(OneLeaf(leaf)));
    // `http/1.0` is for clients that offer nothing newer. The HTTP/1.1 server serves them as well.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    // AES-128 before AES-256, whatever the client prefers: it is as strong on this machine's
    // loopback, and costs a quarter less for each byte.
    config.ignore_client_order = true;
    // One ticket is enough: a client that uses it gets a new one on its next connection.
    config.send_tls13_tickets = 1;
    config.session_storage = ServerSessionMemoryCache::new(MAX_TLS_SESSIONS);
    config
}

/// Presents the leaf certificate of the tunnel's host, whatever name the client sends (SNI).
/// Requests on a connection with another name get 421 (RFC 9110 §15.5.20).
#[derive(Debug)]
struct OneLeaf(Arc<CertifiedKey>);

impl ResolvesServerCert for OneLeaf {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
