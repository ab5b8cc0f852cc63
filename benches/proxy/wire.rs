//! What the harness says to the processes it starts, and what they answer: JSON, one value on each
//! line, over stdin and stdout.

use std::io::{self, BufRead, ErrorKind, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The host of the connection in the vault; its requests get the credential.
pub(crate) const MANAGED: &str = "gitlab.bench.test";

/// Another name of the same origin, of no connection: a blind tunnel.
pub(crate) const UNMANAGED: &str = "tunnel.bench.test";

/// What clients send where authsome, or a peer, puts the credential.
pub(crate) const PLACEHOLDER: &str = "authsome-proxy-managed";

/// What the origin needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OriginSetup {
    /// The only credential that it takes.
    pub(crate) bearer: String,
    /// Certificate and key, PEM.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What a load generator needs to know before its first order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LoadSetup {
    pub(crate) origin: SocketAddr,
    pub(crate) way: Way,
    pub(crate) bearer: String,
    /// The CA of the origin, and of what the peers show.
    pub(crate) ca: PathBuf,
}

/// How requests get to the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Way {
    /// Without a proxy.
    Direct,
    /// By CONNECT through the proxy that the environment names, to [`UNMANAGED`], with the real
    /// credential.
    BlindTunnel,
    /// By CONNECT through the proxy that the environment names, to [`MANAGED`], with the
    /// placeholder.
    Injected,
    /// In an isolated run, straight to [`MANAGED`], with the placeholder: the connection is captured.
    Captured,
    /// In an isolated run, straight to [`UNMANAGED`], with the real credential.
    CapturedTunnel,
    /// By CONNECT through that proxy, to [`UNMANAGED`], with the real credential.
    PeerTunnel(SocketAddr),
    /// By CONNECT through that proxy, to [`MANAGED`], with the placeholder.
    PeerInjected(SocketAddr),
    /// To that server, which passes requests on, with the placeholder.
    PeerReverse(SocketAddr),
}

impl Way {
    /// Whether authsome puts the credential on.
    pub(crate) fn is_injected(self) -> bool {
        matches!(self, Self::Captured | Self::Injected)
    }

    /// Whether it is one of an isolated run.
    pub(crate) fn is_captured(self) -> bool {
        matches!(self, Self::Captured | Self::CapturedTunnel)
    }
}

/// What to measure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) work: Work,
    pub(crate) watch: Watch,
}

/// Whose CPU time is told, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Watch {
    Nobody,
    /// The generator reads the time of this process.
    Process(u32),
    /// The harness reads it: a generator in a namespace of its own cannot see the proxy.
    Harness,
}

/// What the generator answers to an order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The watched time begins, or ends.
    Mark,
    Done(Box<Result<Sample, String>>),
}

/// The kinds of load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Work {
    /// GET after GET on each of some HTTP/1.1 connections.
    KeepAlive { connections: usize, window: Window },
    /// GET after GET on each of some streams of some HTTP/2 connections.
    Multiplexed {
        connections: usize,
        streams: usize,
        window: Window,
    },
    /// A connection for each GET.
    Fresh {
        at_once: usize,
        resume: bool,
        window: Window,
    },
    /// So many GETs, one after the other, on one connection.
    Counted { requests: u64, protocol: Protocol },
    /// So many GETs over HTTP/1.1, one after the other, on one connection, each with so many header
    /// fields more than usual.
    CountedLong { requests: u64, fields: usize },
    /// So many GETs of a small text, in which a secret is looked for, over HTTP/1.1 on one
    /// connection.
    CountedText { requests: u64 },
    /// So many connections with one GET each, one after the other.
    CountedFresh { connections: u64 },
    /// One response of that size.
    Download { bytes: u64 },
    /// One response with at least so many bytes of text, in which the token stands once a MiB, in
    /// that coding. It fails if the token arrives, and with `shows_token` if it does not.
    DownloadText {
        bytes: u64,
        coding: Coding,
        shows_token: bool,
    },
    /// One request of that size.
    Upload { bytes: u64 },
    /// Opens more connections and keeps them, each after one GET.
    Hold { connections: usize },
    /// One GET on a new connection to another host of the origin, then the same again: the two
    /// times are told.
    First { host: String },
    /// A stream of events, each carrying the time it was sent.
    Events { count: usize, interval_ms: u64 },
    /// A few clients that ask at a fixed pace, beside an abuser or alone.
    Beside {
        abuse: Option<Abuse>,
        window: Window,
    },
}

/// How a text is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Coding {
    Brotli,
    Gzip,
    Plain,
    Zstd,
}

impl Coding {
    /// Its name in `Content-Encoding`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Plain => "identity",
            Self::Zstd => "zstd",
        }
    }
}

/// What an abuser does, and with how many connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Abuse {
    pub(crate) kind: AbuseKind,
    pub(crate) connections: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AbuseKind {
    /// Heads of requests without measure, of every kind, one after the other on each of the
    /// connections.
    Bombs,
    /// No abuse: GET after GET on each of the connections, to tell what a busy proxy is like.
    Busy,
    /// So many connections, one after the other, most of which come to nothing. It ends by itself.
    Churn,
    /// HTTP/2 streams that are reset as soon as they are open, or as soon as they are on their way
    /// upstream.
    Resets,
    /// Responses that are read at a few KiB a second, HTTP/1.1.
    SlowReaders,
    /// Heads and bodies that come a byte at a time.
    SlowSenders,
    /// Responses that are read at a few KiB a second, many HTTP/2 streams on each of the
    /// connections.
    SlowStreams,
}

/// What an abuser needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AbuseSetup {
    pub(crate) load: LoadSetup,
    pub(crate) abuse: Abuse,
}

/// What became of an abuser's attempts; one that is in none of the three is still waiting for an
/// response.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Attempts {
    pub(crate) made: u64,
    /// Answered with 200.
    pub(crate) served: u64,
    /// Answered with anything else, or by `GOAWAY` or `RST_STREAM`.
    pub(crate) refused: u64,
    /// The connection came to its end without a response.
    pub(crate) broken: u64,
}

/// How the clients beside an abuser fared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Times {
    /// Microseconds, from the moment at which a request was due.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) most: f64,
    pub(crate) requests: u64,
    /// Requests that were not answered with 200 in time, and what the first of them met with.
    pub(crate) failed: u64,
    pub(crate) failure: Option<String>,
}

/// How long a load lasts; what happens in its warm-up is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    pub(crate) warm_up_ms: u64,
    pub(crate) length_ms: u64,
}

/// An HTTP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// What was measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// What was completed in the window.
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    /// CPU time that the watched process took in it.
    pub(crate) cpu_seconds: f64,
    /// How long requests took, in microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    /// How many handshakes resumed a session.
    pub(crate) resumed: u64,
    /// Of clients at a fixed pace, past the proxy and through it, and of the abuser beside them.
    pub(crate) direct: Times,
    pub(crate) http1: Times,
    pub(crate) http2: Times,
    pub(crate) attempts: Attempts,
}

/// Reads one value; the end of the input is an error.
pub(crate) fn receive<T: DeserializeOwned>(input: &mut impl BufRead) -> io::Result<T> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_str(&line)
        .map_err(|error| io::Error::new(ErrorKind::InvalidData, format!("{error}: {line}")))
}

/// Writes one value.
pub(crate) fn send(output: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}
