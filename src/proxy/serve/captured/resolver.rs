//! The resolver inside: questions over UDP, and over TCP (RFC 7766).

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::isolate::{Datagrams, MAX_QUESTION};
use crate::proxy::limits::{ACCEPT_PAUSE, RESOLVER_IDLE};

/// The answer to a question, if there is one.
type Answer = dyn Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync;

/// Answers questions.
#[derive(Clone)]
pub(super) struct Resolver {
    answer: Arc<Answer>,
    open: Arc<Semaphore>,
}

impl Resolver {
    pub(super) fn new(
        answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
        open: &Arc<Semaphore>,
    ) -> Self {
        Self {
            answer: Arc::new(answer),
            open: Arc::clone(open),
        }
    }

    /// Answers each datagram. An answer is short, so none is truncated.
    pub(super) async fn serve_datagrams(&self, socket: Datagrams) {
        let mut question = [0; MAX_QUESTION];
        loop {
            match socket.receive(&mut question).await {
                Ok((length, from)) => {
                    let question = question.get(..length).unwrap_or_default();
                    if let Some(answer) = (self.answer)(question) {
                        let _ = socket.send(&answer, &from).await;
                    }
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    /// Answers each connection's questions.
    pub(super) async fn serve_connections(&self, listener: TcpListener) {
        loop {
            let Ok(permit) = Arc::clone(&self.open).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let resolver = self.clone();
                    tokio::spawn(async move {
                        resolver.converse(stream).await;
                        drop(permit);
                    });
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    async fn converse(&self, mut stream: TcpStream) {
        let mut question = [0; MAX_QUESTION];
        let mut one = async || {
            let length = usize::from(stream.read_u16().await.ok()?);
            let question = question.get_mut(..length)?;
            stream.read_exact(question).await.ok()?;
            let answer = (self.answer)(question)?;
            let length = u16::try_from(answer.len()).ok()?.to_be_bytes();
            let answer = [&length[..], &answer].concat();
            stream.write_all(&answer).await.ok()
        };
        while let Ok(Some(())) = tokio::time::timeout(RESOLVER_IDLE, one()).await {}
    }
}
