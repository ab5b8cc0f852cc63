//! HTTP/2, frame by frame.

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;

use super::{BREATH, RESPONSE};
use crate::cell::{Cell, Framing, Leave, Story, Then, When};
use crate::outcome::End;
use crate::scene::Scene;

/// What a stream wants of its connection.
enum Command {
    /// GOAWAY, and then the end.
    Close,
    /// GOAWAY; what is open goes on.
    Retire,
}

/// Serves one connection as the cell says.
pub(super) async fn serve(stream: TlsStream<TcpStream>, scene: &std::sync::Arc<Scene>) {
    let mut settings = h2::server::Builder::new();
    // As nginx has it: streams that are not read leave room for others.
    settings
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    let Ok(mut connection) = settings.handshake(stream).await else {
        return;
    };
    let (commands, mut queue) = mpsc::channel(COMMANDS);
    let mut streams = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    let (scene, commands) = (std::sync::Arc::clone(scene), commands.clone());
                    streams.spawn(async move { one(request, respond, &scene, &commands).await });
                }
                _ => break,
            },
            Some(command) = queue.recv() => match command {
                Command::Retire => connection.graceful_shutdown(),
                Command::Close => return close(connection).await,
            },
            Some(_) = streams.join_next() => {}
        }
    }
    // Each stream has learnt of the connection's end by now, and writes down what that means for
    // it.
    while streams.join_next().await.is_some() {}
}

async fn close(mut connection: Connection<TlsStream<TcpStream>, Bytes>) {
    let closed = std::future::poll_fn(|context| connection.poll_closed(context));
    // What is queued goes out first.
    let _ = tokio::time::timeout(BREATH, closed).await;
    connection.abrupt_shutdown(Reason::NO_ERROR);
    let closed = std::future::poll_fn(|context| connection.poll_closed(context));
    let _ = tokio::time::timeout(BREATH, closed).await;
}

/// A stream and its request's body.
struct Stream<'a> {
    index: usize,
    body: RecvStream,
    scene: &'a Scene,
    has_ended: bool,
}

async fn one(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    scene: &Scene,
    commands: &mpsc::Sender<Command>,
) {
    let expects = request.headers().contains_key(http::header::EXPECT);
    let index = request
        .uri()
        .path()
        .rsplit('/')
        .next()
        .and_then(|last| last.parse().ok());
    let Some(index) = index else {
        return scene.garbage(request.uri().path().as_bytes());
    };
    scene.arrived(index);
    let mut stream = Stream {
        index,
        body: request.into_body(),
        scene,
        has_ended: false,
    };
    stream.look();
    // A stream that breaks is what the cell looks at by itself.
    let _ = match scene.cell.story {
        Story::Answers(when, framing, then) => {
            if expects && when != When::Before {
                let _ = respond.send_informational(
                    Response::builder().status(100).body(()).unwrap_or_default(),
                );
            }
            match when {
                When::Before => {}
                When::Amid => stream.read(scene.cell.amid()).await,
                When::After => stream.read(u64::MAX).await,
            }
            respond_then(&mut stream, respond, framing, then, commands).await
        }
        Story::Leaves(leave, _) => leaves(&mut stream, respond, leave).await,
    };
}

async fn respond_then(
    stream: &mut Stream<'_>,
    mut respond: SendResponse<Bytes>,
    framing: Framing,
    then: Then,
    commands: &mpsc::Sender<Command>,
) -> Result<(), h2::Error> {
    let scene = stream.scene;
    let mut response = begin(&mut respond, scene.cell, framing).await?;
    let is_last = scene.answered() == scene.cell.client.streams();
    match then {
        Then::Unread => {
            scene.client_left().await;
            stream.read(u64::MAX).await;
        }
        Then::ReadsOn => stream.read(u64::MAX).await,
        Then::Closes if is_last => {
            // The connection is there as long as its streams.
            let _ = commands.send(Command::Close).await;
            std::future::pending::<()>().await;
        }
        Then::Closes => std::future::pending::<()>().await,
        Then::Resets => {
            tokio::time::sleep(BREATH).await;
            let reason = if is_whole(framing) {
                Reason::NO_ERROR
            } else {
                Reason::INTERNAL_ERROR
            };
            response.send_reset(reason);
            // The handle of the body would call it off once more, and otherwise.
            std::future::pending::<()>().await;
        }
        Then::HalfCloses => {
            if is_last {
                let _ = commands.send(Command::Retire).await;
            }
            if !is_whole(framing) {
                tokio::time::sleep(BREATH).await;
                response.send_data(Bytes::new(), true)?;
            }
            stream.read(u64::MAX).await;
        }
    }
    Ok(())
}

/// Sends the head, and of the body what the framing allows.
async fn begin(
    respond: &mut SendResponse<Bytes>,
    cell: Cell,
    framing: Framing,
) -> Result<SendStream<Bytes>, h2::Error> {
    let length = match framing {
        Framing::Zero => Some(0),
        Framing::Length | Framing::Short => Some(RESPONSE.len()),
        Framing::Chunked | Framing::Cut | Framing::ToClose => None,
    };
    let mut head = Response::builder().status(cell.status());
    if let Some(length) = length {
        head = head.header(http::header::CONTENT_LENGTH, length);
    }
    let head = head.body(()).unwrap_or_default();
    let mut response = respond.send_response(head, framing == Framing::Zero)?;
    let half = RESPONSE.get(..RESPONSE.len() / 2).unwrap_or_default();
    match framing {
        Framing::Zero => {}
        Framing::Length | Framing::Chunked if cell.in_pieces => {
            response.send_data(Bytes::from_static(half), false)?;
            tokio::time::sleep(BREATH).await;
            response.send_data(Bytes::from_static(half), true)?;
        }
        Framing::Length | Framing::Chunked => {
            response.send_data(Bytes::from_static(RESPONSE), true)?;
        }
        _ => response.send_data(Bytes::from_static(half), false)?,
    }
    Ok(response)
}

fn is_whole(framing: Framing) -> bool {
    matches!(framing, Framing::Zero | Framing::Length | Framing::Chunked)
}

async fn leaves(
    stream: &mut Stream<'_>,
    mut respond: SendResponse<Bytes>,
    leave: Leave,
) -> Result<(), h2::Error> {
    let scene = stream.scene;
    if matches!(
        leave,
        Leave::AmidUploadUnread | Leave::Answered | Leave::AmidBoth
    ) {
        stream.read(scene.cell.amid()).await;
    }
    let mut response = match leave {
        Leave::AmidUploadUnread => {
            scene.client_left().await;
            None
        }
        Leave::Answered => Some(begin(&mut respond, scene.cell, Framing::Length).await?),
        Leave::AmidBoth | Leave::AmidDownload => {
            Some(begin(&mut respond, scene.cell, Framing::Cut).await?)
        }
        Leave::AmidUpload | Leave::Waiting | Leave::WaitingBehindBody => None,
    };
    stream.read(u64::MAX).await;
    if scene.received(stream.index).end == End::Whole {
        // Either a RST_STREAM, or the connection's end.
        let _ = std::future::poll_fn(|context| match &mut response {
            Some(response) => response.poll_reset(context),
            None => respond.poll_reset(context),
        })
        .await;
    }
    scene.noticed(stream.index);
    Ok(())
}

impl Stream<'_> {
    /// Whether the request has ended already.
    fn look(&mut self) {
        if self.body.is_end_stream() && !self.has_ended {
            self.has_ended = true;
            self.scene.ended(self.index, End::Whole);
        }
    }

    /// Reads so much of the body, or to its end.
    async fn read(&mut self, mut most: u64) {
        while most > 0 && !self.has_ended {
            match self.body.data().await {
                Some(Ok(data)) => {
                    self.scene.read(self.index, &data);
                    // The stream is there as long as its handle.
                    let _ = self.body.flow_control().release_capacity(data.len());
                    most = most.saturating_sub(data.len() as u64);
                    self.look();
                }
                ended => {
                    self.has_ended = true;
                    // A RST_STREAM with NO_ERROR ends the data without an error; but it is no
                    // END_STREAM.
                    let is_whole = ended.is_none() && self.body.is_end_stream();
                    self.scene
                        .ended(self.index, if is_whole { End::Whole } else { End::Broken });
                }
            }
        }
    }
}

/// What may come unread on one stream, and on all of a connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

/// Wishes that may wait: one for each stream.
const COMMANDS: usize = 16;
