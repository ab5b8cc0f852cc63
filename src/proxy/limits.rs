//! Every wait and every bound of the proxy, in one place.

use std::time::Duration;

/// Connections of the child at one time; one more waits to be accepted.
pub(super) const MAX_CONNECTIONS: usize = 4096;

/// Open files that are not the connections': the vault, the log, the runtime, what a refresh or a
/// name takes.
pub(super) const RESERVED_FILES: usize = 40;

/// Open files that a connection takes: the client's, and the one upstream.
pub(super) const FILES_PER_CONNECTION: usize = 2;

/// However few files a process may have open, so many connections are served at one time.
pub(super) const MIN_CONNECTIONS: usize = 4;

/// When a request may come again for which this machine had no descriptor: others are given back at
/// any time.
pub(super) const STARVED_RETRY: Duration = Duration::from_secs(1);

/// How long accepting pauses when the process has no more descriptors.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Connections of other users that are answered at one time, and how long that may take; more are
/// closed without a word.
pub(super) const MAX_STRANGERS: usize = 16;
pub(super) const STRANGER_TIMEOUT: Duration = Duration::from_secs(5);

/// Searches for the process behind a connection at one time, and how long one more waits for its
/// turn.
pub(super) const MAX_SEARCHES: usize = 2;
pub(super) const SEARCH_WAIT: Duration = Duration::from_secs(5);

/// How long such a search may take, and how many processes and descriptors it may look at.
pub(super) const SEARCH_TIME: Duration = Duration::from_secs(2);
pub(super) const SEARCH_STEPS: usize = 200_000;

/// A client that takes longer for the head of a request is cut off; a kept-alive connection may be
/// silent this long between two. A new connection may be silent this long twice: before its first
/// bytes are looked at, and then while hyper waits for the head. Inside a tunnel it is this long at
/// least, and twice as long at most.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_mins(5);

/// A client that has opened a managed tunnel must have said hello and finished its handshake by
/// then.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// A tunnel or an intercepted connection on which nothing moves in either direction is closed after
/// this.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_hours(2);

/// The head of a request or a response, in bytes (HTTP/1.1); the header list of HTTP/2.
pub(super) const MAX_HEAD: usize = 128 * 1024;
pub(super) const MAX_HEADER_LIST: u32 = 128 * 1024;

/// The fields of a head: what Node takes; curl has no limit but their size.
pub(super) const MAX_HEADERS: usize = 2000;

/// The line before a chunk of a body, a request's or a response's, with its extensions, in bytes.
pub(super) const MAX_CHUNK_LINE: usize = 4 * 1024;

/// Interim responses (1xx) to one request.
pub(super) const MAX_INTERIM_RESPONSES: usize = 1024;

/// How long a server may take nothing of a request's body whose response has ended: one that it has
/// refused, and one that it has accepted. The look at it comes that often, so that it is given up
/// after one to two times this.
pub(super) const REFUSED_UPLOAD_STALL: Duration = Duration::from_millis(500);
pub(super) const ACCEPTED_UPLOAD_STALL: Duration = Duration::from_secs(30);

/// How long a client that sends no more, and may have left or only half-closed its connection, is
/// still worked for. What it has left is to be ended upstream within a second.
pub(super) const HALF_CLOSED_WAIT: Duration = Duration::from_millis(700);

/// How long a client that expects 100 is held up for a server that says neither 100 nor anything
/// else (RFC 9110 §10.1.1).
pub(super) const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long what has come of a response that breaks off may take to reach an HTTP/2 client before
/// its stream is reset.
pub(super) const BREAK_OFF_FLUSH: Duration = Duration::from_secs(5);

/// How often a request is sent anew that its server has said not to have begun (RFC 9113 §8.7), or
/// closed an idle connection on.
pub(super) const MAX_RESENDS: u32 = 16;

/// The fields of most heads, and of trailers; a head with more of them is read the slower way, up
/// to [`MAX_HEADERS`].
pub(super) const DEFAULT_HEADERS: usize = 100;

/// What is read of a client at once while it sends nothing but heads, in bytes: what the allocator
/// gives back fastest.
pub(super) const DEFAULT_READ: usize = 1024;

/// What is read of any other connection at once, at first and where much comes, in bytes.
pub(super) const MIN_READ: usize = 8 * 1024;
pub(super) const MAX_READ: usize = 64 * 1024;

/// A request's body is not asked for more while this much of it waits to go out, in bytes.
pub(super) const UPSTREAM_WRITE_BUFFER: usize = 64 * 1024;

/// Streams of one HTTP/2 connection at one time.
pub(super) const MAX_STREAMS: u32 = 256;

/// Streams that are opened upstream before the server has said how many it takes (RFC 9113 §6.5.2
/// recommends no less to it).
pub(super) const FIRST_STREAMS: usize = 100;

/// How long a request waits before it is sent anew to a server that has refused its stream; the
/// second time twice as long, and so on.
pub(super) const RESEND_PAUSE: Duration = Duration::from_millis(10);

/// Streams of an upstream HTTP/2 connection that a client has reset, and for which something may
/// still come.
pub(super) const MAX_RESET_STREAMS: usize = 1024;

/// What one HTTP/2 stream, and one connection, may have under way unread.
pub(super) const STREAM_WINDOW: u32 = 512 * 1024;
pub(super) const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;

/// What one HTTP/2 stream buffers on its way out.
pub(super) const SEND_BUFFER: usize = 256 * 1024;

/// How long a refusal by HTTP/2 that comes amid its upload waits for its body, and of how many
/// bytes.
pub(super) const REFUSAL_GATHERING: Duration = Duration::from_millis(250);
pub(super) const GATHERED_REFUSAL: usize = 64 * 1024;

/// A request's body up to this size is kept until the response is there, so that the request can be
/// repeated after a 401.
pub(super) const MAX_HELD_BODY: usize = 64 * 1024;

/// How often one request is repeated at most: three times for a token that is too new, and once
/// each for what may follow.
pub(super) const MAX_REPETITIONS: u32 = 5;

/// How much of a provider's 401 is read to tell what it says, how much of it there may be without
/// its coding, and how long that may take.
pub(super) const MAX_REJECTION: usize = 16 * 1024;
pub(super) const MAX_DECODED_REJECTION: usize = 64 * 1024;
pub(super) const REJECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// What is read of a body that nobody sends on, so that the client gets to read the response: with
/// a request that authsome answers itself, and what is left of one that the provider has answered
/// early.
pub(super) const MAX_DRAIN: usize = 64 * 1024 * 1024;
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Idle connections to one provider, and how long they are kept.
pub(super) const MAX_IDLE_UPSTREAM: usize = 64;
pub(super) const IDLE_UPSTREAM: Duration = Duration::from_mins(1);

/// A connection without a request so far counts as a new one for this long.
pub(super) const FRESH: Duration = Duration::from_secs(1);

/// How often idle connections are looked through.
pub(super) const SWEEP_INTERVAL: Duration = Duration::from_secs(15);

/// Places upstream whose connections are shared by all of a session's clients; each has at most
/// [`MAX_IDLE_UPSTREAM`] idle ones.
pub(super) const MAX_DESTINATIONS: usize = 1024;

/// Server configurations, one for each managed host that a client has asked for, that are kept at
/// one time.
pub(super) const MAX_SERVER_CONFIGS: usize = 1024;

/// Client configurations, one for each set of private CAs, client certificate and dialect, that are
/// kept at one time.
pub(super) const MAX_CLIENT_CONFIGS: usize = 256;

/// TLS sessions that a host's clients may resume.
pub(super) const MAX_TLS_SESSIONS: usize = 256;

/// How long what is under way may go on after the child has ended.
pub(super) const SHUTDOWN_DRAIN: Duration = Duration::from_secs(1);

/// What a relay reads at once, in bytes; all relays share it.
pub(super) const RELAY_BUFFER: usize = 64 * 1024;

/// The waits that a user may set.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a connection to a provider to stand: name, TCP, the user's own proxy, TLS each.
    pub connect: Duration,
    /// For the head of a response, counted from the last byte of the request that went out.
    pub response: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            response: Duration::from_mins(10),
        }
    }
}
