//! TLS configurations for connections to the providers. Each is made when it is first needed, one
//! for each combination of CAs, client certificate and dialect.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;

use super::destination::Dialect;
use crate::authority::Authority;
use crate::net::dial::ConnectError;
use crate::net::tls::{ClientCertificate, Trust};
use crate::proxy::limits::MAX_CLIENT_CONFIGS;

/// What a configuration depends on: private CAs (PEM), the client certificate and the protocol. The
/// destination is not part of it: a `regex:` route may have any number of destinations, and they
/// share these configurations.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TlsKey(Vec<Arc<str>>, Option<Arc<ClientCertificate>>, Dialect);

/// Tells the private CAs (PEM) that are trusted for connections to an authority.
pub(in crate::proxy) type PrivateCas = dyn Fn(&Authority) -> Vec<Arc<str>> + Send + Sync;

/// The configurations of a session.
pub(in crate::proxy) struct TlsConfigs {
    trust: Arc<Trust>,
    private_cas: Box<PrivateCas>,
    made: Mutex<HashMap<TlsKey, Arc<ClientConfig>>>,
}

impl fmt::Debug for TlsConfigs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut configs = formatter.debug_struct("TlsConfigs");
        configs.field("made", &self.made).finish_non_exhaustive()
    }
}

impl TlsConfigs {
    /// Without any configuration yet.
    pub(in crate::proxy) fn new(trust: Arc<Trust>, private_cas: Box<PrivateCas>) -> Self {
        Self {
            trust,
            private_cas,
            made: Mutex::default(),
        }
    }

    /// The configuration for connections to that authority. Each configuration has its own store of
    /// TLS sessions, so that no session is resumed with another client certificate.
    pub(in crate::proxy) fn get(
        &self,
        authority: &Authority,
        certificate: Option<&Arc<ClientCertificate>>,
        dialect: Dialect,
    ) -> Result<Arc<ClientConfig>, ConnectError> {
        let private_ca = (self.private_cas)(authority);
        let key = TlsKey(private_ca, certificate.map(Arc::clone), dialect);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = made.get(&key) {
            return Ok(Arc::clone(config));
        }
        let private_ca: Vec<_> = key.0.iter().map(AsRef::as_ref).collect();
        let mut config = self
            .trust
            .client_config(&private_ca, certificate.map(AsRef::as_ref))
            .map_err(|error| ConnectError::Tls(error.to_string().into()))?;
        config.alpn_protocols = match dialect {
            Dialect::Http1 => vec![b"http/1.1".to_vec()],
            Dialect::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        let config = Arc::new(config);
        if made.len() < MAX_CLIENT_CONFIGS {
            made.insert(key, Arc::clone(&config));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use authsome_ca::{PermittedHost, SessionCa};

    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn the_hosts_with_the_same_private_ca_share_a_configuration() {
        let permitted = PermittedHost::Domain("acme.test".to_owned());
        let ca = SessionCa::new(&[permitted], Timestamp::now().to_system_time()).unwrap();
        let pem: Arc<str> = Arc::from(ca.certificate_pem());
        let private_cas = move |authority: &Authority| {
            let is_private = authority.host().ends_with(".acme.test");
            Vec::from_iter(is_private.then(|| Arc::clone(&pem)))
        };
        let trust = Arc::new(Trust::new(None, Vec::new()));
        let configs = TlsConfigs::new(trust, Box::new(private_cas));
        for number in 0..1000 {
            let place = Authority::new(&format!("n{number}.acme.test"), 443).unwrap();
            for dialect in [Dialect::Http1, Dialect::Http2] {
                configs.get(&place, None, dialect).unwrap();
            }
        }
        let elsewhere = Authority::new("elsewhere.test", 443).unwrap();
        configs.get(&elsewhere, None, Dialect::Http1).unwrap();
        assert_eq!(configs.made.lock().unwrap().len(), 3);
    }
}
