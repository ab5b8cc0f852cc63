//! Refused uploads give their part of the connection's window back (RFC 9113 §6.9.1): one that
//! comes behind them goes through.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::{RecvStream, SendStream};
use http::{Method, Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::ask::Http2;
use super::{Told, script};
use crate::Bench;
use crate::cell::ServerKind;
use crate::pattern;
use crate::server::{Place, ServerStream};

pub(super) async fn behind_refused_h1(bench: Arc<Bench>) -> Told {
    behind_refused(&bench, ServerKind::H1).await
}

pub(super) async fn behind_refused_h2(bench: Arc<Bench>) -> Told {
    behind_refused(&bench, ServerKind::H2).await
}

async fn behind_refused(bench: &Bench, kind: ServerKind) -> Told {
    let script = match kind {
        ServerKind::H1 => script(serve_http1),
        ServerKind::H2 => script(serve_http2),
    };
    let place = bench.server.scripted(kind, script).await;
    let client = Http2::open(&place, &bench.session.proxied).await?;
    // As curl does: what is refused, it neither goes on with nor calls off.
    let mut held = Vec::new();
    for time in 0..REFUSED {
        let status = upload(&client, &place, "refused", &mut held).await?;
        if status != 413 {
            return Err(format!("refused upload {time} got {status}"));
        }
    }
    match upload(&client, &place, "read", &mut held).await? {
        200 => Ok(format!("behind {REFUSED}")),
        status => Err(format!("the upload behind them got {status}")),
    }
}

/// Uploads until all is out or the response is there, and then no more; the status.
async fn upload(
    client: &Http2,
    place: &Place,
    path: &str,
    held: &mut Vec<SendStream<Bytes>>,
) -> Result<u16, String> {
    let mut client = client
        .client
        .clone()
        .ready()
        .await
        .map_err(|error| error.to_string())?;
    let uri = format!("https://{}/api/{path}", place.authority());
    let request = Request::builder()
        .method(Method::POST)
        .uri(uri)
        .body(())
        .expect("valid parts");
    let (response, mut sender) = client
        .send_request(request, false)
        .map_err(|error| error.to_string())?;
    let talking = async {
        tokio::pin!(response);
        let sending = send(&mut sender);
        tokio::pin!(sending);
        let response = tokio::select! {
            biased;
            response = &mut response => response,
            () = &mut sending => response.await,
        };
        let response = response?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        while let Some(data) = body.data().await {
            body.flow_control().release_capacity(data?.len())?;
        }
        Ok::<_, h2::Error>(status)
    };
    let status = match tokio::time::timeout(LIMIT, talking).await {
        Ok(status) => status.map_err(|error| format!("{path}: {error}")),
        Err(_) => Err(format!("an upload that shall be {path} stalls")),
    };
    held.push(sender);
    status
}

/// Sends the body, as far as there is room for it.
async fn send(sender: &mut SendStream<Bytes>) {
    let mut sent = 0;
    while sent < SIZE {
        sender.reserve_capacity(pattern::LONGEST);
        match std::future::poll_fn(|context| sender.poll_capacity(context)).await {
            Some(Ok(room)) => {
                let left = usize::try_from(SIZE - sent).unwrap_or(usize::MAX);
                let piece = pattern::piece(sent, room.min(left));
                sent += piece.len() as u64;
                if sender
                    .send_data(Bytes::from_static(piece), sent == SIZE)
                    .is_err()
                {
                    return;
                }
            }
            _ => return, // called off: the response says why
        }
    }
}

async fn serve_http1(mut stream: ServerStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let is_refused = head.windows(8).any(|window| window == b"/refused");
    if is_refused {
        if stream
            .write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
            .await
            .is_ok()
        {
            let _ = stream.flush().await;
            std::future::pending::<()>().await; // open, and unread, until the scene is over
        }
        return;
    }
    let (mut end, mut buffer) = (Vec::new(), vec![0; READ]);
    while !end.ends_with(b"\r\n0\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => {
                end.extend_from_slice(buffer.get(..read).unwrap_or_default());
                end.drain(..end.len().saturating_sub(7));
            }
            _ => return,
        }
    }
    let _ = stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await;
    let _ = stream.flush().await;
}

async fn serve_http2(stream: ServerStream) {
    let mut settings = h2::server::Builder::new();
    settings.initial_connection_window_size(WINDOW);
    let Ok(mut connection) = settings.handshake::<_, Bytes>(stream).await else {
        return;
    };
    let mut unread = Vec::new();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let is_refused = request.uri().path().ends_with("/refused");
        let body = request.into_body();
        if is_refused {
            let response = Response::builder()
                .status(413)
                .body(())
                .expect("valid parts");
            let _ = respond.send_response(response, true);
            unread.push((respond, body)); // were they dropped, the stream would be reset
        } else {
            tokio::spawn(async move {
                if read(body).await {
                    let _ = respond.send_response(Response::new(()), true);
                }
            });
        }
    }
}

async fn read(mut body: RecvStream) -> bool {
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len()); // as long as the stream is there
    }
    body.is_end_stream()
}

/// How many are refused: more than the connection's window has room for.
const REFUSED: usize = 12;

/// Bytes of an upload.
const SIZE: u64 = 3_000_000;

/// For one upload.
const LIMIT: Duration = Duration::from_secs(15);

/// What is read at once.
const READ: usize = 64 * 1024;

/// As much as the server lets come on one connection.
const WINDOW: u32 = 16 * 1024 * 1024;
