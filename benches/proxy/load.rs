//! The load generator: one thread with clients of its own, told by the harness what to measure.

pub(crate) mod abuse;
mod beside;
mod dial;
mod events;
mod http1;
mod http2;
mod single;
mod steady;
mod tally;

use std::io;
use std::rc::Rc;
use std::time::Instant;

use tokio::task::LocalSet;

use crate::failure::Failure;
use crate::process::Place;
use crate::wire::{self, LoadSetup, Order, Protocol, Reply, Sample, Work};
use dial::{Dialer, Resumption, Stream};
use http1::Http1;

/// The hidden subcommand: says when it is ready, and works until its stdin ends.
pub(crate) fn run() -> Result<(), Failure> {
    Place::Ends.enter()?; // as a child of the proxy it was born on the proxy's CPU
    let setup: LoadSetup = wire::receive(&mut io::stdin().lock())?;
    let dialer = Rc::new(Dialer::new(setup)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    wire::send(&mut io::stdout(), &std::process::id())?;
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, serve(dialer))
}

async fn serve(dialer: Rc<Dialer>) -> Result<(), Failure> {
    let mut held = Vec::new();
    loop {
        // Waits without the runtime: between two orders there is nothing to do.
        let order: Order = match wire::receive(&mut io::stdin().lock()) {
            Ok(order) => order,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let response = perform(&dialer, &order, &mut held).await;
        let reply = Reply::Done(Box::new(response.map_err(|error| error.to_string())));
        wire::send(&mut io::stdout(), &reply)?;
    }
}

async fn perform(
    dialer: &Rc<Dialer>,
    order: &Order,
    held: &mut Vec<Http1<Stream>>,
) -> Result<Sample, Failure> {
    let watch = order.watch;
    match &order.work {
        Work::KeepAlive {
            connections,
            window,
        } => steady::keep_alive(dialer, *connections, *window, watch).await,
        Work::Multiplexed {
            connections,
            streams,
            window,
        } => steady::multiplexed(dialer, *connections, *streams, *window, watch).await,
        Work::Fresh {
            at_once,
            resume,
            window,
        } => steady::fresh(dialer, *at_once, *resume, *window, watch).await,
        Work::Counted {
            requests,
            protocol: Protocol::Http1,
        } => single::counted_http1(dialer, *requests, 0).await,
        Work::CountedLong { requests, fields } => {
            single::counted_http1(dialer, *requests, *fields).await
        }
        Work::Counted {
            requests,
            protocol: Protocol::Http2,
        } => single::counted_http2(dialer, *requests).await,
        Work::CountedText { requests } => single::counted_text(dialer, *requests).await,
        Work::DownloadText {
            bytes,
            coding,
            shows_token,
        } => single::download_text(dialer, *bytes, *coding, (*shows_token, watch)).await,
        Work::CountedFresh { connections } => single::counted_fresh(dialer, *connections).await,
        Work::Download { bytes } => single::download(dialer, *bytes, watch).await,
        Work::Upload { bytes } => single::upload(dialer, *bytes, watch).await,
        Work::Hold { connections } => hold(dialer, *connections, held).await,
        Work::First { host } => single::first(dialer, host).await,
        Work::Beside { abuse, window } => beside::measure(dialer, *abuse, *window, watch).await,
        Work::Events { count, interval_ms } => events::delays(dialer, *count, *interval_ms).await,
    }
}

async fn hold(
    dialer: &Dialer,
    connections: usize,
    held: &mut Vec<Http1<Stream>>,
) -> Result<Sample, Failure> {
    let started = Instant::now();
    let request = dialer.get(1024);
    for _ in 0..connections {
        let mut client = Http1::new(dialer.tls(Protocol::Http1, Resumption::Off).await?);
        client.exchange(&request).await?;
        held.push(client);
    }
    Ok(Sample {
        requests: connections as u64,
        seconds: started.elapsed().as_secs_f64(),
        ..Sample::default()
    })
}
