//! Both sides over streams in memory: every message cut in two at every position, and cut off at
//! every position.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::{
    ClientBody, Connection, Fault, IncomingBody, Outgoing, Pool, RequestForm, Upload, serve,
};
use crate::proxy::message::body::scripted::Frames;
use crate::proxy::message::interim::Interim;

/// More bytes than any message here has.
const ROOM: usize = 1 << 16;

/// Lets the other side read what has been written so far.
async fn let_it_be_read() {
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
}

/// Responds with what was received, or that the body broke off.
async fn echo(request: Request<ClientBody<DuplexStream>>) -> Response<Frames> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return response(StatusCode::BAD_REQUEST, "broken".to_owned());
    };
    let sum = body.trailers().map(|trailers| trailers["x-sum"].clone());
    let data = body.to_bytes();
    response(
        StatusCode::OK,
        format!("{} {} {data:?} {sum:?}", head.method, head.uri),
    )
}

fn response(status: StatusCode, text: String) -> Response<Frames> {
    let mut response = Response::new(Frames::new([Ok(Frame::data(text.into()))]));
    *response.status_mut() = status;
    response
}

/// What a client gets if it sends these pieces, and then closes its sending direction.
async fn served(pieces: [&[u8]; 2]) -> String {
    let (near, mut far) = duplex(ROOM);
    let refuse = |_| response(StatusCode::BAD_REQUEST, "malformed".to_owned());
    let serving = tokio::spawn(serve(near, |request, _, _| echo(request), refuse));
    for piece in pieces {
        far.write_all(piece).await.unwrap();
        let_it_be_read().await;
    }
    far.shutdown().await.unwrap();
    let mut text = String::new();
    far.read_to_string(&mut text).await.unwrap();
    serving.await.unwrap();
    text
}

const REQUESTS: [&str; 4] = [
    "GET /a?b=c HTTP/1.1\r\nhost: gitlab.test\r\n\r\n",
    "POST /known HTTP/1.1\r\nhost: gitlab.test\r\ncontent-length: 5\r\n\r\nhello",
    "POST /chunks HTTP/1.1\r\nhost: gitlab.test\r\ntransfer-encoding: chunked\r\n\r\n\
     3\r\nhel\r\n2\r\nlo\r\n0\r\nx-sum: 1\r\n\r\n",
    "DELETE /last HTTP/1.1\r\nhost: gitlab.test\r\nconnection: close\r\n\r\n",
];

#[tokio::test(start_paused = true)]
async fn requests_are_read_in_whichever_pieces_they_come() {
    let wire = REQUESTS.concat();
    let expected = served([wire.as_bytes(), b""]).await;
    assert_eq!(expected.matches("HTTP/1.1 200 OK").count(), REQUESTS.len());
    assert_eq!(expected.matches("b\"hello\"").count(), 2, "{expected}");
    assert_eq!(expected.matches("Some(\"1\")").count(), 1, "{expected}");
    for cut in 1..wire.len() {
        let (first, second) = wire.as_bytes().split_at(cut);
        assert_eq!(served([first, second]).await, expected, "{cut}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_client_does_not_send_whole_is_not_taken_for_a_request() {
    let wire = REQUESTS.concat();
    for cut in 0..wire.len() {
        let (mut whole, mut end) = (0, 0);
        for request in REQUESTS {
            end += request.len();
            whole += usize::from(end <= cut);
        }
        let text = served([&wire.as_bytes()[..cut], b""]).await;
        assert_eq!(
            text.matches("HTTP/1.1 200 OK").count(),
            whole,
            "{cut}: {text}"
        );
    }
}

/// How a response in these pieces is read, on a connection that then stays open or ends: its
/// status, body and trailers, the number of interim responses before it, and whether the connection
/// waits in the pool for another request.
async fn exchanged(pieces: [&[u8]; 2], ends: bool) -> Result<String, String> {
    let (near, mut far) = duplex(ROOM);
    let (parts, ()) = Request::new(()).into_parts();
    let (pool, interim) = (Arc::new(Pool::default()), Interim::queue(true));
    let mut upload = Upload::new(Frames::default(), &parts, false);
    let request = Outgoing {
        parts: &parts,
        form: RequestForm {
            host: "gitlab.test",
            by_proxy: None,
            length: upload.length(),
        },
        pieces: &AtomicU64::new(0),
        response_timeout: Duration::from_secs(10),
        interim: &interim,
    };
    let mut connection = Box::new(Connection::new(near));
    let sending = async {
        for piece in pieces {
            far.write_all(piece).await.unwrap();
            let_it_be_read().await;
        }
        (!ends).then_some(far)
    };
    let receiving = async {
        let head = connection.exchange(&request, &mut upload).await;
        let head = head.map_err(|fault: Fault| {
            let unanswered = connection.is_unanswered();
            format!("{fault} (unanswered: {unanswered})")
        })?;
        let response = IncomingBody::response(head, connection, upload, &pool);
        let status = response.status();
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| error.to_string())?;
        let sum = body.trailers().map(|trailers| trailers["x-sum"].clone());
        Ok::<_, String>(format!("{status} {:?} {sum:?}", body.to_bytes()))
    };
    let (_far, received) = tokio::join!(sending, receiving);
    let idle = pool.take(true).await.is_some();
    Ok(format!("{} {} {idle}", received?, interim.take().len()))
}

const RESPONSES: [(&str, &str); 4] = [
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        "200 OK b\"hello\" None 0 true",
    ),
    (
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\
         transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nx-sum: 1\r\n\r\n",
        "200 OK b\"hello\" Some(\"1\") 1 true",
    ),
    (
        "HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
        "404 Not Found b\"hello\" None 0 false",
    ),
    (
        "HTTP/1.1 204 No Content\r\n\r\n",
        "204 No Content b\"\" None 0 true",
    ),
];

#[tokio::test(start_paused = true)]
async fn responses_are_read_in_whichever_pieces_they_come() {
    for (wire, expected) in RESPONSES {
        for cut in 0..wire.len() {
            let (first, second) = wire.as_bytes().split_at(cut);
            let read = exchanged([first, second], false).await;
            assert_eq!(read.as_deref(), Ok(expected), "{cut}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_cut_off_never_looks_whole() {
    for (wire, _) in RESPONSES {
        for cut in 0..wire.len() {
            let read = exchanged([&wire.as_bytes()[..cut], b""], true).await;
            assert!(read.is_err(), "{cut}: {read:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_without_a_length_ends_with_its_connection() {
    let wire = b"HTTP/1.1 200 OK\r\n\r\nhello";
    let read = exchanged([wire, b""], true).await;
    assert_eq!(read.as_deref(), Ok("200 OK b\"hello\" None 0 false"));
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_server_closes_after_an_interim_response_was_begun() {
    let hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
    for (sent, unanswered) in [(&b""[..], true), (b"HTTP/1.1", false), (hints, false)] {
        let error = exchanged([sent, b""], true).await.unwrap_err();
        assert!(
            error.ends_with(&format!("(unanswered: {unanswered})")),
            "{error}"
        );
    }
}
