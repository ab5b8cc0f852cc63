//! A client of HTTP/2: one connection, one stream or several.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use http::{Method, Request};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{CONTINUE, Course, HANG, STALL, Seen, all, leaving, moment_to_leave, to_send};
use crate::cell::{By, Cell, ClientKind, Upload};
use crate::outcome::Got;
use crate::pattern;
use crate::server::Place;
use crate::way::Way;

/// Makes the cell's requests, all at one time.
pub(super) async fn requests(place: &Arc<Place>, way: &Way) -> Vec<Got> {
    let cell = place.scene.cell;
    let streams = cell.client.streams();
    let failed = |error: String| vec![Got::failed(error); streams];
    let stream = match way.connect(&place.host, place.port, b"h2").await {
        Ok(stream) => stream,
        Err(error) => return failed(format!("connect: {error}")),
    };
    let is_reset = matches!(leaving(cell), Some((_, By::Reset)));
    if is_reset {
        let _ = stream.get_ref().0.set_zero_linger(); // holds for the moment at which it is closed
    }
    let socket = match same_socket(stream.get_ref().0) {
        Ok(socket) => socket,
        Err(error) => return failed(format!("socket: {error}")),
    };
    let (client, connection) = match h2::client::handshake(stream).await {
        Ok(both) => both,
        Err(error) => return failed(format!("handshake: {error}")),
    };
    let mut connection = tokio::spawn(connection);
    let request = |index| {
        let (place, client) = (Arc::clone(place), client.clone());
        async move { one(&place, client, index).await }
    };
    let got = all((0..streams).map(request)).await;
    if let Some((_, By::Cancel | By::NoError)) = leaving(cell) {
        // The stream's end alone has to be noticed, so the connection outlives it.
        let scene = Arc::clone(&place.scene);
        tokio::spawn(async move {
            scene.finished().await;
            drop((client, socket));
            connection.abort();
        });
        return got;
    }
    drop(client);
    if leaving(cell).is_none() && got.iter().all(|got| got.has_ended) {
        let _ = tokio::time::timeout(STALL, end(&mut connection, socket)).await; // nobody may read
    } else {
        drop(socket);
    }
    if !connection.is_finished() {
        connection.abort();
        let _ = connection.await; // the socket is closed by now
    }
    got
}

/// The same socket once more, which is not closed before this is.
fn same_socket(stream: &TcpStream) -> io::Result<TcpStream> {
    let socket = stream.as_fd().try_clone_to_owned()?;
    TcpStream::from_std(socket.into())
}

/// Ends a connection whose requests are all done: what is queued is sent, then its end, and then
/// the peer's end is awaited. A socket that is closed before has bytes that nobody reads any more,
/// and what its kernel has not sent by then is discarded.
async fn end(connection: &mut JoinHandle<Result<(), h2::Error>>, mut socket: TcpStream) {
    let _ = connection.await; // how it ended is told by its requests
    let mut rest = [0; 1024];
    while matches!(socket.read(&mut rest).await, Ok(read) if read > 0) {}
}

async fn one(place: &Place, client: SendRequest<Bytes>, index: usize) -> Got {
    let course = Course::default();
    if let Err(error) = talk(place, client, index, &course).await {
        course.change(|got| got.error = Some(error.to_string()));
    }
    course.got()
}

async fn talk(
    place: &Place,
    client: SendRequest<Bytes>,
    index: usize,
    course: &Course,
) -> Result<(), h2::Error> {
    let cell = place.scene.cell;
    let mut client = client.ready().await?;
    let request = head(cell, &place.authority(), index);
    let (response, mut sender) = client.send_request(request, cell.upload == Upload::None)?;
    match leaving(cell) {
        None => both(cell, response, &mut sender, course).await,
        Some((leave, by)) => {
            tokio::select! {
                () = both(cell, response, &mut sender, course) => {}
                () = moment_to_leave(place, leave, course) => {}
            }
            match by {
                By::Cancel => sender.send_reset(Reason::CANCEL),
                By::NoError => sender.send_reset(Reason::NO_ERROR),
                By::Close | By::Reset => {}
            }
        }
    }
    Ok(())
}

fn head(cell: Cell, authority: &str, index: usize) -> Request<()> {
    let method = if cell.upload == Upload::None {
        Method::GET
    } else {
        Method::POST
    };
    let mut head = Request::builder()
        .method(method)
        .uri(format!("https://{authority}/api/cell/{index}"));
    if cell.client == ClientKind::H2Many && cell.size() > 0 {
        head = head.header(http::header::CONTENT_LENGTH, cell.size());
    }
    if cell.upload == Upload::Expect {
        head = head.header(http::header::EXPECT, "100-continue");
    }
    head.body(()).expect("a head made of valid parts")
}

/// Both directions, until both are done or nothing moves any more.
async fn both(
    cell: Cell,
    response: ResponseFuture,
    sender: &mut SendStream<Bytes>,
    course: &Course,
) {
    let (seen, mut to_come) = watch::channel(Seen::Nothing);
    let download = download(response, course, &seen);
    let upload = upload(cell, sender, course, &mut to_come);
    tokio::pin!(upload, download);
    let (mut is_out, mut is_in) = (None, false);
    while is_out.is_none() || !is_in {
        let limit = if is_in { STALL } else { HANG };
        tokio::select! {
            sent = &mut upload, if is_out.is_none() => is_out = Some(sent),
            read = &mut download, if !is_in => {
                is_in = true;
                if let Err(error) = read {
                    course.change(|got| got.error = Some(error.to_string()));
                }
            }
            () = course.stalls(limit) => break,
        }
    }
    course.change(|got| {
        // An upload that the server has called off with RST_STREAM is as done as one that is out.
        got.has_ended = got.is_whole && is_out.is_some();
        got.is_stuck = !is_in;
    });
}

async fn upload(
    cell: Cell,
    sender: &mut SendStream<Bytes>,
    course: &Course,
    seen: &mut watch::Receiver<Seen>,
) -> Result<(), h2::Error> {
    let (size, limit) = (cell.size(), to_send(cell));
    if cell.upload == Upload::Expect {
        let waiting = seen.wait_for(|seen| *seen != Seen::Nothing);
        let waited = tokio::time::timeout(CONTINUE, waiting).await;
        if matches!(waited, Ok(Ok(seen)) if *seen == Seen::Final) {
            return Ok(());
        }
    }
    let mut sent = 0;
    while sent < limit {
        let left = usize::try_from(limit - sent).unwrap_or(usize::MAX);
        let room = room(sender, left.min(pattern::LONGEST)).await?;
        let piece = pattern::piece(sent, room.min(left));
        sent += piece.len() as u64;
        sender.send_data(Bytes::from_static(piece), sent == size)?;
        course.change(|got| got.sent = sent);
    }
    if sent < size {
        std::future::pending::<()>().await; // until it leaves
    }
    Ok(())
}

/// Waits until so much, or less, may be sent; an error where the stream has been reset.
async fn room(sender: &mut SendStream<Bytes>, wanted: usize) -> Result<usize, h2::Error> {
    sender.reserve_capacity(wanted);
    loop {
        let room = std::future::poll_fn(|context| {
            if let Poll::Ready(reason) = sender.poll_reset(context) {
                return Poll::Ready(Some(reason.and_then(|reason| Err(reason.into()))));
            }
            sender.poll_capacity(context)
        });
        match room.await {
            Some(Ok(0)) => {}
            Some(room) => return room,
            None => return Err(Reason::STREAM_CLOSED.into()),
        }
    }
}

async fn download(
    mut response: ResponseFuture,
    course: &Course,
    seen: &watch::Sender<Seen>,
) -> Result<(), h2::Error> {
    let response = std::future::poll_fn(|context| {
        while let Poll::Ready(Some(Ok(interim))) = response.poll_informational(context) {
            course.change(|got| got.interim.push(interim.status().as_u16()));
            seen.send_replace(Seen::Continue);
        }
        Pin::new(&mut response).poll(context)
    });
    let response = response.await?;
    seen.send_replace(Seen::Final);
    let ours = response.headers().get("authsome-error");
    let length = response.headers().get(http::header::CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|length| length.to_str().ok()?.parse().ok());
    course.change(|got| {
        got.status = Some(response.status().as_u16());
        got.ours = ours.map(|code| String::from_utf8_lossy(code.as_bytes()).into_owned());
    });
    let mut body = response.into_body();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        course.change(|got| got.bytes += data.len() as u64);
    }
    course.change(|got| {
        let has_all = length.is_none_or(|length| length == got.bytes);
        got.is_whole = body.is_end_stream() && has_all;
    });
    Ok(())
}
