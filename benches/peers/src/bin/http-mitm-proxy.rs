//! http-mitm-proxy with its default client, as its example uses it.

use authsome_bench_peers::{Failure, Settings, inject};
use http_mitm_proxy::default_client::Error;
use http_mitm_proxy::hyper::service::service_fn;
use http_mitm_proxy::moka::sync::Cache;
use http_mitm_proxy::{DefaultClient, MitmProxy};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let settings = Settings::read()?;
    // Its server side takes the process's default.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| "a provider is installed already")?;
    let proxy = MitmProxy::new(Some(settings.issuer()?), Some(Cache::new(128)));
    let client = DefaultClient::new(); // OpenSSL below it trusts what SSL_CERT_FILE names
    let (origin, authorization) = (settings.origin.clone(), settings.authorization.clone());
    let service = service_fn(move |mut request| {
        inject(&mut request, &origin, &authorization);
        let client = client.clone();
        async move {
            let (response, _) = client.send_request(request).await?;
            Ok::<_, Error>(response)
        }
    });
    proxy.bind(settings.listen, service).await?.await;
    Ok(())
}
