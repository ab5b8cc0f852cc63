//! Tests both sides against the `h2` crate, over streams in memory.

mod client;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::{ReceivedBody, serve};
use crate::proxy::message::body::scripted::Frames;
use crate::proxy::message::interim::Interim;

type Client = h2::client::SendRequest<Bytes>;

/// An h2 client, whose requests are served by `respond`.
async fn client_of<F, R>(respond: F) -> Client
where
    F: Fn(Request<ReceivedBody>, Interim) -> R + Send + 'static,
    R: Future<Output = Response<Frames>> + Send + 'static,
{
    let (near, far) = tokio::io::duplex(1 << 20);
    tokio::spawn(async move { serve(near, (), || (), respond).await });
    let (client, connection) = h2::client::handshake(far).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

/// Reads and drops a body in a task of its own.
fn read_on(mut body: ReceivedBody) {
    tokio::spawn(async move { while let Some(Ok(_)) = body.frame().await {} });
}

fn get() -> Request<()> {
    Request::get("https://gitlab.test/").body(()).unwrap()
}

fn post() -> Request<()> {
    Request::post("https://gitlab.test/").body(()).unwrap()
}

#[tokio::test]
async fn a_response_that_breaks_off_arrives_as_far_as_it_came_and_is_reset() {
    let mut client = client_of(|_, _| async {
        let broken = io::Error::from(io::ErrorKind::UnexpectedEof);
        let frames = [Ok(Frame::data(Bytes::from_static(b"part"))), Err(broken)];
        Response::new(Frames::new(frames))
    })
    .await;
    let (response, _) = client.send_request(get(), true).unwrap();
    let mut body = response.await.unwrap().into_body();
    assert_eq!(body.data().await.unwrap().unwrap(), "part");
    let error = body.data().await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
}

#[tokio::test]
async fn a_reset_upload_has_not_ended_whatever_its_code() {
    for code in [Reason::NO_ERROR, Reason::CANCEL, Reason::INTERNAL_ERROR] {
        let (tell, mut told) = mpsc::channel(2);
        let mut client = client_of(move |mut request, _| {
            let tell = tell.clone();
            async move {
                // In a task of its own, because the task of the response ends with its stream.
                tokio::spawn(async move {
                    for _ in 0..2 {
                        let frame = request.body_mut().frame().await;
                        let _ = tell.send(frame.map(|frame| frame.is_ok())).await;
                    }
                });
                std::future::pending().await
            }
        })
        .await;
        let (_response, mut upload) = client.send_request(post(), false).unwrap();
        let half = Bytes::from_static(b"half");
        upload.send_data(half, false).unwrap();
        assert_eq!(told.recv().await, Some(Some(true)));
        upload.send_reset(code);
        assert_eq!(told.recv().await, Some(Some(false)), "{code:?}");
    }
}

#[tokio::test]
async fn interim_responses_come_before_the_final_one() {
    let mut client = client_of(|_, interim| async move {
        let mut fields = HeaderMap::new();
        fields.insert("link", "</style.css>".parse().unwrap());
        interim.push(StatusCode::EARLY_HINTS, fields);
        tokio::task::yield_now().await;
        Response::new(Frames::default())
    })
    .await;
    let (mut response, _) = client.send_request(get(), true).unwrap();
    let interim = std::future::poll_fn(|context| response.poll_informational(context)).await;
    let interim = interim.unwrap().unwrap();
    assert_eq!(interim.status(), StatusCode::EARLY_HINTS);
    assert_eq!(interim.headers()["link"], "</style.css>");
    assert_eq!(response.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_response_without_content_has_no_length() {
    let mut client = client_of(|_, _| async {
        let response = Response::builder()
            .status(204)
            .header("content-length", "7");
        response.body(Frames::default()).unwrap()
    })
    .await;
    let (response, _) = client.send_request(get(), true).unwrap();
    let response = response.await.unwrap();
    assert!(response.headers().is_empty() && response.body().is_end_stream());
}

/// A request whose target has a character that is not allowed in a URI (`<`), as some clients send
/// it. `:authority` and `:path` are literals without indexing (RFC 7541 §6.2.2).
fn malformed_request() -> Vec<u8> {
    let mut block = vec![0x82, 0x87, 0x01, 11]; // GET, https, :authority
    block.extend_from_slice(b"gitlab.test");
    block.extend_from_slice(&[0x04, 4]); // :path
    block.extend_from_slice(b"/a<b");
    let mut wire = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    wire.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0, 0]); // SETTINGS
    let length = u8::try_from(block.len()).unwrap();
    wire.extend_from_slice(&[0, 0, length, 1, 5, 0, 0, 0, 1]); // HEADERS with END_STREAM
    wire.extend_from_slice(&block);
    wire
}

#[tokio::test]
async fn what_is_read_on_after_a_refusal_counts_as_long_as_it_is_read() {
    let permit = Arc::new(());
    let held = Arc::downgrade(&permit);
    let (near, far) = tokio::io::duplex(1 << 20);
    let respond = |request: Request<ReceivedBody>, _| async move {
        read_on(request.into_body());
        let mut refusal = Response::new(Frames::new([Ok(Frame::data(Bytes::from_static(b"no")))]));
        *refusal.status_mut() = StatusCode::FORBIDDEN;
        refusal
    };
    let serving = tokio::spawn(serve(near, permit, || (), respond));
    let (mut client, connection) = h2::client::handshake(far).await.unwrap();
    let connecting = tokio::spawn(connection);
    let (response, mut upload) = client.send_request(post(), false).unwrap();
    let response = response.await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let mut body = response.into_body();
    while body.data().await.is_some() {}
    // More than the windows hold, so the body is being read.
    let piece = Bytes::from(vec![b'x'; 64 * 1024]);
    for _ in 0..64 {
        upload.reserve_capacity(piece.len());
        let mut had = 0;
        while had < piece.len() {
            let more = std::future::poll_fn(|context| upload.poll_capacity(context)).await;
            had = more.unwrap().unwrap();
        }
        upload.send_data(piece.clone(), false).unwrap();
        assert!(held.strong_count() > 0, "it counts as a connection");
    }
    connecting.abort();
    serving.await.unwrap();
    // The client has gone, so the drain ends and the permit is released.
    while held.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_malformed_request_is_told() {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let (tell, mut told) = mpsc::channel(1);
    let malformed = move || tell.try_send(()).unwrap();
    tokio::spawn(serve(near, (), malformed, |_, _| async {
        Response::new(Frames::default())
    }));
    far.write_all(&malformed_request()).await.unwrap();
    assert_eq!(told.recv().await, Some(()));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_and_leaves_amid_its_pings_ends_the_connection() {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const PING: [u8; 17] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let (near, mut far) = tokio::io::duplex(128);
    let serving = tokio::spawn(serve(
        near,
        (),
        || (),
        |_, _| async { Response::new(Frames::default()) },
    ));
    far.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    far.write_all(&SETTINGS).await.unwrap();
    // Until there is no room for another PING acknowledgement, neither in the stream nor in h2.
    let pinging = async { while far.write_all(&PING).await.is_ok() {} };
    let limit = Duration::from_secs(10);
    assert!(tokio::time::timeout(limit, pinging).await.is_err());
    drop(far);
    tokio::time::timeout(limit, serving).await.unwrap().unwrap();
}

/// Like [`client_of`], with a signal for each PING that the client gets.
async fn watched_client_of<F, R>(respond: F) -> (Client, mpsc::Receiver<()>)
where
    F: Fn(Request<ReceivedBody>, Interim) -> R + Send + 'static,
    R: Future<Output = Response<Frames>> + Send + 'static,
{
    const PING: u8 = 6;
    let (near, middle) = tokio::io::duplex(1 << 20);
    let (other, far) = tokio::io::duplex(1 << 20);
    tokio::spawn(async move { serve(near, (), || (), respond).await });
    let (mut from_server, mut to_server) = tokio::io::split(middle);
    let (mut from_client, mut to_client) = tokio::io::split(other);
    let (tell, pings) = mpsc::channel(8);
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    tokio::spawn(async move {
        let mut head = [0; 9];
        while from_server.read_exact(&mut head).await.is_ok() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            from_server.read_exact(&mut payload).await.unwrap();
            if (head[3], head[4]) == (PING, 0) {
                tell.send(()).await.unwrap();
            }
            to_client.write_all(&head).await.unwrap();
            to_client.write_all(&payload).await.unwrap();
        }
    });
    let (client, connection) = h2::client::handshake(far).await.unwrap();
    tokio::spawn(connection);
    (client.ready().await.unwrap(), pings)
}

#[tokio::test]
async fn an_upload_that_is_given_up_before_its_response_has_ended_ends_with_a_frame() {
    let (mut client, mut pings) = watched_client_of(|request, _| async {
        // The body is not used any more, and is drained in a task of its own.
        read_on(request.into_body());
        Response::builder()
            .status(403)
            .body(Frames::default())
            .unwrap()
    })
    .await;
    let (response, mut upload) = client.send_request(post(), false).unwrap();
    let half = Bytes::from_static(b"half");
    upload.send_data(half.clone(), false).unwrap();
    let mut response = response.await.unwrap();
    assert_eq!(response.status(), 403);
    assert!(response.body_mut().data().await.is_none());
    upload.send_data(half, true).unwrap();
    let limit = Duration::from_secs(10);
    let pinged = tokio::time::timeout(limit, pings.recv()).await;
    assert_eq!(pinged, Ok(Some(())));
}

#[tokio::test]
async fn an_upload_that_is_shorter_than_it_said_is_no_malformed_request() {
    let (near, far) = tokio::io::duplex(1 << 20);
    let (tell, mut told) = mpsc::channel(8);
    let respond = |request: Request<ReceivedBody>, _| async move {
        read_on(request.into_body());
        let mut refusal = Response::new(Frames::default());
        *refusal.status_mut() = StatusCode::FORBIDDEN;
        refusal
    };
    let serving = tokio::spawn(serve(near, (), move || tell.try_send(()).unwrap(), respond));
    let (mut client, connection) = h2::client::handshake(far).await.unwrap();
    let connecting = tokio::spawn(connection);
    let mut request = post();
    let length = http::HeaderValue::from_static("10");
    request
        .headers_mut()
        .insert(http::header::CONTENT_LENGTH, length);
    let (response, mut upload) = client.send_request(request, false).unwrap();
    assert_eq!(response.await.unwrap().status(), StatusCode::FORBIDDEN);
    upload
        .send_data(Bytes::from_static(b"short"), true)
        .unwrap();
    // The connection still works, and everything before this request has been read.
    let (response, _) = client.send_request(get(), true).unwrap();
    assert_eq!(response.await.unwrap().status(), StatusCode::FORBIDDEN);
    drop(client);
    connecting.abort();
    serving.await.unwrap();
    assert_eq!(told.recv().await, None);
}
