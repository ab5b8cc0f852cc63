//! The other end of a run's socket.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use memchr::memrchr;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::os::home::Home;
use crate::session::living::socket_file;

/// How long a run may take to respond to what it answers at once.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest line that is taken, in bytes: a state names every place and rule.
const MAX_LINE: u64 = 8 * 1024 * 1024;

/// Why a run has not responded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlClientError {
    /// It could not be reached, or broke off.
    #[error("the run does not respond on its socket")]
    Unreachable(#[from] io::Error),
    /// It refuses.
    #[error("{message}")]
    Refused {
        /// Its word for why.
        code: String,
        /// Its sentence.
        message: String,
    },
}

/// A connection to the socket of a run.
#[derive(Debug)]
pub struct ControlClient(BufReader<UnixStream>);

/// A state, or another response in one object.
pub type StateReply = Value;

impl ControlClient {
    /// Connects to the run with that ID, and asks.
    pub async fn ask(home: &Home, id: &str, request: &Value) -> Result<Self, ControlClientError> {
        Self::ask_at(&socket_file(home, id), request).await
    }

    async fn ask_at(path: &Path, request: &Value) -> Result<Self, ControlClientError> {
        let mut stream = UnixStream::connect(path).await?;
        stream.write_all(format!("{request}\n").as_bytes()).await?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Asks, and waits for the one object that responds.
    pub async fn call(
        home: &Home,
        id: &str,
        request: &Value,
    ) -> Result<StateReply, ControlClientError> {
        let response = async {
            let mut client = Self::ask(home, id, request).await?;
            client.next().await
        };
        let broken = || io::Error::from(io::ErrorKind::TimedOut);
        let response = timeout(RESPONSE_TIMEOUT, response).await;
        let response = response.map_err(|_| broken())??;
        response.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }

    /// The next whole lines, as they are; `None` at the end. Not cancel safe.
    pub async fn next_lines(&mut self) -> Result<Option<Bytes>, ControlClientError> {
        let buffered = self.0.fill_buf().await?;
        if buffered.is_empty() {
            return Ok(None);
        }
        let whole = memrchr(b'\n', buffered).map(|end| end + 1);
        let mut lines = buffered
            .get(..whole.unwrap_or(0))
            .unwrap_or_default()
            .to_vec();
        self.0.consume(lines.len());
        if lines.is_empty() {
            // A line that is longer than the buffer, or has not come to its end.
            (&mut self.0)
                .take(MAX_LINE)
                .read_until(b'\n', &mut lines)
                .await?;
        }
        Ok((lines.last() == Some(&b'\n')).then(|| lines.into()))
    }

    /// The next object; `None` at the end. Not cancel safe.
    pub async fn next(&mut self) -> Result<Option<Value>, ControlClientError> {
        let mut text = Vec::new();
        let mut limited = (&mut self.0).take(MAX_LINE);
        limited.read_until(b'\n', &mut text).await?;
        if text.last() != Some(&b'\n') {
            return Ok(None);
        }
        let value: Value = serde_json::from_slice(&text).map_err(io::Error::from)?;
        match value["error"].as_str() {
            None => Ok(Some(value)),
            Some(code) => Err(ControlClientError::Refused {
                code: code.to_owned(),
                message: value["message"].as_str().unwrap_or_default().to_owned(),
            }),
        }
    }
}
