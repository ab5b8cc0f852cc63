//! TLS configurations for connections to the providers. Each is made when it is first needed, one
//! for each combination of CAs, client certificate and dialect.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;

use super::destination::Dialect;
use crate::authority::Authority;
use crate::net::dial::ConnectError;
use crate::net::tls::{ClientCertificate, Trust};
use crate::proxy::limits::MAX_CLIENT_CONFIGS;
use crate::proxy::policy::routes::RouteTable;

/// What a configuration depends on: private CAs (PEM), the client certificate and the protocol. The
/// destination is not part of it: a `regex:` route may have any number of destinations, and they
/// share these configurations.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TlsKey(Vec<Arc<str>>, Option<Arc<ClientCertificate>>, Dialect);

/// The configurations of a session.
#[derive(Debug)]
pub(in crate::proxy) struct TlsConfigs {
    trust: Arc<Trust>,
    routes: Arc<RouteTable>,
    made: Mutex<HashMap<TlsKey, Arc<ClientConfig>>>,
}

impl TlsConfigs {
    /// Without any configuration yet.
    pub(in crate::proxy) fn new(trust: Arc<Trust>, routes: Arc<RouteTable>) -> Self {
        Self {
            trust,
            routes,
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
        let private_ca = self.routes.private_ca(authority);
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
    use std::fs::File;
    use std::io::Write;

    use authsome_ca::{PermittedHost, SessionCa};
    use authsome_providers::Catalog;

    use super::*;
    use crate::clock::Timestamp;
    use crate::credential::ConnectionId;
    use crate::proxy::policy::route::Preference;
    use crate::proxy::policy::routes::Managed;

    /// Routes to every host below `acme.test`, from a definition with a private CA.
    fn routes() -> RouteTable {
        let home = tempfile::tempdir().unwrap();
        let bundled = Catalog::new(None).get(&"gitlab".parse().unwrap()).unwrap();
        let mut definition = bundled.json().clone();
        definition["name"] = "acme".into();
        definition["api_url"] = "regex:.*\\.acme\\.test".into();
        let mut file = File::create(home.path().join("acme.json")).unwrap();
        file.write_all(definition.to_string().as_bytes()).unwrap();
        let definition = Catalog::new(Some(home.path().to_owned()))
            .get(&"acme".parse().unwrap())
            .unwrap();
        let ca = SessionCa::new(
            &[PermittedHost::Domain("acme.test".to_owned())],
            Timestamp::now().to_system_time(),
        );
        RouteTable::new([Managed {
            id: ConnectionId {
                provider: "acme".parse().unwrap(),
                name: "default".parse().unwrap(),
            },
            service: definition.provider.at(None).unwrap(),
            ca_pem: Some(ca.unwrap().certificate_pem().to_owned()),
            client_certificate: None,
            preference: Preference::None,
        }])
    }

    #[test]
    fn the_names_of_one_route_share_a_configuration() {
        let trust = Arc::new(Trust::new(None, Vec::new()));
        let configs = TlsConfigs::new(trust, Arc::new(routes()));
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
