//! What a client of SSH is told at a host of a connection: a session has no key, and git's SSH
//! addresses there are rewritten to HTTPS.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::proxy::io::socket::ClientSocket;
use crate::proxy::limits::SSH_REFUSAL_WAIT;

/// `SSH_MSG_DISCONNECT` and its reason "by application" (RFC 4253 §11.1).
const DISCONNECT: u8 = 1;
const BY_APPLICATION: u32 = 11;

/// The version line (RFC 4253 §4.2).
const VERSION: &[u8] = b"SSH-2.0-authsome\r\n";

/// Says why, in the words of the protocol, and closes the connection.
pub(super) async fn refuse(stream: &mut ClientSocket, host: &str) {
    let reason = format!(
        "authsome: inside an isolated run {host} is reached over HTTPS only, where the session's login is; use https://{host}/..."
    );
    let refusing = async {
        let _ = stream.write_all(VERSION).await;
        let _ = stream.write_all(&disconnect(&reason)).await;
        let _ = stream.shutdown().await;
        // A reset would make the client lose what was said.
        let mut rest = [0; 1024];
        while let Ok(1..) = stream.read(&mut rest).await {}
    };
    let _ = tokio::time::timeout(SSH_REFUSAL_WAIT, refusing).await;
}

/// A packet before keys are exchanged (RFC 4253 §6): no encryption, no authentication code.
fn disconnect(reason: &str) -> Vec<u8> {
    const BLOCK: usize = 8;
    const MIN_PADDING: usize = 4;
    let mut payload = vec![DISCONNECT];
    payload.extend_from_slice(&BY_APPLICATION.to_be_bytes());
    for text in [reason, ""] {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        payload.extend_from_slice(&length.to_be_bytes());
        payload.extend_from_slice(text.as_bytes());
    }
    let whole = (5 + payload.len() + MIN_PADDING).next_multiple_of(BLOCK);
    let padding = whole - 5 - payload.len();
    let mut packet = Vec::with_capacity(whole);
    packet.extend_from_slice(&u32::try_from(whole - 4).unwrap_or(u32::MAX).to_be_bytes());
    packet.push(u8::try_from(padding).unwrap_or(u8::MAX));
    packet.extend_from_slice(&payload);
    packet.resize(whole, 0);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_of_whole_blocks_and_has_padding() {
        for length in 0..64 {
            let packet = disconnect(&"x".repeat(length));
            assert_eq!(packet.len() % 8, 0);
            let stated = u32::from_be_bytes(packet[..4].try_into().unwrap());
            assert_eq!(usize::try_from(stated).unwrap(), packet.len() - 4);
            assert!((4..12).contains(&packet[4]));
        }
    }
}
