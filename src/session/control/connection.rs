//! One client of a run's socket, from its request to the last line of the response.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::admit;
use super::handler::ControlError;
use super::shared::Shared;
use crate::audit::Watched;

/// How long a client may take to send its request, and to take what is written.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest request, in bytes.
const MAX_REQUEST: u64 = 64 * 1024;

/// Serves one connection. Its errors concern nobody but the client.
pub(super) async fn serve(stream: UnixStream, shared: &Shared) {
    let mut stream = BufReader::new(stream);
    let response = match asked(&mut stream, shared).await {
        Ok(request) if request["do"] == "watch" => return watch(stream, shared, &request).await,
        Ok(request) => handled(&mut stream, shared, &request).await,
        Err(error) => Some(error.value()),
    };
    if let Some(response) = response {
        let _ = write(&mut stream, line(&response).as_bytes()).await;
    }
}

/// Reads the request of a client that may ask.
async fn asked(stream: &mut BufReader<UnixStream>, shared: &Shared) -> Result<Value, ControlError> {
    let admitted = admit::check(stream.get_ref(), shared);
    let mut text = Vec::new();
    let mut limited = stream.take(MAX_REQUEST);
    let read = timeout(READ_TIMEOUT, limited.read_until(b'\n', &mut text)).await;
    let is_whole = matches!(read, Ok(Ok(_))) && text.last() == Some(&b'\n');
    admitted?; // only now: a client that still writes would not read why
    let request = serde_json::from_slice::<Value>(&text).ok();
    let request = request.filter(|request| is_whole && request["do"].is_string());
    request.ok_or_else(|| {
        let message = "a request is one line of JSON: {\"do\": \"state\"}";
        ControlError::new("malformed", message)
    })
}

/// The response to a request; `None` if the client leaves before.
async fn handled(
    stream: &mut BufReader<UnixStream>,
    shared: &Shared,
    request: &Value,
) -> Option<Value> {
    let name = request["do"].as_str().unwrap_or_default();
    let Some(handler) = shared.handlers.of(name) else {
        let message = format!("this run does not know `{name}`");
        return Some(ControlError::new("unknown_request", message).value());
    };
    tokio::select! {
        response = handler.handle(request) => {
            Some(response.unwrap_or_else(|error| error.value()))
        }
        () = left(stream) => None,
    }
}

/// Tells what happens until the run ends or the client leaves.
async fn watch(mut stream: BufReader<UnixStream>, shared: &Shared, request: &Value) {
    let mut watch = shared.audit.watch();
    let state = match shared.handlers.of("state") {
        Some(handler) => handler.handle(request).await.unwrap_or_default(),
        None => Value::Null,
    };
    let mut first = json!({ "event": "state" });
    if let (Some(first), Value::Object(state)) = (first.as_object_mut(), state) {
        first.extend(state);
    }
    let run = first["run"].clone();
    let live = json!({ "event": "live", "run": run });
    let (first, live) = (line(&first), line(&live));
    let head = [first.as_bytes(), &watch.recent(), live.as_bytes()].concat();
    if write(&mut stream, &head).await.is_none() {
        return;
    }
    loop {
        let next = tokio::select! {
            next = watch.next() => next,
            () = left(&mut stream) => return,
        };
        let written = match next {
            Some(Watched::Lines(lines)) => write(&mut stream, &lines).await,
            Some(Watched::Missed(batches)) => {
                let missed = json!({ "event": "missed", "batches": batches, "run": run });
                write(&mut stream, line(&missed).as_bytes()).await
            }
            None => return,
        };
        if written.is_none() {
            return;
        }
    }
}

/// Completes when the client has closed the connection. What else it writes is not read.
async fn left(stream: &mut BufReader<UnixStream>) {
    let mut rest = [0; 64];
    while matches!(stream.read(&mut rest).await, Ok(1..)) {}
}

async fn write(stream: &mut BufReader<UnixStream>, bytes: &[u8]) -> Option<()> {
    let written = timeout(WRITE_TIMEOUT, stream.write_all(bytes)).await;
    written.ok()?.ok()
}

fn line(value: &Value) -> String {
    let text = value.to_string();
    format!("{}\n", crate::text::json(&text))
}
