//! How a client reads a server's bytes.

use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1::{Connection as HyperConnection, SendRequest, handshake};
use hyper_util::rt::TokioIo;

use super::script::{Script, Strings};
use super::server::{Fields, Whole, fields, whole};
use crate::proxy::http1::{Connection, Fault, IncomingBody, Outgoing, Pool, RequestForm, Upload};
use crate::proxy::message::body::scripted::Frames;
use crate::proxy::message::interim::Interim;

/// The response that a client has read, if it accepted one.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    Refused,
    Response {
        status: StatusCode,
        fields: Fields,
        body: Whole,
        /// Whether another request may be sent on its connection.
        is_reusable: bool,
    },
}

impl Verdict {
    pub(super) fn is_acceptance(&self) -> bool {
        matches!(self, Self::Response { body: Some(_), .. })
    }
}

/// The method of the request, which the first byte gives, and the server's bytes.
fn split(wire: &[u8]) -> (Method, &[u8]) {
    match wire.split_first() {
        Some((b'h', wire)) => (Method::HEAD, wire),
        Some((_, wire)) => (Method::GET, wire),
        None => (Method::GET, wire),
    }
}

fn request<B>(method: Method, body: B) -> Request<B> {
    let request = Request::builder().method(method).uri("/");
    request.body(body).unwrap()
}

pub(super) async fn ours(wire: &[u8]) -> Verdict {
    let (method, wire) = split(wire);
    let (stream, _server) = connected(wire);
    let mut connection = Box::new(Connection::new(stream));
    let (parts, ()) = request(method, ()).into_parts();
    let mut upload = Upload::new(Frames::default(), &parts, false);
    let outgoing = Outgoing {
        parts: &parts,
        form: RequestForm {
            host: "gitlab.test",
            by_proxy: None,
            length: upload.length(),
        },
        pieces: &AtomicU64::default(),
        response_timeout: Duration::from_mins(1),
        interim: &Interim::default(),
    };
    let head = match connection.exchange(&outgoing, &mut upload).await {
        Ok(head) => head,
        Err(Fault::Timeout) => panic!("a script's server has said all"),
        Err(_) => return Verdict::Refused,
    };
    let pool = Arc::new(Pool::default());
    let (parts, body) = IncomingBody::response(head, connection, upload, &pool).into_parts();
    Verdict::Response {
        status: parts.status,
        fields: fields(&parts.headers),
        body: whole(body).await,
        is_reusable: pool.pop().is_some(),
    }
}

/// A connection to a server that has sent these bytes and closed its sending direction; and the
/// server's end of it.
fn connected(says: &[u8]) -> (tokio::net::TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    server.write_all(says).unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    client.set_nonblocking(true).unwrap();
    (tokio::net::TcpStream::from_std(client).unwrap(), server)
}

/// The server's stream ends only if the client waits for more. Otherwise it stays open, so that it
/// can be seen whether the client would reuse the connection.
pub(super) fn hypers(wire: &[u8]) -> Verdict {
    let (method, wire) = split(wire);
    let (script, strings) = Script::of_server(wire);
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok((sender, connection))) =
        pin!(handshake(TokioIo::new(script))).poll(&mut context)
    else {
        panic!("nothing is awaited for a handshake");
    };
    let mut hyper = Hyper {
        sender,
        connection: Some(connection),
        strings,
    };
    let mut responding = Box::pin(hyper.sender.send_request(request(method, Empty::new())));
    let Some(Ok(response)) = hyper.drive(|context| responding.as_mut().poll(context)) else {
        return Verdict::Refused;
    };
    let (parts, body) = response.into_parts();
    let mut collecting = Box::pin(whole(body));
    let body = hyper
        .drive(|context| collecting.as_mut().poll(context))
        .flatten();
    Verdict::Response {
        status: parts.status,
        fields: fields(&parts.headers),
        body,
        is_reusable: hyper.is_reusable(),
    }
}

/// hyper's client, polled by hand.
struct Hyper {
    sender: SendRequest<Empty<Bytes>>,
    connection: Option<HyperConnection<TokioIo<Script>, Empty<Bytes>>>,
    strings: Strings,
}

/// How many polls in a row may change nothing before none will.
const IDLE_POLLS: usize = 4;

impl Hyper {
    /// Polls the connection until `poll` is ready; `None` if it never is.
    fn drive<O>(&mut self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<O>) -> Option<O> {
        let mut context = Context::from_waker(Waker::noop());
        // First on a connection that stays open, so that a response with its own framing is
        // accepted before the close could count as its end.
        for ends in [false, true] {
            if ends {
                self.strings.ends.store(true, Ordering::Relaxed);
            }
            for _ in 0..IDLE_POLLS {
                self.poll_connection(&mut context);
                if let Poll::Ready(output) = poll(&mut context) {
                    return Some(output);
                }
            }
        }
        None
    }

    fn poll_connection(&mut self, context: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(context).is_ready()
        {
            self.connection = None;
        }
    }

    fn is_reusable(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..IDLE_POLLS {
            self.poll_connection(&mut context);
        }
        self.connection.is_some()
            && matches!(self.sender.poll_ready(&mut context), Poll::Ready(Ok(())))
    }
}
