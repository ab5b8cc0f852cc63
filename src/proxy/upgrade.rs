//! Protocol upgrades of HTTP/1.1 (RFC 9110 §7.8): WebSocket and whatever else, relayed after an injected handshake.

use bytes::Bytes;
use http::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::body::{ResponseBody, UpstreamBody};
use super::limits::IDLE_TIMEOUT;
use super::listener::Permit;
use super::record::Entry;
use super::relay;
use super::stream::{Activity, Watched};

/// A client's wish to speak another protocol.
pub(super) struct Wish {
    client: OnUpgrade,
    protocol: HeaderValue,
    /// The relay counts as long as it lives.
    permit: Option<Permit>,
}

impl Wish {
    /// The wish of a request, if it has one. `h2c` is not granted: it would be HTTP that nobody looks into.
    pub(super) fn of(request: &mut Request<Incoming>) -> Option<Self> {
        let protocol = request.headers().get(UPGRADE)?.clone();
        let names = protocol.to_str().ok()?;
        let asked = request.version() == Version::HTTP_11 && lists_upgrade(request.headers());
        let h2c = names
            .split(',')
            .any(|name| name.trim().to_ascii_lowercase().starts_with("h2c"));
        (asked && !h2c).then(|| Self {
            permit: request.extensions().get::<Permit>().cloned(),
            client: hyper::upgrade::on(request),
            protocol,
        })
    }

    /// Puts the wish back on a request whose hop-by-hop headers were taken off.
    pub(super) fn renew(&self, headers: &mut HeaderMap) {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, self.protocol.clone());
    }

    /// The provider has agreed: the answer for the client, and a relay that outlives it.
    pub(super) fn grant(
        self,
        response: Response<UpstreamBody>,
        mut entry: Entry,
    ) -> Response<ResponseBody> {
        let protocol = response
            .headers()
            .get(UPGRADE)
            .cloned()
            .unwrap_or(self.protocol);
        let (mut parts, body) = response.into_parts();
        // A wish goes upstream by HTTP/1.1 only, and a 101 ends its exchange.
        let upstream = match body {
            UpstreamBody::Http1(body) => body.into_stream(),
            UpstreamBody::Http2(_) => None,
        };
        super::headers::clean_response(&mut parts.headers);
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        parts.headers.insert(UPGRADE, protocol);
        tokio::spawn(async move {
            let _permit = self.permit;
            let (Ok(client), Some((upstream, greeting))) = (self.client.await, upstream) else {
                return;
            };
            let activity = Activity::new();
            let mut client = Watched::new(TokioIo::new(client), Bytes::new(), activity.clone());
            let mut upstream = Watched::new(upstream, greeting, activity.clone());
            let relayed = activity
                .unless_idle(IDLE_TIMEOUT, relay::both_ways(&mut client, &mut upstream))
                .await;
            entry.finish(relayed.map_or(0, |(_, down)| down));
        });
        Response::from_parts(parts, ResponseBody::whole(Bytes::new()))
    }
}

fn lists_upgrade(headers: &HeaderMap) -> bool {
    headers.get_all(CONNECTION).iter().any(|value| {
        value.to_str().is_ok_and(|text| {
            text.split(',')
                .any(|name| name.trim().eq_ignore_ascii_case("upgrade"))
        })
    })
}
