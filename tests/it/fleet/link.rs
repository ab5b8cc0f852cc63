//! A link with latency and loss, as who uses TCP sees them, for kernels without netem: each chunk
//! comes later than it was sent, some come as late as after a retransmission, and connections
//! break off.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::kit::doors::Dice;

/// How much later a chunk comes, one way.
const LATENCY: Duration = Duration::from_millis(20);
const JITTER: Duration = Duration::from_millis(30);

/// Of so many chunks, one is lost: it comes after the shortest retransmission time-out of Linux.
const LOST: u64 = 100;
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// Of so many chunks, one is the last of its connection.
const LAST: u64 = 1000;

/// Of so many pauses after a response, one is the end of its connection.
const LAST_PAUSE: u64 = 100;

/// Such a pause: no request is under way.
const PAUSE: Duration = Duration::from_millis(600);

/// When a connection breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breaks {
    /// At any time: in the middle of a statement, or of a transaction.
    AnyTime,
    /// Between two requests. Where a response is cut off after its request was carried out, no
    /// client knows what to do, with authsome or without it.
    BetweenRequests,
}

/// A relay that ends with this.
pub(super) struct Link {
    pub(super) address: SocketAddr,
    counts: Arc<Counts>,
    _end: oneshot::Sender<()>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicU64,
    chunks: AtomicU64,
    lost: AtomicU64,
    broken: AtomicU64,
}

impl Link {
    /// Listens there, and passes on to that server.
    pub(super) fn between(listen: SocketAddr, server: SocketAddr, breaks: Breaks) -> Self {
        let listener = std::net::TcpListener::bind(listen).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::<Counts>::default();
        let (end, ended) = oneshot::channel();
        let of_all = Arc::clone(&counts);
        thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = serve(listener, server, breaks, of_all) => {}
                    _ = ended => {}
                }
            });
        });
        Self {
            address,
            counts,
            _end: end,
        }
    }

    /// What it has done, for people.
    pub(super) fn told(&self) -> String {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        format!(
            "{} connections, {} chunks, {} of them lost, {} connections broken off",
            count(&self.counts.connections),
            count(&self.counts.chunks),
            count(&self.counts.lost),
            self.broken()
        )
    }

    /// How many connections have broken off.
    pub(super) fn broken(&self) -> u64 {
        self.counts.broken.load(Ordering::Relaxed)
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, breaks: Breaks, counts: Arc<Counts>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let number = counts.connections.fetch_add(1, Ordering::Relaxed);
        let counts = Arc::clone(&counts);
        tokio::spawn(async move {
            sleep(2 * LATENCY).await; // the handshake
            if let Ok(server) = TcpStream::connect(server).await {
                carry(client, server, breaks, (number, counts)).await;
            }
        });
    }
}

/// Both ways, until one end closes or the connection breaks off.
async fn carry(
    client: TcpStream,
    server: TcpStream,
    breaks: Breaks,
    (number, counts): (u64, Arc<Counts>),
) {
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let is_idle = Arc::<AtomicBool>::default();
    let weather = |from_server| Weather {
        dice: Dice(0x11_4c5e_ed16 + 2 * number + u64::from(from_server)),
        counts: Arc::clone(&counts),
        breaks,
        is_idle: Arc::clone(&is_idle),
        from_server,
    };
    let broken = Notify::new();
    let both = async {
        tokio::join!(
            pass(from_client, to_server, weather(false), &broken),
            pass(from_server, to_client, weather(true), &broken),
        )
    };
    tokio::select! {
        ((), ()) = both => {}
        () = broken.notified() => {
            counts.broken.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What happens to the chunks of one way: the same for each connection of that number.
struct Weather {
    dice: Dice,
    counts: Arc<Counts>,
    breaks: Breaks,
    /// Whether the last chunk came from the server.
    is_idle: Arc<AtomicBool>,
    from_server: bool,
}

impl Weather {
    fn one_of(&mut self, many: u64) -> bool {
        self.dice.below(Duration::from_micros(many)).is_zero()
    }

    /// How much later the next chunk comes.
    fn delay(&mut self) -> Duration {
        self.is_idle.store(self.from_server, Ordering::SeqCst);
        self.counts.chunks.fetch_add(1, Ordering::Relaxed);
        let delay = LATENCY + self.dice.below(JITTER);
        if !self.one_of(LOST) {
            return delay;
        }
        self.counts.lost.fetch_add(1, Ordering::Relaxed);
        delay + RETRANSMISSION
    }

    /// Whether the connection breaks off after a chunk, or after a pause.
    fn breaks_off(&mut self, is_pause: bool) -> bool {
        match self.breaks {
            Breaks::AnyTime => !is_pause && self.one_of(LAST),
            Breaks::BetweenRequests => {
                let may = is_pause && self.from_server && self.is_idle.load(Ordering::SeqCst);
                may && self.one_of(LAST_PAUSE)
            }
        }
    }
}

/// One way: in order, and as many chunks at one time as are under way.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: Weather,
    broken: &Notify,
) {
    let (sender, mut under_way) = mpsc::channel(64);
    let read = async move {
        let (mut due, mut chunk) = (Instant::now(), vec![0; 16 * 1024]);
        loop {
            let read = timeout(PAUSE, from.read(&mut chunk)).await;
            if weather.breaks_off(read.is_err()) {
                return broken.notify_one();
            }
            let Ok(read) = read else { continue };
            let length = read.unwrap_or_default();
            if length == 0 {
                return;
            }
            due = due.max(Instant::now() + weather.delay());
            let _ = sender.send((due, chunk[..length].to_vec())).await;
        }
    };
    let write = async move {
        while let Some((due, chunk)) = under_way.recv().await {
            sleep_until(due).await;
            if to.write_all(&chunk).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}
