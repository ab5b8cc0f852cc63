//! New connections to the providers.

use std::sync::Arc;

use super::destination::{Dialect, Scheme};
use super::stream::UpstreamStream;
use super::tls::TlsConfigs;
use crate::authority::Authority;
use crate::dial::{ConnectError, Dialer};
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
        authority: &Authority,
        scheme: Scheme,
        dialect: Dialect,
    ) -> Result<UpstreamStream, ConnectError> {
        if scheme == Scheme::Http {
            return Ok(UpstreamStream::Plain(
                self.dialer.dial_plain(authority).await?,
            ));
        }
        let config = self.tls.get(authority, dialect)?;
        let stream = self.dialer.dial_tls(authority, config).await?;
        Ok(UpstreamStream::Tls(Box::new(stream)))
    }
}
