//! The resolver inside: questions over UDP, and over TCP (RFC 7766).

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::Captured;
use crate::connection::CredentialSource;
use crate::isolate::{MAX_QUESTION, answer};
use crate::proxy::limits::{ACCEPT_PAUSE, RESOLVER_IDLE};

/// Answers each datagram. An answer is short, so none is truncated.
pub(super) async fn serve_datagrams<S: CredentialSource>(
    socket: UdpSocket,
    captured: &Captured<S>,
) {
    let mut question = [0; MAX_QUESTION];
    loop {
        match socket.recv_from(&mut question).await {
            Ok((length, from)) => {
                let question = question.get(..length).unwrap_or_default();
                if let Some(answer) = captured.answer(question) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Answers each connection's questions.
pub(super) async fn serve_connections<S: CredentialSource>(
    listener: TcpListener,
    captured: Arc<Captured<S>>,
) {
    loop {
        let Ok(permit) = Arc::clone(&captured.open).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let captured = Arc::clone(&captured);
                tokio::spawn(async move {
                    converse(stream, &captured).await;
                    drop(permit);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn converse<S: CredentialSource>(mut stream: TcpStream, captured: &Captured<S>) {
    let mut question = [0; MAX_QUESTION];
    let mut one = async || {
        let length = usize::from(stream.read_u16().await.ok()?);
        let question = question.get_mut(..length)?;
        stream.read_exact(question).await.ok()?;
        let answer = captured.answer(question)?;
        let length = u16::try_from(answer.len()).ok()?.to_be_bytes();
        stream
            .write_all(&[&length[..], &answer].concat())
            .await
            .ok()
    };
    while let Ok(Some(())) = tokio::time::timeout(RESOLVER_IDLE, one()).await {}
}

impl<S: CredentialSource> Captured<S> {
    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        answer(question, &self.names, |name| self.permits(name))
    }
}
