//! A long text that shows the token once a MiB, in each content coding.

use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame};

use crate::failure::Failure;

/// The text of one unit. A response repeats the coded unit: members of gzip and frames of zstd may
/// follow each other (RFC 1952 §2.2, RFC 8878 §3).
const UNIT: usize = 1 << 20;

/// A piece of the response, which is no divisor of a unit's length.
const PIECE: usize = 61_001;

/// The response; without text if the coding is not to be had.
pub(super) fn response(
    bytes: u64,
    query: Option<&str>,
    bearer: &[u8],
) -> Response<BoxBody<Bytes, Infallible>> {
    let token = bearer.strip_prefix(b"Bearer ").unwrap_or(bearer);
    let coding = ["gzip", "zstd", "br"]
        .into_iter()
        .find(|name| query.is_some_and(|query| query.ends_with(name)));
    let (unit, times) = match coding {
        // A stream of brotli cannot follow another one, so all of it is one.
        Some("br") => (brotli(token, bytes), 1),
        Some(name) => (coded(name, token), bytes / UNIT as u64),
        None => (unit(token).into(), bytes / UNIT as u64),
    };
    let text = Text {
        unit,
        times,
        rest: Bytes::new(),
    };
    let mut response = Response::new(text.boxed());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(name) = coding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}

/// Numbers that do not repeat, and the token.
fn unit(token: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(UNIT);
    let mut state = 88_172_645_463_325_252_u64;
    while text.len() < UNIT - token.len() - 40 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let _ = write!(
            text,
            "{{\"id\":{},\"name\":\"{:x}\"}},",
            state % 100_000,
            state >> 32
        );
    }
    text.extend_from_slice(b"\"");
    text.extend_from_slice(token);
    text.extend_from_slice(b"\",");
    text.resize(UNIT, b'\n');
    text
}

fn coded(name: &str, token: &[u8]) -> Bytes {
    static GZIP: OnceLock<Bytes> = OnceLock::new();
    static ZSTD: OnceLock<Bytes> = OnceLock::new();
    match name {
        "gzip" => GZIP.get_or_init(|| gzip(&unit(token))).clone(),
        _ => ZSTD.get_or_init(|| zstd(&unit(token))).clone(),
    }
}

fn gzip(text: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let written = encoder.write_all(text);
    let coded = written.and_then(|()| encoder.finish());
    coded.unwrap_or_default().into()
}

fn zstd(text: &[u8]) -> Bytes {
    let mut coded = vec![0; zstd_safe::compress_bound(text.len())];
    let length = zstd_safe::compress(&mut coded[..], text, 3).unwrap_or(0);
    coded.truncate(length);
    coded.into()
}

/// By Debian's `brotli`; nothing where it is not installed.
fn brotli(token: &[u8], bytes: u64) -> Bytes {
    static BROTLI: OnceLock<Bytes> = OnceLock::new();
    BROTLI
        .get_or_init(|| compress(token, bytes).unwrap_or_default())
        .clone()
}

fn compress(token: &[u8], bytes: u64) -> Result<Bytes, Failure> {
    let mut child = Command::new("brotli")
        .args(["-c", "-q", "4", "-w", "22"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().ok_or("no pipe to brotli")?;
    let unit = unit(token);
    let writing = std::thread::spawn(move || {
        (0..bytes / UNIT as u64).try_for_each(|_| input.write_all(&unit))
    });
    let output = child.wait_with_output()?;
    writing.join().map_err(|_| "brotli was not fed")??;
    Ok(output.stdout.into())
}

/// So many units, in pieces that cut them anywhere.
struct Text {
    unit: Bytes,
    times: u64,
    rest: Bytes,
}

impl Body for Text {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            if self.times == 0 {
                return Poll::Ready(None);
            }
            self.times -= 1;
            self.rest = self.unit.clone();
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}
