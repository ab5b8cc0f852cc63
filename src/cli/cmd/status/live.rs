//! Asks the run itself, by the agent's API, what waits in it and what was refused.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use url::Url;

use crate::cli::printer::Printer;

/// How long the run may take to answer: it is on this machine.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest answer, in bytes.
const MAX_ANSWER: u64 = 4 * 1024 * 1024;

/// What the API says; `None` where there is none, or it is off.
pub(super) fn ask(run: &str) -> Option<Value> {
    let proxy = std::env::var("HTTP_PROXY").ok()?;
    let answer: Value = serde_json::from_slice(&get(&Url::parse(&proxy).ok()?)?).ok()?;
    // The variable may be another run's, or the user's own proxy.
    (answer.get("run")?.get("id")?.as_str()? == run).then_some(answer)
}

/// The body of `GET http://authsome.internal/`. In the clear: it does not leave the machine, and
/// the proxy's certificate need not be known.
fn get(proxy: &Url) -> Option<Vec<u8>> {
    let place = (proxy.host_str()?, proxy.port_or_known_default()?);
    let address = place.to_socket_addrs().ok()?.next()?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    let password = proxy.password().unwrap_or_default();
    let basic = STANDARD.encode(format!("{}:{password}", proxy.username()));
    let request = format!(
        "GET http://authsome.internal/ HTTP/1.0\r\nHost: authsome.internal\r\nProxy-Authorization: Basic {basic}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let is_good = answer.get(..12)?.ends_with(b" 200");
    is_good.then(|| answer.split_off(end + 4))
}

/// Prints what waits and what was refused lately.
pub(super) fn show(live: &Value, printer: &Printer) {
    let rows = |name: &str, fields: [&str; 4]| -> Vec<Vec<String>> {
        let listed = live.get(name).and_then(Value::as_array);
        let row = |one: &Value| {
            let field = |name: &&str| one.get(*name).and_then(Value::as_str).unwrap_or("-");
            let words = fields.iter().map(field).map(str::to_owned);
            words.collect::<Vec<_>>()
        };
        listed
            .into_iter()
            .flatten()
            .take(MAX_ROWS)
            .map(row)
            .collect()
    };
    let waiting = rows("waiting", ["id", "method", "path", "reason"]);
    if !waiting.is_empty() {
        printer.line("Waiting for the user:");
        printer.table(&waiting);
    }
    let refused = rows("refused", ["method", "host", "path", "reason"]);
    if !refused.is_empty() {
        printer.line("Refused lately, the newest first:");
        printer.table(&refused);
    }
    if !waiting.is_empty() || !refused.is_empty() {
        printer.line("");
    }
}

/// How many rows of each are printed.
const MAX_ROWS: usize = 10;
