//! The clients: bytes of HTTP/1.1, frames of HTTP/2, and curl.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::cell::{By, Cell, ClientKind, Leave, ServerKind, Story};
use crate::outcome::{End, Got, Outcome, Received};
use crate::pattern;
use crate::server::Place;
use crate::way::Way;

pub(crate) mod curl;
mod http1;
mod http2;

/// Runs a cell one way.
pub(crate) async fn run(place: &Arc<Place>, way: &Arc<Way>) -> Outcome {
    let cell = place.scene.cell;
    let got = tokio::time::timeout(CELL, requests(place, way)).await;
    let streams = cell.client.streams();
    let stuck = Got {
        is_stuck: true,
        ..Got::failed("the cell's time is over".to_owned())
    };
    let got = got.unwrap_or_else(|_| vec![stuck; streams]);
    place.scene.leave();
    // What is not over by then, the server has not noticed.
    let scene = &place.scene;
    scene
        .wait_for(NOTICE, |received| is_settled(received, scene.is_left()))
        .await;
    let received = (0..streams).map(|index| scene.received(index));
    Outcome {
        requests: got.into_iter().zip(received).collect(),
        garbage: scene.take_garbage(),
        size: cell.size(),
        response_breaks: cell.response_breaks(),
        stops_when_refused: cell.client.is_curl(),
    }
}

fn is_settled(received: &Received, is_left: bool) -> bool {
    let has_come = received.requests > 0;
    has_come && received.end != End::Open && (received.noticed || !is_left)
}

async fn requests(place: &Arc<Place>, way: &Arc<Way>) -> Vec<Got> {
    let cell = place.scene.cell;
    // A client that offers HTTP/2 speaks HTTP/1.1 with a server that has nothing else; the proxy
    // has both.
    let speaks_http2 =
        cell.client.offers_http2() && (way.proxy.is_some() || cell.server == ServerKind::H2);
    match cell.client {
        ClientKind::Curl1 | ClientKind::Curl2 => vec![curl::request(place, way).await],
        _ if speaks_http2 => http2::requests(place, way).await,
        _ => {
            let request = |index| {
                let (place, way) = (Arc::clone(place), Arc::clone(way));
                async move { http1::request(&place, &way, index).await }
            };
            all((0..cell.client.streams()).map(request)).await
        }
    }
}

/// What comes of futures that run at one time, in their order.
async fn all<F: Future<Output = Got> + Send + 'static>(
    futures: impl Iterator<Item = F>,
) -> Vec<Got> {
    let tasks: Vec<_> = futures.map(tokio::spawn).collect();
    let mut got = Vec::new();
    for task in tasks {
        got.push(
            task.await
                .unwrap_or_else(|error| Got::failed(error.to_string())),
        );
    }
    got
}

/// What a request has come to so far; both its directions write to it.
#[derive(Debug, Default)]
struct Course {
    got: Mutex<Got>,
    moves: AtomicU64,
}

impl Course {
    fn change(&self, change: impl FnOnce(&mut Got)) {
        change(&mut self.got.lock().unwrap_or_else(PoisonError::into_inner));
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    fn moves(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }

    fn got(&self) -> Got {
        self.got
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns when nothing has moved for that long.
    async fn stalls(&self, limit: Duration) {
        let mut seen = self.moves();
        let mut since = tokio::time::Instant::now();
        while since.elapsed() < limit {
            tokio::time::sleep(TICK).await;
            if self.moves() != seen {
                (seen, since) = (self.moves(), tokio::time::Instant::now());
            }
        }
    }
}

/// What has come so far, for an upload that waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Nothing,
    Continue,
    Final,
}

/// Waits for the moment at which this cell's client leaves.
async fn moment_to_leave(place: &Place, leave: Leave, course: &Course) {
    let scene = &place.scene;
    match leave {
        Leave::AmidUpload | Leave::AmidUploadUnread => {
            let amid = scene.cell.amid();
            scene
                .wait_for(HANG, |received| received.bytes >= amid)
                .await;
        }
        Leave::Waiting | Leave::WaitingBehindBody => {
            scene
                .wait_for(HANG, |received| received.end == End::Whole)
                .await;
        }
        Leave::Answered => wait(|| course.got().is_whole).await,
        Leave::AmidBoth | Leave::AmidDownload => {
            wait(|| course.got().bytes >= crate::server::RESPONSE.len() as u64 / 2).await;
        }
    }
}

async fn wait(until: impl Fn() -> bool) {
    let end = tokio::time::Instant::now() + HANG;
    while !until() && tokio::time::Instant::now() < end {
        tokio::time::sleep(TICK).await;
    }
}

/// How many bytes of its body a cell's client sends: one that leaves amid its upload keeps the last
/// piece back, else a fast machine has sent all before the client has seen that it may leave.
fn to_send(cell: Cell) -> u64 {
    let kept = match leaving(cell) {
        Some((
            Leave::AmidUpload | Leave::AmidUploadUnread | Leave::Answered | Leave::AmidBoth,
            _,
        )) => pattern::LONGEST as u64,
        Some((Leave::Waiting | Leave::WaitingBehindBody | Leave::AmidDownload, _)) | None => 0,
    };
    cell.size().saturating_sub(kept)
}

/// When and how a cell's client leaves.
fn leaving(cell: Cell) -> Option<(Leave, By)> {
    match cell.story {
        Story::Leaves(leave, by) => Some((leave, by)),
        Story::Answers(..) => None,
    }
}

/// A whole cell's time.
const CELL: Duration = Duration::from_mins(1);

/// Nothing has moved in either direction for this long: it hangs.
const HANG: Duration = Duration::from_secs(10);

/// The whole response has come, and the upload has not moved for this long: the client goes.
const STALL: Duration = Duration::from_millis(700);

/// How soon the server must notice that its client has gone: a second, and one more for a machine
/// with other work.
const NOTICE: Duration = Duration::from_secs(2);

/// How long a client waits for `100 Continue`.
const CONTINUE: Duration = Duration::from_secs(1);

/// How often is looked whether something has moved.
const TICK: Duration = Duration::from_millis(25);
