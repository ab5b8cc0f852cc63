//! Clients that ask at a fixed pace, and an abuser beside them in a process of its own.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::io::BufReader;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::{sleep, sleep_until, timeout};

use super::dial::{Dialer, Resumption, Stream};
use super::http1::Http1;
use super::http2::Http2;
use super::tally::{Stopwatch, percentile};
use crate::failure::Failure;
use crate::process::reap;
use crate::wire::{
    self, Abuse, AbuseKind, AbuseSetup, Attempts, LoadSetup, Protocol, Sample, Times, Watch, Way,
    Window,
};

/// The clients: so many connections past the proxy, and so many through it with each protocol.
const CLIENTS: usize = 4;

/// The pace of each of them: far from what a proxy could do, so that nobody waits for the
/// generator.
const PACE: Duration = Duration::from_millis(10);

/// A request that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(5);

/// An abuse that ends by itself has so long.
const LONGEST: Duration = Duration::from_mins(4);

/// What is asked for.
const BYTES: u64 = 1024;

/// How the requests of one protocol went.
#[derive(Default)]
struct Log {
    /// Microseconds.
    latencies: RefCell<Vec<f64>>,
    failed: Cell<u64>,
    failure: RefCell<Option<String>>,
}

/// A client of either protocol.
enum Client {
    Http1(Box<Http1<Stream>>, Vec<u8>),
    Http2(Box<Http2>),
}

pub(super) async fn measure(
    dialer: &Rc<Dialer>,
    abuse: Option<Abuse>,
    window: Window,
    watch: Watch,
) -> Result<Sample, Failure> {
    let direct = Rc::new(Dialer::new(LoadSetup {
        way: Way::Direct,
        ..dialer.setup().clone()
    })?);
    let groups = [
        (&direct, Protocol::Http1),
        (dialer, Protocol::Http1),
        (dialer, Protocol::Http2),
    ];
    let logs: [Rc<Log>; 3] = Default::default();
    let over = Rc::new(Cell::new(false));
    let mut clients = Vec::new();
    for ((dialer, protocol), log) in groups.into_iter().zip(&logs) {
        for _ in 0..CLIENTS {
            let client = Client::connect(dialer, protocol).await?;
            let (dialer, log, over) = (Rc::clone(dialer), Rc::clone(log), Rc::clone(&over));
            clients.push(ask(client, protocol, dialer, log, over));
        }
    }
    let mut abuser = abuse
        .map(|abuse| Abuser::start(dialer, abuse))
        .transpose()?;
    let tasks: Vec<_> = clients.into_iter().map(spawn_local).collect();
    sleep(Duration::from_millis(window.warm_up_ms)).await;
    for log in &logs {
        log.latencies.borrow_mut().clear();
        log.failed.set(0);
        log.failure.take();
    }
    let stopwatch = Stopwatch::start(watch)?;
    sleep(Duration::from_millis(window.length_ms)).await;
    if let Some(abuser) = &mut abuser {
        abuser.finish().await;
    }
    let mut sample = stopwatch.stop()?;
    over.set(true);
    for task in tasks {
        task.await?;
    }
    [sample.direct, sample.http1, sample.http2] = logs.map(|log| log.times());
    if let Some(abuser) = abuser {
        sample.attempts = abuser.end().await?;
    }
    Ok(sample)
}

/// What is at the bottom of a failure.
fn innermost<'a>(mut error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

/// Asks at its pace. A request that could not go out in time, because the one before it took so
/// long, has waited since it was due.
async fn ask(
    mut client: Client,
    protocol: Protocol,
    dialer: Rc<Dialer>,
    log: Rc<Log>,
    over: Rc<Cell<bool>>,
) {
    let mut due = Instant::now();
    while !over.get() {
        due += PACE;
        let mut started = due;
        if Instant::now() < due {
            sleep_until(due.into()).await;
            started = Instant::now(); // what the timer was late is none of the proxy's
        }
        let outcome = match timeout(TIMEOUT, client.exchange()).await {
            Ok(outcome) => outcome,
            Err(late) => Err(late.into()),
        };
        let microseconds = started.elapsed().as_secs_f64() * 1e6;
        log.latencies.borrow_mut().push(microseconds);
        if let Err(failure) = outcome {
            log.failed.set(log.failed.get() + 1);
            let text = || innermost(&*failure).to_string();
            log.failure.borrow_mut().get_or_insert_with(text);
            if let Ok(Ok(other)) = timeout(TIMEOUT, Client::connect(&dialer, protocol)).await {
                client = other;
            }
            due = Instant::now();
        }
    }
}

impl Client {
    async fn connect(dialer: &Rc<Dialer>, protocol: Protocol) -> Result<Self, Failure> {
        let mut client = match protocol {
            Protocol::Http1 => Self::Http1(
                Box::new(Http1::new(
                    dialer.tls(Protocol::Http1, Resumption::Off).await?,
                )),
                dialer.get(BYTES),
            ),
            Protocol::Http2 => Self::Http2(Box::new(Http2::connect(dialer).await?)),
        };
        client.exchange().await?;
        Ok(client)
    }

    async fn exchange(&mut self) -> Result<(), Failure> {
        match self {
            Self::Http1(client, request) => Ok(client.exchange(request).await?),
            Self::Http2(client) => client.exchange().await,
        }
    }
}

impl Log {
    fn times(&self) -> Times {
        let mut latencies = self.latencies.take();
        latencies.sort_unstable_by(f64::total_cmp);
        Times {
            p50: percentile(&latencies, 500),
            p99: percentile(&latencies, 990),
            most: percentile(&latencies, 1000),
            requests: latencies.len() as u64,
            failed: self.failed.get(),
            failure: self.failure.take(),
        }
    }
}

/// The abuser's process: a descendant of the proxy, as this one is, so that it is admitted.
struct Abuser {
    child: Child,
    kind: AbuseKind,
    outcome: oneshot::Receiver<std::io::Result<Attempts>>,
    attempts: Option<Attempts>,
}

impl Abuser {
    /// Starts it and waits until it is at work. It shares the CPU with origin and generator and has
    /// what they leave of it, so that they do not wait for it themselves.
    fn start(dialer: &Dialer, abuse: Abuse) -> Result<Self, Failure> {
        let mut child = Command::new("chrt")
            .args(["--idle", "0"])
            .arg(std::env::current_exe()?)
            .arg("abuse")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let setup = AbuseSetup {
            load: dialer.setup().clone(),
            abuse,
        };
        wire::send(child.stdin.as_mut().ok_or("no stdin")?, &setup)?;
        let mut responses = BufReader::new(child.stdout.take().ok_or("no stdout")?);
        let _: u32 = wire::receive(&mut responses)
            .map_err(|error| format!("the abuser did not start: {error}"))?;
        let (told, outcome) = oneshot::channel();
        std::thread::spawn(move || {
            let _ = told.send(wire::receive(&mut responses));
        });
        Ok(Self {
            child,
            kind: abuse.kind,
            outcome,
            attempts: None,
        })
    }

    /// Waits for an abuse that ends by itself.
    async fn finish(&mut self) {
        if self.kind == AbuseKind::Churn
            && let Ok(Ok(Ok(attempts))) = timeout(LONGEST, &mut self.outcome).await
        {
            self.attempts = Some(attempts);
        }
    }

    /// Has it stop, and hears what came of it.
    async fn end(mut self) -> Result<Attempts, Failure> {
        drop(self.child.stdin.take()); // its sign to end
        let attempts = match self.attempts {
            Some(attempts) => attempts,
            None => timeout(TIMEOUT, self.outcome).await???,
        };
        reap(&mut self.child)?;
        Ok(attempts)
    }
}
