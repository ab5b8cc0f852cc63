//! Loads of a fixed size, by one client.

use std::time::Instant;

use super::dial::{Dialer, Resumption, Stream};
use super::http1::Http1;
use super::http2::Http2;
use super::tally::Stopwatch;
use crate::failure::Failure;
use crate::wire::{Coding, Protocol, Sample, Watch};

/// What a request of a fixed exchange asks for.
const BYTES: u64 = 1024;

/// How an upload is cut for the socket.
const PIECE: usize = 64 * 1024;

/// `fields` are header fields beyond those that each request has.
pub(super) async fn counted_http1(
    dialer: &Dialer,
    requests: u64,
    fields: usize,
) -> Result<Sample, Failure> {
    let more = (0..fields).map(|number| format!("X-Field-{number}: a value\r\n"));
    let line = format!("GET /api/v4/download?bytes={BYTES}");
    let request = dialer.request(&line, &more.collect::<String>());
    counted(dialer, requests, &request).await
}

pub(super) async fn counted_text(dialer: &Dialer, requests: u64) -> Result<Sample, Failure> {
    let request = dialer.request(&format!("GET /api/v4/small-text?bytes={BYTES}"), "");
    counted(dialer, requests, &request).await
}

async fn counted(dialer: &Dialer, requests: u64, request: &[u8]) -> Result<Sample, Failure> {
    let mut client = client(dialer).await?;
    for _ in 0..requests {
        client.exchange(request).await?;
    }
    Ok(Sample {
        requests,
        ..Sample::default()
    })
}

pub(super) async fn counted_http2(dialer: &Dialer, requests: u64) -> Result<Sample, Failure> {
    let mut client = Http2::connect(dialer).await?;
    for _ in 0..requests {
        client.exchange().await?;
    }
    Ok(Sample {
        requests,
        ..Sample::default()
    })
}

pub(super) async fn counted_fresh(dialer: &Dialer, connections: u64) -> Result<Sample, Failure> {
    for _ in 0..connections {
        client(dialer).await?.exchange(&dialer.get(BYTES)).await?;
    }
    Ok(Sample {
        requests: connections,
        ..Sample::default()
    })
}

pub(super) async fn download(dialer: &Dialer, bytes: u64, watch: Watch) -> Result<Sample, Failure> {
    let mut client = client(dialer).await?;
    client.exchange(&dialer.get(BYTES)).await?;
    let stopwatch = Stopwatch::start(watch)?;
    client.exchange(&dialer.get(bytes)).await?;
    Ok(Sample {
        requests: 1,
        ..stopwatch.stop()?
    })
}

/// A text in which the token stands; whether it arrives is checked.
pub(super) async fn download_text(
    dialer: &Dialer,
    bytes: u64,
    coding: Coding,
    (shows_token, watch): (bool, Watch),
) -> Result<Sample, Failure> {
    let mut client = client(dialer).await?;
    client.exchange(&dialer.get(BYTES)).await?;
    let target = format!("GET /api/v4/text?bytes={bytes}&coding={}", coding.name());
    let stopwatch = Stopwatch::start(watch)?;
    client
        .send(&dialer.request(&target, "Connection: close\r\n"))
        .await?;
    let shown = client
        .read_to_close(dialer.setup().bearer.as_bytes())
        .await?;
    let sample = stopwatch.stop()?;
    if shown != shows_token {
        return Err(format!("the token was shown: {shown}").into());
    }
    Ok(Sample {
        requests: 1,
        ..sample
    })
}

pub(super) async fn upload(dialer: &Dialer, bytes: u64, watch: Watch) -> Result<Sample, Failure> {
    let mut client = client(dialer).await?;
    client.exchange(&dialer.get(BYTES)).await?;
    let stopwatch = Stopwatch::start(watch)?;
    let length = format!("Content-Length: {bytes}\r\n");
    client
        .send(&dialer.request("POST /api/v4/upload", &length))
        .await?;
    let piece = vec![b'x'; PIECE];
    let mut left = bytes;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        client.send(&piece[..length]).await?;
        left -= length as u64;
    }
    client.read_response().await?;
    Ok(Sample {
        requests: 1,
        ..stopwatch.stop()?
    })
}

/// The first request to a host, and then the second on a connection of its own: `p99` and `p50` of
/// the sample.
pub(super) async fn first(dialer: &Dialer, host: &str) -> Result<Sample, Failure> {
    let request = dialer.get_at(host, BYTES);
    let mut times = [0.0; 2];
    for time in &mut times {
        let started = Instant::now();
        Http1::new(dialer.tls_to(host).await?)
            .exchange(&request)
            .await?;
        *time = started.elapsed().as_secs_f64() * 1e6;
    }
    let [first, again] = times;
    Ok(Sample {
        requests: 2,
        p50: again,
        p99: first,
        ..Sample::default()
    })
}

async fn client(dialer: &Dialer) -> Result<Http1<Stream>, Failure> {
    Ok(Http1::new(
        dialer.tls(Protocol::Http1, Resumption::Off).await?,
    ))
}
