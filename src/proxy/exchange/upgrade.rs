//! Protocol upgrades of HTTP/1.1 (RFC 9110 §7.8), such as WebSocket. The credential is injected
//! into the handshake; the bytes after it are relayed.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_EXTENSIONS, UPGRADE};
use http::{Request, Response, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::log_entry::Entry;
use super::response_body::ResponseBody;
use super::scrubbing::Scrubbing;
use super::searched_stream::SearchedStream;
use crate::defence::Defence;
use crate::proxy::admission::permit::Permit;
use crate::proxy::http1::Upgrade;
use crate::proxy::io::activity::Activity;
use crate::proxy::io::relay::Relay;
use crate::proxy::io::watched::{ClientStream, Watched};
use crate::proxy::limits::IDLE_TIMEOUT;
use crate::proxy::upstream::body::UpstreamBody;

/// A client's request to switch to another protocol.
pub(in crate::proxy) struct UpgradeRequest {
    client: ClientUpgrade,
    protocol: HeaderValue,
}

/// A future for a client's stream after a 101, and the permit: the relay counts as a connection as
/// long as it lives.
pub(in crate::proxy) enum ClientUpgrade {
    /// On an intercepted connection.
    Http1(Upgrade<ClientStream>, Permit),
    /// On a connection to the proxy itself.
    Hyper(OnUpgrade, Permit),
}

impl UpgradeRequest {
    /// The upgrade that a request asks for, if any. `h2c` is not granted: the proxy would relay
    /// HTTP requests that it does not inspect ("h2c smuggling").
    pub(in crate::proxy) fn of<B>(request: &Request<B>, client: ClientUpgrade) -> Option<Self> {
        let protocol = request.headers().get(UPGRADE)?.clone();
        let names = protocol.to_str().ok()?;
        let asked = request.version() == Version::HTTP_11 && lists_upgrade(request.headers());
        let h2c = names
            .split(',')
            .any(|name| name.trim().to_ascii_lowercase().starts_with("h2c"));
        let is_refused = h2c && Defence::H2cRefused.stands();
        (asked && !is_refused).then_some(Self { client, protocol })
    }

    /// Puts it back on a request whose hop-by-hop fields were removed.
    ///
    /// If what comes back `is_searched`, no extension is asked for: a compressed message could not
    /// be searched (RFC 6455 §9.1: a server uses only what was offered).
    pub(in crate::proxy) fn renew(&self, headers: &mut HeaderMap, is_searched: bool) {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, self.protocol.clone());
        if is_searched {
            headers.remove(SEC_WEBSOCKET_EXTENSIONS);
        }
    }

    /// The provider has agreed. Returns the response for the client, and starts a relay that
    /// outlives it.
    pub(in crate::proxy) fn grant(
        self,
        response: Response<UpstreamBody>,
        search: Option<&Arc<Scrubbing>>,
        mut entry: Entry,
    ) -> Response<ResponseBody> {
        let protocol = response
            .headers()
            .get(UPGRADE)
            .cloned()
            .unwrap_or(self.protocol);
        let (mut parts, body) = response.into_parts();
        // An upgrade is sent upstream over HTTP/1.1 only, and a 101 ends the HTTP exchange.
        let upstream = match body {
            UpstreamBody::Http1(body) => body.into_stream(),
            UpstreamBody::Http2(_) => None,
        };
        crate::proxy::rewrite::hop_by_hop::clean_response(&mut parts.headers);
        let frames = search.and_then(|search| {
            entry.scrubbed(search.fields(&mut parts.headers));
            is_websocket(&protocol).then(|| search.frames()).flatten()
        });
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        parts.headers.insert(UPGRADE, protocol);
        tokio::spawn(async move {
            let Some((upstream, greeting)) = upstream else {
                return;
            };
            let upstream = Watched::new(upstream, greeting, Activity::new());
            let activity = upstream.activity();
            let upstream = SearchedStream::new(upstream, frames);
            let (down, found) = match self.client {
                ClientUpgrade::Hyper(client, _permit) => match client.await {
                    Ok(client) => {
                        let client = Watched::new(TokioIo::new(client), Bytes::new(), activity);
                        relay_until_idle(client, upstream).await
                    }
                    Err(_) => return,
                },
                ClientUpgrade::Http1(client, _permit) => match client.await {
                    Ok((client, early)) => {
                        relay_until_idle(Watched::new(client, early, activity), upstream).await
                    }
                    Err(_) => return,
                },
            };
            entry.scrubbed(found);
            entry.finish(down);
        });
        Response::from_parts(parts, ResponseBody::whole(Bytes::new()))
    }
}

/// Relays until both sides have ended, one breaks off, or nothing has moved for [`IDLE_TIMEOUT`].
/// Returns the bytes that the client got, and how many secrets were replaced in them.
async fn relay_until_idle<C, U>(
    mut client: Watched<C>,
    mut upstream: SearchedStream<U>,
) -> (u64, u64)
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let activity = client.activity();
    let mut relay = Relay::default();
    {
        let relaying = pin!(relay.run(&mut client, &mut upstream));
        activity.unless_idle(IDLE_TIMEOUT, relaying).await;
    }
    (relay.back(), upstream.matches())
}

fn is_websocket(protocol: &HeaderValue) -> bool {
    let name = protocol.as_bytes().trim_ascii();
    name.eq_ignore_ascii_case(b"websocket")
}

fn lists_upgrade(headers: &HeaderMap) -> bool {
    headers.get_all(CONNECTION).iter().any(|value| {
        value.to_str().is_ok_and(|text| {
            text.split(',')
                .any(|name| name.trim().eq_ignore_ascii_case("upgrade"))
        })
    })
}
