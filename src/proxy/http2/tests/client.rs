//! One exchange with a server, which is h2 itself.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::{Request, Response, StatusCode};
use tokio::sync::oneshot;

use super::super::{Connection, Exchange, Fault, Outgoing};
use crate::proxy::limits::MAX_INTERIM_RESPONSES;
use crate::proxy::message::body::scripted::Frames;
use crate::proxy::message::interim::Interim;

/// The result of one request to an h2 server, which `serve` implements.
async fn exchange_with<F, R>(serve: F) -> Result<Response<Exchange<Frames>>, Fault>
where
    F: FnOnce(h2::server::Connection<tokio::io::DuplexStream, Bytes>) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    exchange_noting(serve, &Interim::default()).await
}

/// The same; the interim responses go to `interim`.
async fn exchange_noting<F, R>(
    serve: F,
    interim: &Interim,
) -> Result<Response<Exchange<Frames>>, Fault>
where
    F: FnOnce(h2::server::Connection<tokio::io::DuplexStream, Bytes>) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let (near, far) = tokio::io::duplex(1 << 20);
    tokio::spawn(async move { serve(h2::server::handshake(far).await.unwrap()).await });
    let connection = Connection::open(near).await.unwrap();
    let request = Request::get("/a?b=c").header("host", "GITLAB.test:443");
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let request = Outgoing {
        parts: &parts,
        authority: &"gitlab.test".parse().unwrap(),
        pieces: &AtomicU64::new(0),
        response_timeout: Duration::from_secs(10),
        interim,
    };
    let sent = connection.exchange(&request, Frames::default()).await;
    sent.map_err(|(fault, _)| fault)
}

#[tokio::test]
async fn the_authority_is_said_once() {
    let (tell, told) = oneshot::channel();
    let response = exchange_with(|mut server| async move {
        let (request, mut reply) = server.accept().await.unwrap().unwrap();
        let _ = tell.send((request.uri().to_string(), request.headers().clone()));
        reply.send_response(Response::new(()), true).unwrap();
        while server.accept().await.is_some() {}
    })
    .await;
    assert_eq!(response.unwrap().status(), StatusCode::OK);
    let (uri, fields) = told.await.unwrap();
    assert_eq!(uri, "https://gitlab.test/a?b=c");
    assert!(fields.is_empty(), "{fields:?}");
}

#[tokio::test]
async fn interim_responses_have_a_bound() {
    let endless = exchange_with(|mut server| async move {
        let (_, mut reply) = server.accept().await.unwrap().unwrap();
        for _ in 0..=MAX_INTERIM_RESPONSES {
            let interim = Response::builder().status(102).body(()).unwrap();
            reply.send_informational(interim).unwrap();
        }
        while server.accept().await.is_some() {}
    })
    .await;
    assert!(matches!(endless, Err(Fault::Endless)), "{endless:?}");
}

#[tokio::test]
async fn the_size_of_interim_responses_has_a_bound_and_a_101_is_none() {
    let with = |number: usize, status: u16, value: usize| {
        exchange_with_interim(number, status, "x".repeat(value))
    };
    let (response, interim) = with(3, 103, 10_000).await;
    assert!(response.is_ok());
    assert_eq!(interim, [StatusCode::EARLY_HINTS; 3]);
    let (endless, _) = with(30, 103, 10_000).await;
    assert!(matches!(endless, Err(Fault::Endless)), "{endless:?}");
    let (response, interim) = with(1, 101, 1).await;
    assert!(response.is_ok());
    assert!(interim.is_empty(), "{interim:?}");
}

/// An exchange with a server that sends so many interim responses before its response, and the
/// statuses that are forwarded.
async fn exchange_with_interim(
    number: usize,
    status: u16,
    value: String,
) -> (Result<Response<Exchange<Frames>>, Fault>, Vec<StatusCode>) {
    let interim = Interim::queue(true);
    let serve = move |mut server: h2::server::Connection<_, Bytes>| async move {
        let (_, mut reply) = server.accept().await.unwrap().unwrap();
        for _ in 0..number {
            let head = Response::builder().status(status).header("x-hint", &value);
            let _ = reply.send_informational(head.body(()).unwrap()); // the client may have left
        }
        let _ = reply.send_response(Response::new(()), true);
        while server.accept().await.is_some() {}
    };
    let response = exchange_noting(serve, &interim).await;
    let statuses = interim.take().into_iter().map(|(status, _)| status);
    (response, statuses.collect())
}

#[tokio::test]
async fn what_a_server_has_not_begun_is_told_from_what_it_may_have() {
    let refused = exchange_with(|mut server| async move {
        let (_, mut reply) = server.accept().await.unwrap().unwrap();
        reply.send_reset(Reason::REFUSED_STREAM);
        while server.accept().await.is_some() {}
    })
    .await;
    assert!(matches!(refused, Err(Fault::Unprocessed(_))), "{refused:?}");
    assert!(refused.unwrap_err().is_stream_refused());
    let reset = exchange_with(|mut server| async move {
        let (_, mut reply) = server.accept().await.unwrap().unwrap();
        reply.send_reset(Reason::HTTP_1_1_REQUIRED);
        while server.accept().await.is_some() {}
    })
    .await;
    assert!(reset.unwrap_err().requires_http1());
    let closed = exchange_with(|mut server| async move {
        let _ = server.accept().await.unwrap().unwrap();
    })
    .await;
    assert!(
        !matches!(closed, Ok(_) | Err(Fault::Unprocessed(_))),
        "{closed:?}"
    );
}
