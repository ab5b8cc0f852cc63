//! Where the requests of one client's connection go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::request::Parts;
use http_body::Body;

use crate::audit::{Audit, Quoted, Way};
use crate::authority::Authority;
use crate::proxy::body::request::{Passage, RequestBody, is_repeatable};
use crate::proxy::policy::routes::{Candidates, RouteTable};
use crate::proxy::upstream::http2_lease::Http2Lease;
use crate::proxy::upstream::send::{Destination, Scheme, Upstream};

/// Where the requests of one connection go.
#[derive(Debug)]
pub(in crate::proxy) struct Place {
    pub(in crate::proxy) authority: Authority,
    /// The same, for the log.
    pub(in crate::proxy) quoted: Quoted,
    /// The same, as a URL has it.
    pub(in crate::proxy) uri_authority: http::uri::Authority,
    /// The name in the client's TLS hello, where it is another one.
    pub(in crate::proxy) sni_differs: Option<String>,
    /// How the requests reach the proxy.
    pub(in crate::proxy) way: Way,
    /// The connections that they go on by.
    pub(in crate::proxy) destination: Arc<Destination>,
    /// The same, where they speak HTTP/2.
    pub(in crate::proxy) http2: Http2Lease,
    /// Whose they can be.
    pub(in crate::proxy) candidates: Candidates,
    /// Where what becomes of them is noted.
    pub(in crate::proxy) audit: Arc<Audit>,
    /// What is known of the body of a request that has none.
    pub(in crate::proxy) nothing: Arc<Passage>,
    /// A request of this client's connection has been answered.
    pub(in crate::proxy) has_served: AtomicBool,
}

impl Place {
    /// Whether a request may go out on a connection that another client has used: it may turn out to be closed, and then the request is sent
    /// again, which one that changes something must not be (RFC 9110 §9.2.2). A client's own connection may close under its requests as
    /// well; a new one does not, so its first request goes out on a new one.
    pub(in crate::proxy) fn may_reuse(&self, parts: &Parts, body: &RequestBody) -> bool {
        let repeats = || parts.method.is_idempotent() && is_repeatable(parts, body.is_end_stream());
        self.has_served.load(Ordering::Relaxed) || repeats()
    }

    /// The place of a tunnel.
    pub(in crate::proxy) fn of_tunnel(
        authority: Authority,
        sni: Option<&str>,
        routes: &RouteTable,
        upstream: &Upstream,
        audit: &Arc<Audit>,
    ) -> Option<Arc<Self>> {
        let label = authority.to_string();
        // The default port is left out, as clients do in `Host`.
        let uri_authority = label.strip_suffix(":443").unwrap_or(&label).parse().ok()?;
        let sni_differs = differing(sni, authority.host());
        let destination = upstream.destination(&authority, Scheme::Https);
        let candidates = routes.to(&authority);
        Some(Arc::new(Self {
            authority,
            quoted: Quoted::new(&label),
            uri_authority,
            sni_differs,
            way: Way::Connect,
            http2: Http2Lease::new(&destination),
            destination,
            candidates,
            audit: Arc::clone(audit),
            nothing: Passage::of_nothing(),
            has_served: AtomicBool::new(false),
        }))
    }
}

/// The name in a TLS hello, where it is another host's.
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
