//! Those that take their time.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::super::dial::{Dialer, Resumption, Stream};
use super::frames::{self, Connection, END_HEADERS, END_STREAM, HEADERS, WINDOW_UPDATE};
use super::tally::{Outcome, Tally, response};
use crate::failure::Failure;
use crate::wire::Protocol;

/// What each reader asks for, and how much of it is taken at a time.
const BODY: u64 = 64 * 1024 * 1024;
const SIP: u32 = 4 * 1024;
const BETWEEN_SIPS: Duration = Duration::from_secs(1);

/// How long a sender thinks about each byte.
const BETWEEN_BYTES: Duration = Duration::from_millis(250);

/// Streams on each HTTP/2 connection.
const STREAMS: u32 = 32;

/// Handshakes at one time.
const AT_ONCE: usize = 16;

/// HTTP/1.1 clients that hardly read their responses.
pub(super) async fn readers(dialer: Rc<Dialer>, tally: Rc<Tally>, connections: usize) {
    stand(
        dialer,
        tally,
        connections,
        async |_, dialer: &Dialer, stands: &dyn Fn()| {
            let mut stream = dialer.tls(Protocol::Http1, Resumption::Off).await?;
            stream.write_all(&dialer.get(BODY)).await?;
            let mut sip = vec![0; SIP as usize];
            // The buffers on the way fill, which is no more than a download.
            sleep(BETWEEN_SIPS).await;
            stands();
            let mut outcome = None;
            while stream.read(&mut sip).await? > 0 {
                outcome.get_or_insert(sip.starts_with(b"HTTP/1.1 200"));
                sleep(BETWEEN_SIPS).await;
            }
            Ok(outcome == Some(true))
        },
    )
    .await;
}

/// Clients that send a head or a body a byte at a time.
pub(super) async fn senders(dialer: Rc<Dialer>, tally: Rc<Tally>, connections: usize) {
    stand(
        dialer,
        tally,
        connections,
        async |index, dialer: &Dialer, stands: &dyn Fn()| {
            let mut stream = dialer.tls(Protocol::Http1, Resumption::Off).await?;
            let post = |framing| dialer.request("POST /api/v4/upload", framing);
            let (head, byte): (_, &[u8]) = match index % 4 {
                1 => (post("Content-Length: 60000\r\n"), b"x"),
                3 => (post("Transfer-Encoding: chunked\r\n"), b"1\r\nx\r\n"),
                _ => {
                    stands();
                    for byte in dialer.get(1024) {
                        crumb(&mut stream, &[byte]).await?;
                    }
                    return Ok(response(&mut stream).await == Outcome::Served);
                }
            };
            stream.write_all(&head).await?;
            stands();
            for _ in 0..60_000 {
                crumb(&mut stream, byte).await?;
            }
            Ok(false)
        },
    )
    .await;
}

async fn crumb(stream: &mut Stream, bytes: &[u8]) -> Result<(), Failure> {
    stream.write_all(bytes).await?;
    stream.flush().await?;
    sleep(BETWEEN_BYTES).await;
    Ok(())
}

/// HTTP/2 clients that open their windows a little at a time.
pub(super) async fn streams(dialer: Rc<Dialer>, tally: Rc<Tally>, connections: usize) {
    for _ in 0..connections {
        let Ok(Connection { reader, mut writer }) = Connection::open(&dialer, SIP).await else {
            tally.count(Outcome::Broken);
            continue;
        };
        let counting = Rc::clone(&tally);
        spawn_local(async move { reader.count(&counting).await });
        let (block, tally) = (frames::get(&dialer, BODY), Rc::clone(&tally));
        let identifiers = (0..STREAMS).map(|index| 2 * index + 1);
        let mut out = Vec::new();
        for identifier in identifiers.clone() {
            tally.attempt();
            frames::frame(
                &mut out,
                HEADERS,
                END_STREAM | END_HEADERS,
                identifier,
                &block,
            );
        }
        spawn_local(async move {
            while frames::send(&mut writer, &out).await.is_ok() {
                sleep(BETWEEN_SIPS).await;
                out.clear();
                let more = (SIP * STREAMS).to_be_bytes();
                frames::frame(&mut out, WINDOW_UPDATE, 0, 0, &more);
                for identifier in identifiers.clone() {
                    frames::frame(&mut out, WINDOW_UPDATE, 0, identifier, &SIP.to_be_bytes());
                }
            }
        });
    }
    sleep(BETWEEN_SIPS).await; // the proxy's buffers fill
    tally.stands();
    pending::<()>().await;
}

/// Starts so many clients, and says when each of them stands or has failed. A client tells whether
/// it was served in the end.
async fn stand(
    dialer: Rc<Dialer>,
    tally: Rc<Tally>,
    connections: usize,
    client: impl AsyncFn(usize, &Dialer, &dyn Fn()) -> Result<bool, Failure> + 'static,
) {
    let (client, turns) = (Rc::new(client), Rc::new(Semaphore::new(AT_ONCE)));
    let standing = Rc::new(Cell::new(0));
    for index in 0..connections {
        let (dialer, tally, client) = (Rc::clone(&dialer), Rc::clone(&tally), Rc::clone(&client));
        let (turns, standing) = (Rc::clone(&turns), Rc::clone(&standing));
        spawn_local(async move {
            tally.attempt();
            let turn = Cell::new(turns.acquire().await.ok());
            let stands = || {
                if turn.take().is_some() {
                    standing.set(standing.get() + 1);
                    if standing.get() == connections {
                        tally.stands();
                    }
                }
            };
            let outcome = client(index, &dialer, &stands).await;
            stands();
            tally.count(match outcome {
                Ok(true) => Outcome::Served,
                Ok(false) => Outcome::Refused,
                Err(_) => Outcome::Broken,
            });
        });
    }
    pending::<()>().await;
}
