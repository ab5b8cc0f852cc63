//! HTTP/2 by hyper.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::dial::{Dialer, Resumption};
use crate::failure::Failure;
use crate::wire::Protocol;

/// One connection; its clones send on streams of their own.
#[derive(Clone)]
pub(super) struct Http2 {
    sender: SendRequest<Empty<Bytes>>,
    request: Request<()>,
}

impl Http2 {
    pub(super) async fn connect(dialer: &Dialer) -> Result<Self, Failure> {
        let stream = dialer.tls(Protocol::Http2, Resumption::Off).await?;
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::get(dialer.url(1024))
            .header(AUTHORIZATION, format!("Bearer {}", dialer.token()))
            .body(())?;
        Ok(Self { sender, request })
    }

    /// One GET, whose response must be a 200.
    pub(super) async fn exchange(&mut self) -> Result<(), Failure> {
        self.sender.ready().await?;
        let request = self.request.clone().map(|()| Empty::new());
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body();
        if status != StatusCode::OK {
            let text = body.collect().await?.to_bytes();
            return Err(format!("{status}: {}", String::from_utf8_lossy(&text)).into());
        }
        let mut body = body;
        while let Some(frame) = body.frame().await {
            frame?;
        }
        Ok(())
    }
}
