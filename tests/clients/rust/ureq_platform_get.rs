use std::error::Error;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("a URL")?;
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier);
    let agent: Agent = Agent::config_builder()
        .tls_config(tls.build())
        .build()
        .into();
    let mut response = agent.get(&url).call()?;
    println!("{}", response.body_mut().read_to_string()?);
    Ok(())
}
