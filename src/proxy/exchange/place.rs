//! Where the requests of one client's connection go.

use std::sync::Arc;

use super::session::Session;
use crate::audit::{Audit, Quoted, Way};
use crate::authority::Authority;
use crate::proxy::body::replay::UploadProgress;
use crate::proxy::policy::candidates::Candidates;
use crate::proxy::upstream::destination::Scheme;
use crate::proxy::upstream::origins::Origins;

/// Where the requests of one connection go.
#[derive(Debug)]
pub(in crate::proxy) struct Place {
    pub(in crate::proxy) authority: Authority,
    /// `authority`, quoted for the log.
    pub(in crate::proxy) quoted: Quoted,
    /// The name in the client's TLS `ClientHello` (SNI), if it is another host's.
    pub(in crate::proxy) sni_differs: Option<String>,
    /// The inode of the client's socket, where it is known.
    pub(in crate::proxy) socket: Option<u32>,
    /// How the requests reached the proxy.
    pub(in crate::proxy) way: Way,
    /// The connections that they are sent on.
    pub(in crate::proxy) origins: Origins,
    /// The routes that they may belong to.
    pub(in crate::proxy) candidates: Candidates,
    /// Where they are logged.
    pub(in crate::proxy) audit: Arc<Audit>,
    /// The progress of a body that does not exist, shared by all requests without one.
    pub(in crate::proxy) nothing: Arc<UploadProgress>,
}

impl Place {
    /// The place of a tunnel; `sni` is the name in its TLS `ClientHello`.
    pub(in crate::proxy) fn of_tunnel<S>(
        session: &Session<S>,
        (authority, socket): (Authority, Option<u32>),
        sni: Option<&str>,
    ) -> Option<Arc<Self>> {
        let sni_differs = differing(sni, authority.host());
        let client = (socket, sni_differs);
        Self::new(session, authority, Scheme::Https, Way::Connect, client)
    }

    /// Whether the host is one of the connections'.
    pub(in crate::proxy) fn is_managed(&self) -> bool {
        self.candidates.first().is_some()
    }

    /// The place of a request in absolute form.
    pub(in crate::proxy) fn of_absolute_form<S>(
        session: &Session<S>,
        authority: Authority,
        scheme: Scheme,
    ) -> Option<Arc<Self>> {
        Self::new(session, authority, scheme, Way::Absolute, (None, None))
    }

    fn new<S>(
        session: &Session<S>,
        authority: Authority,
        scheme: Scheme,
        way: Way,
        (socket, sni_differs): (Option<u32>, Option<String>),
    ) -> Option<Arc<Self>> {
        let candidates = session.routes.to(&authority);
        let certificates = candidates
            .iter()
            .filter_map(|route| route.client_certificate.as_ref());
        let upstream = &session.upstream;
        let origins = upstream.origins(&authority, scheme, certificates)?;
        Some(Arc::new(Self {
            quoted: Quoted::new(&authority.to_string()),
            sni_differs,
            socket,
            way,
            origins,
            candidates,
            audit: Arc::clone(&session.audit),
            nothing: UploadProgress::of_nothing(),
            authority,
        }))
    }
}

/// The name in a TLS `ClientHello`, if it is another host's.
fn differing(sni: Option<&str>, host: &str) -> Option<String> {
    let other = sni.filter(|name| !name.eq_ignore_ascii_case(host));
    other.map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sni_of_another_host_is_noticed() {
        for same in [None, Some("gitlab.test"), Some("GITLAB.test")] {
            assert_eq!(differing(same, "gitlab.test"), None);
        }
        let other = Some("evil.test");
        assert_eq!(differing(other, "gitlab.test").as_deref(), other);
    }
}
