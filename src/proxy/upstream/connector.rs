//! New connections to the providers.

use std::sync::Arc;

use super::destination::{Destination, Dialect, Scheme};
use tokio_util::either::Either;

use super::stream::UpstreamStream;
use super::tls::TlsConfigs;
use crate::net::dial::{ConnectError, Dialer};
use crate::proxy::limits::Timeouts;

/// Opens connections.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    pub(super) dialer: Arc<Dialer>,
    tls: Arc<TlsConfigs>,
    pub(super) timeouts: Timeouts,
}

impl Connector {
    pub(super) fn new(dialer: Arc<Dialer>, tls: TlsConfigs, timeouts: Timeouts) -> Self {
        Self {
            dialer,
            tls: Arc::new(tls),
            timeouts,
        }
    }

    pub(super) async fn connect(
        &self,
        destination: &Destination,
        dialect: Dialect,
    ) -> Result<UpstreamStream, ConnectError> {
        let authority = &destination.authority;
        if destination.scheme == Scheme::Http {
            return Ok(Either::Left(self.dialer.dial_plain(authority).await?));
        }
        let certificate = destination.client_certificate.as_ref();
        let config = self.tls.get(authority, certificate, dialect)?;
        let stream = self.dialer.dial_tls(authority, config).await?;
        Ok(Either::Right(Box::new(stream)))
    }
}
