//! `GET /api/v4/cable`: a WebSocket (RFC 6455) that sends every message back.

use std::io;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::call::Call;
use crate::response::{self, Body};

/// Answers the handshake, whose credential was checked before, and echoes in a task.
pub(crate) fn upgrade(mut call: Call) -> Response<Body> {
    let key = call.parts.headers.get(SEC_WEBSOCKET_KEY).cloned();
    let upgrade = call.parts.extensions.remove::<OnUpgrade>();
    let (Some(key), Some(upgrade)) = (key, upgrade) else {
        return response::text(StatusCode::UPGRADE_REQUIRED, "WebSocket only\n");
    };
    let accept = accept(key.as_bytes());
    call.shared.spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            // The peer may leave at any point; that ends the echo and is nobody's fault.
            let _ = echo(TokioIo::new(upgraded)).await;
        }
    });
    let mut response = Response::new(Body::full(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response::set(&mut response, CONNECTION, "Upgrade");
    response::set(&mut response, UPGRADE, "websocket");
    response::set(&mut response, SEC_WEBSOCKET_ACCEPT, &accept);
    response
}

/// Echoes frame by frame: a fragmented message goes back in the same fragments.
async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    loop {
        let (first, payload) = read_frame(&mut stream).await?;
        match first & OPCODE {
            CLOSE => {
                write_frame(&mut stream, first, &payload).await?;
                return stream.shutdown().await;
            }
            PING => write_frame(&mut stream, FINAL | PONG, &payload).await?,
            PONG => {}
            _ => write_frame(&mut stream, first, &payload).await?,
        }
    }
}

/// Reads one frame of a client, which always masks (RFC 6455 §5.1).
async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let first = stream.read_u8().await?;
    let second = stream.read_u8().await?;
    if second & MASKED == 0 {
        return Err(io::Error::other("an unmasked frame from a client"));
    }
    let length = match second & !MASKED {
        126 => u64::from(stream.read_u16().await?),
        127 => stream.read_u64().await?,
        short => u64::from(short),
    };
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= FRAME_LIMIT)
        .ok_or_else(|| io::Error::other("a frame beyond the limit"))?;
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).await?;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    Ok((first, payload))
}

async fn write_frame(
    stream: &mut (impl AsyncWrite + Unpin),
    first: u8,
    payload: &[u8],
) -> io::Result<()> {
    let mut frame = vec![first];
    match payload.len() {
        // The guards keep each length within its field.
        length @ 0..=125 => frame.extend(u8::try_from(length)),
        length @ 126..=0xffff => {
            frame.push(126);
            frame.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    stream.write_all(&frame).await?;
    stream.flush().await
}

/// RFC 6455 §4.2.2: proves that the handshake was understood.
fn accept(key: &[u8]) -> String {
    let keyed = [key, GUID].concat();
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &keyed))
}

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
const OPCODE: u8 = 0x0f;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
/// What one frame may hold.
const FRAME_LIMIT: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::accept;

    #[test]
    fn the_rfcs_own_example_is_accepted() {
        assert_eq!(
            accept(b"dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }
}
