//! A server of HTTP/2 of which a script decides each frame: it answers what it likes and says of
//! the rest that it has not begun it.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::server::{Script, ServerStream};

/// What the server does with the streams of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Plan {
    /// So many are answered; with the next one comes a GOAWAY that names the last of them, and then
    /// the end.
    Most(usize),
    /// On the first connection none is begun; all others are answered.
    NoneAtFirst,
    /// Every so many-th is refused; the others are answered.
    RefusesEvery(usize),
    /// Each is answered, and when that long nothing more has come the connection ends, with a
    /// GOAWAY.
    EndsIdle(Duration),
    /// Each is answered.
    All,
}

/// What all connections of a place have come to.
#[derive(Debug, Default)]
pub(super) struct Count {
    pub(super) connections: AtomicUsize,
    pub(super) answered: AtomicUsize,
    refused: Mutex<usize>,
}

impl Count {
    pub(super) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Whether the next stream is one that is refused.
    fn refuses(&self, every: usize) -> bool {
        let mut streams = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *streams += 1;
        streams.is_multiple_of(every)
    }
}

/// A script for that plan, and its count.
pub(super) fn server(plan: Plan) -> (Script, Arc<Count>) {
    let count = Arc::new(Count::default());
    let counting = Arc::clone(&count);
    let script = super::script(move |stream| {
        let count = Arc::clone(&counting);
        async move {
            let number = count.connections.fetch_add(1, Ordering::Relaxed);
            // How a peer ends its connection is its own affair.
            let _ = serve(stream, plan, number, &count).await;
        }
    });
    (script, count)
}

/// A frame: its type, flags, stream and payload.
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

async fn serve(
    mut stream: ServerStream,
    plan: Plan,
    number: usize,
    count: &Count,
) -> io::Result<()> {
    let mut preface = [0; PREFACE.len()];
    stream.read_exact(&mut preface).await?;
    write(&mut stream, SETTINGS, 0, 0, &[]).await?;
    // Bodies need no look at the windows.
    write(&mut stream, WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes()).await?;
    let mut open = HashSet::<u32>::new();
    let (mut begun, mut last, mut is_over) = (0, 0, false);
    loop {
        let frame = match (plan, begun) {
            (Plan::EndsIdle(limit), 1..) => {
                match tokio::time::timeout(limit, read(&mut stream)).await {
                    Ok(frame) => frame?,
                    Err(_) => return end(&mut stream, last).await,
                }
            }
            _ => read(&mut stream).await?,
        };
        if frame.kind == SETTINGS && frame.flags & ACK == 0 {
            write(&mut stream, SETTINGS, ACK, 0, &[]).await?;
        } else if frame.kind == PING && frame.flags & ACK == 0 {
            write(&mut stream, PING, ACK, 0, &frame.payload).await?;
        } else if frame.kind == HEADERS {
            let is_last = match plan {
                Plan::Most(most) => begun >= most,
                Plan::NoneAtFirst => number == 0,
                Plan::RefusesEvery(every) if count.refuses(every) => {
                    write(
                        &mut stream,
                        RST_STREAM,
                        0,
                        frame.stream,
                        &REFUSED_STREAM.to_be_bytes(),
                    )
                    .await?;
                    continue;
                }
                _ => false,
            };
            is_over |= is_last;
            if !is_over {
                (begun, last) = (begun + 1, frame.stream);
                open.insert(frame.stream);
            }
        }
        let ends = matches!(frame.kind, HEADERS | DATA) && frame.flags & END_STREAM != 0;
        if ends && open.remove(&frame.stream) {
            count.answered.fetch_add(1, Ordering::Relaxed);
            let flags = END_HEADERS | END_STREAM;
            write(&mut stream, HEADERS, flags, frame.stream, STATUS_200).await?;
        }
        // What came behind the last one is not begun, and the GOAWAY says so.
        if is_over && open.is_empty() {
            return end(&mut stream, last).await;
        }
    }
}

/// GOAWAY, and then the end; what the peer still sends is read, so that it gets to see that.
async fn end(stream: &mut ServerStream, last: u32) -> io::Result<()> {
    let payload = [last.to_be_bytes(), 0_u32.to_be_bytes()].concat();
    write(stream, GOAWAY, 0, 0, &payload).await?;
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

async fn read(stream: &mut ServerStream) -> io::Result<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = head;
    let length = u32::from_be_bytes([0, l0, l1, l2]);
    let mut payload = vec![0; usize::try_from(length).unwrap_or_default()];
    stream.read_exact(&mut payload).await?;
    Ok(Frame {
        kind,
        flags,
        stream: u32::from_be_bytes([s0, s1, s2, s3]) & !RESERVED,
        payload,
    })
}

async fn write(
    stream: &mut ServerStream,
    kind: u8,
    flags: u8,
    id: u32,
    payload: &[u8],
) -> io::Result<()> {
    let length = u32::try_from(payload.len())
        .unwrap_or_default()
        .to_be_bytes();
    let id = id.to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&id);
    frame.extend_from_slice(payload);
    stream.write_all(&frame).await?;
    stream.flush().await
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
// Frames and flags of RFC 9113 §6, and `:status: 200` of the static table (RFC 7541, appendix A).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const RESERVED: u32 = 1 << 31;
const REFUSED_STREAM: u32 = 7;
const STATUS_200: &[u8] = &[0x88];
/// What is added to the connection's window.
const WINDOW: u32 = 1 << 30;
