//! hudsucker, as its examples use it, with the handler that authsome's job needs.

use std::sync::Arc;

use authsome_bench_peers::{Failure, Settings, inject};
use http::uri::Authority;
use http::{HeaderValue, Request};
use hudsucker::certificate_authority::RcgenAuthority;
use hudsucker::rustls::crypto::aws_lc_rs;
use hudsucker::rustls::pki_types::CertificateDer;
use hudsucker::rustls::pki_types::pem::PemObject;
use hudsucker::rustls::{ClientConfig, RootCertStore};
use hudsucker::{Body, HttpContext, HttpHandler, Proxy, RequestOrResponse};
use hyper_rustls::HttpsConnectorBuilder;

#[derive(Clone)]
struct Injector {
    origin: Authority,
    authorization: HeaderValue,
}

impl HttpHandler for Injector {
    async fn handle_request(
        &mut self,
        _: &HttpContext,
        mut request: Request<Body>,
    ) -> RequestOrResponse {
        if request.method() != http::Method::CONNECT {
            inject(&mut request, &self.origin, &self.authorization);
        }
        request.into()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let settings = Settings::read()?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(settings.ca_pem.as_bytes())?)?;
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_only()
        .enable_http1()
        .build();
    let authority = RcgenAuthority::new(settings.issuer()?, 1_000, aws_lc_rs::default_provider());
    let proxy = Proxy::builder()
        .with_addr(settings.listen)
        .with_ca(authority)
        .with_http_connector(connector)
        .with_http_handler(Injector {
            origin: settings.origin,
            authorization: settings.authorization,
        })
        .build()?;
    Ok(proxy.start().await?)
}
