//! What both peers are told, and how they turn a request towards the origin.

use std::error::Error;
use std::fs;
use std::net::SocketAddr;

use http::header::AUTHORIZATION;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Uri};
use rcgen::{Issuer, KeyPair};

/// Errors end the program; the harness shows them.
pub type Failure = Box<dyn Error + Send + Sync>;

/// `PROGRAM LISTEN ORIGIN CA_PEM CA_KEY_PEM`, and the credential in `BENCH_BEARER`.
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where the requests of the bench's host go: `localhost:PORT`, a name of the origin that
    /// resolves everywhere.
    pub origin: Authority,
    /// The CA that the origin's certificate is verified with, and that the leaves shown to the
    /// client are signed with.
    pub ca_pem: String,
    ca_key_pem: String,
    /// What takes the place of the client's placeholder.
    pub authorization: HeaderValue,
}

impl Settings {
    /// Reads them from the arguments.
    pub fn read() -> Result<Self, Failure> {
        let arguments: Vec<_> = std::env::args().skip(1).collect();
        let [listen, origin, ca, key] = arguments.as_slice() else {
            return Err("LISTEN ORIGIN CA_PEM CA_KEY_PEM are needed".into());
        };
        let bearer = std::env::var("BENCH_BEARER")?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {bearer}"))?;
        authorization.set_sensitive(true);
        Ok(Self {
            listen: listen.parse()?,
            origin: origin.parse()?,
            ca_pem: fs::read_to_string(ca)?,
            ca_key_pem: fs::read_to_string(key)?,
            authorization,
        })
    }

    /// What leaves are signed with.
    pub fn issuer(&self) -> Result<Issuer<'static, KeyPair>, Failure> {
        let key = KeyPair::from_pem(&self.ca_key_pem)?;
        Ok(Issuer::from_ca_cert_pem(&self.ca_pem, key)?)
    }
}

/// The credential on, and the way to the origin; the `Host` header stays as the client sent it.
pub fn inject<B>(request: &mut Request<B>, origin: &Authority, authorization: &HeaderValue) {
    request
        .headers_mut()
        .insert(AUTHORIZATION, authorization.clone());
    let path = request.uri().path_and_query().cloned();
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTPS);
    parts.authority = Some(origin.clone());
    parts.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    *request.uri_mut() = Uri::from_parts(parts).expect("scheme, authority and path make a URI");
}
