//! Every timeout and limit of the proxy, in one place.

use std::time::Duration;

/// Connections of clients at one time; one more waits to be accepted.
pub(super) const MAX_CONNECTIONS: usize = 4096;

/// Open files that are not connections: the vault, the log, the runtime, and what a refresh or a
/// name lookup needs.
pub(super) const RESERVED_FILES: usize = 40;

/// Open files for each connection: the client's socket, and the one upstream.
pub(super) const FILES_PER_CONNECTION: usize = 2;

/// At least this many connections are served at one time, however few files the process may open.
pub(super) const MIN_CONNECTIONS: usize = 4;

/// When a client may repeat a request for which this machine had no file descriptor: others may be
/// released at any time.
pub(super) const STARVED_RETRY: Duration = Duration::from_secs(1);

/// How long accepting pauses after an error, such as a lack of file descriptors.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Connections of other users that get a response at one time, and how long that may take. Further
/// ones are closed without a response.
pub(super) const MAX_STRANGERS: usize = 16;
pub(super) const STRANGER_TIMEOUT: Duration = Duration::from_secs(5);

/// Searches for the process of a connection at one time, and how long another one waits for its
/// turn.
pub(super) const MAX_SEARCHES: usize = 2;
pub(super) const SEARCH_WAIT: Duration = Duration::from_secs(5);

/// How long such a search may take, and how many processes and descriptors it may look at.
pub(super) const SEARCH_TIME: Duration = Duration::from_secs(2);
pub(super) const SEARCH_STEPS: usize = 200_000;

/// How long a client may take for the head of a request, and how long a kept-alive connection may
/// be silent between two requests. On the proxy's own port, a new connection may be silent twice as
/// long: before its first bytes are read, and then while hyper waits for the head. Inside a tunnel,
/// the limit applies after one to two times this.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_mins(5);

/// How long the client of a captured connection may take to send something, before it is taken for
/// one that waits for the server; and how much of a `ClientHello` is waited for, in bytes.
pub(super) const FIRST_BYTES_WAIT: Duration = Duration::from_millis(200);
pub(super) const MAX_HELLO: usize = 16 * 1024;

/// How long a client of SSH may take to read why it is refused.
pub(super) const SSH_REFUSAL_WAIT: Duration = Duration::from_secs(2);

/// How long a connection to the resolver inside may be silent (RFC 7766 §6.2.3).
pub(super) const RESOLVER_IDLE: Duration = Duration::from_secs(10);

/// How long a client that has opened a managed tunnel may take for the TLS handshake.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// A tunnel, or an intercepted connection, is closed if nothing has moved in either direction for
/// this long.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_hours(2);

/// The size of a request's or response's head (HTTP/1.1), and of a header list (HTTP/2), in bytes.
pub(super) const MAX_HEAD: usize = 128 * 1024;
pub(super) const MAX_HEADER_LIST: u32 = 128 * 1024;

/// Fields of a head. Node accepts as many; curl limits only their size.
pub(super) const MAX_HEADERS: usize = 2000;

/// The line before a chunk of a request's or response's body, with its extensions, in bytes.
pub(super) const MAX_CHUNK_LINE: usize = 4 * 1024;

/// Interim responses (1xx) to one request.
pub(super) const MAX_INTERIM_RESPONSES: usize = 1024;

/// How long a server may take nothing of a request's body after its response has ended: if it
/// refused the request, and if it accepted it. The check runs at this interval, so the upload is
/// given up after one to two times this.
pub(super) const REFUSED_UPLOAD_STALL: Duration = Duration::from_millis(500);
pub(super) const ACCEPTED_UPLOAD_STALL: Duration = Duration::from_secs(30);

/// How long the proxy still works for a client that has closed its sending direction: it may still
/// read, or may have left. What belongs to a client that has left must end upstream within a
/// second.
pub(super) const HALF_CLOSED_WAIT: Duration = Duration::from_millis(700);

/// How long the body of a client that expects a 100 is held back, if the server sends neither a 100
/// nor anything else (RFC 9110 §10.1.1).
pub(super) const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);

/// If a response breaks off: how long the part that has come may take to reach an HTTP/2 client,
/// before its stream is reset.
pub(super) const BREAK_OFF_FLUSH: Duration = Duration::from_secs(5);

/// How often a request over HTTP/2 is sent again after the server said that it had not begun with
/// it (RFC 9113 §8.7), or closed an idle connection.
pub(super) const MAX_RESENDS: u32 = 16;

/// Most heads have no more fields than this. A head with more is read in a slower way, up to
/// [`MAX_HEADERS`]; trailers with more are refused.
pub(super) const DEFAULT_HEADERS: usize = 100;

/// Bytes that are read at once from a client that sends nothing but heads. The allocator frees this
/// size fastest.
pub(super) const DEFAULT_READ: usize = 1024;

/// Bytes that are read at once from any other connection: at first, and when much comes.
pub(super) const MIN_READ: usize = 8 * 1024;
pub(super) const MAX_READ: usize = 64 * 1024;

/// No more of a request's body is read while this much of it waits to be sent, in bytes.
pub(super) const UPSTREAM_WRITE_BUFFER: usize = 64 * 1024;

/// Streams of one client's HTTP/2 connection at one time.
pub(super) const MAX_STREAMS: u32 = 256;

/// Streams that are opened upstream before the server has announced its limit. RFC 9113 §6.5.2
/// recommends that servers allow at least this many.
pub(super) const FIRST_STREAMS: usize = 100;

/// How long a request waits before it is sent again to a server that has refused its stream; the
/// second time twice as long, and so on.
pub(super) const RESEND_PAUSE: Duration = Duration::from_millis(10);

/// How many streams that the client has reset are remembered for an upstream HTTP/2 connection,
/// because frames may still arrive for them.
pub(super) const MAX_RESET_STREAMS: usize = 1024;

/// Flow-control windows (RFC 9113 §5.2) of one HTTP/2 stream and of one connection, in bytes: how
/// much the peer may send that has not been read.
pub(super) const STREAM_WINDOW: u32 = 512 * 1024;
pub(super) const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;

/// What one HTTP/2 stream buffers to be sent, in bytes.
pub(super) const SEND_BUFFER: usize = 256 * 1024;

/// If a refusal over HTTP/2 comes while its upload is still in progress: how long it waits for its
/// own body, and for how many bytes of it.
pub(super) const REFUSAL_GATHERING: Duration = Duration::from_millis(250);
pub(super) const GATHERED_REFUSAL: usize = 64 * 1024;

/// A request's body up to this size, in bytes, is kept until the response has come, so that the
/// request can be sent again, for example after a 401.
pub(super) const MAX_HELD_BODY: usize = 64 * 1024;

/// A body that has to be hashed before its request can be signed is held up to this size, in bytes,
/// and waited for so long.
pub(super) const MAX_SIGNED_BODY: usize = 8 * 1024 * 1024;
pub(super) const SIGNED_BODY_TIMEOUT: Duration = Duration::from_mins(2);

/// How often one request is sent again at most: three times for a token that is too new, and once
/// for each step that may follow.
pub(super) const MAX_REPETITIONS: u32 = 5;

/// How much of a provider's 401 is read to classify it, how large that may be once decoded, and how
/// long it may take.
pub(super) const MAX_REJECTION: usize = 16 * 1024;
pub(super) const MAX_DECODED_REJECTION: usize = 64 * 1024;
pub(super) const REJECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// How much of a request's body is read and dropped, and for how long, so that the client can read
/// the response: after a refusal by authsome itself, or after an early response of the provider.
pub(super) const MAX_DRAIN: usize = 64 * 1024 * 1024;
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Idle connections to one destination over each protocol, and how long they are kept.
pub(super) const MAX_IDLE_UPSTREAM: usize = 64;
pub(super) const IDLE_UPSTREAM: Duration = Duration::from_mins(1);

/// A connection that has not served a request counts as new for this long.
pub(super) const FRESH: Duration = Duration::from_secs(1);

/// How often idle connections are checked.
pub(super) const SWEEP_INTERVAL: Duration = Duration::from_secs(15);

/// Destinations whose connections are shared by all clients of a session. Each has at most
/// [`MAX_IDLE_UPSTREAM`] idle ones over each protocol.
pub(super) const MAX_DESTINATIONS: usize = 1024;

/// TLS configurations for clients that are kept at one time: one for each managed host that a
/// client has connected to.
pub(super) const MAX_SERVER_CONFIGS: usize = 1024;

/// TLS configurations for providers that are kept at one time: one for each combination of private
/// CAs, client certificate and dialect.
pub(super) const MAX_CLIENT_CONFIGS: usize = 256;

/// TLS sessions that the clients of one host may resume.
pub(super) const MAX_TLS_SESSIONS: usize = 256;

/// How long requests in progress may continue after the child has ended.
pub(super) const SHUTDOWN_DRAIN: Duration = Duration::from_secs(1);

/// What a relay reads at once, in bytes; all relays share it.
pub(super) const RELAY_BUFFER: usize = 64 * 1024;

/// How long a body is waited for that has to be seen before it is sent, and how long a piece of a
/// push.
pub(super) const INSPECTED_BODY_TIMEOUT: Duration = Duration::from_mins(2);

/// What git-lfs asks for at one time, in bytes. It asks for 100 objects by itself.
pub(super) const MAX_LFS_BATCH: usize = 1024 * 1024;

/// How much of a push is looked at in one go, in bytes, between two waits.
pub(super) const PUSH_PIECE: usize = 16 * 1024;

/// How long the rest of a refused push is read before git is told.
pub(super) const REFUSED_PUSH_DRAIN: Duration = Duration::from_mins(2);

/// How much of a repository's refs is read for the name of its default branch, which comes first,
/// and how long that is waited for.
pub(super) const MAX_ADVERTISEMENT: usize = 64 * 1024;
pub(super) const ADVERTISEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// A push with git whose refs are checked: its commands and their lines in bytes, what is held
/// until there is a verdict, and that without its gzip.
pub(super) const MAX_PUSH_COMMANDS: usize = 10_000;
pub(super) const MAX_PUSH_LIST: usize = 1024 * 1024;
pub(super) const MAX_PUSH_HELD: usize = 4 * 1024 * 1024;
pub(super) const MAX_PUSH_DECODED: usize = 16 * 1024 * 1024;

/// How many refs of a push the log names, and the longest name of one, in bytes. How long the list
/// of a push is waited for that no policy is about.
pub(super) const MAX_LOGGED_REFS: usize = 32;
pub(super) const MAX_LOGGED_REF: usize = 256;
pub(super) const PUSH_LIST_TIMEOUT: Duration = Duration::from_secs(10);

/// How many hosts of no connection the log names in a run.
pub(super) const MAX_LOGGED_HOSTS: usize = 1000;

/// What is read of the pack of such a push: what all of it and what one commit inflates to, and the
/// commits that are kept because later ones may be deltas of them, in bytes.
pub(super) const MAX_PUSH_INFLATED: u64 = 64 * 1024 * 1024;
pub(super) const MAX_PUSH_COMMIT: usize = 1024 * 1024;
pub(super) const MAX_PUSH_BASES: usize = 2 * 1024 * 1024;

/// Commits of such a push that are known, their parents, and how many steps are made from commit to
/// commit in search of the old ones.
pub(super) const MAX_PUSH_COMMITS: usize = 50_000;
pub(super) const MAX_PUSH_PARENTS: usize = 100_000;
pub(super) const MAX_PUSH_STEPS: usize = 300_000;

/// Secrets that responses are searched for, in bytes. Shorter ones would be found where they are
/// not; longer ones are no tokens.
pub(super) const MIN_SCRUBBED_SECRET: usize = 8;
pub(super) const MAX_SCRUBBED_SECRET: usize = 16 * 1024;

/// Forms of secrets that responses are searched for at one time, and their bytes.
pub(super) const MAX_SCRUB_PATTERNS: usize = 4096;
pub(super) const MAX_SCRUB_BYTES: usize = 1024 * 1024;

/// Fresh secrets that a session keeps for its child, their bytes, and the shortest one that a
/// placeholder of the same length can stand for.
pub(super) const MAX_MINTED: usize = 128;
pub(super) const MAX_MINTED_BYTES: usize = 32 * 1024;
pub(super) const MIN_MINTED: usize = 12;

/// The response of an OAuth endpoint, which is held until its tokens are replaced, without its
/// codings, and how long it is waited for.
pub(super) const MAX_TOKEN_RESPONSE: usize = 256 * 1024;
pub(super) const TOKEN_RESPONSE_TIMEOUT: Duration = Duration::from_mins(1);

/// The body of a request to an OAuth endpoint, which is held to put secrets back into it.
pub(super) const MAX_TOKEN_REQUEST: usize = 64 * 1024;

/// Content codings on top of each other that are removed from a response's body. No honest response
/// has more.
pub(super) const MAX_CODINGS: usize = 3;

/// How much of a decoded body is made at once, in bytes, however much a few encoded ones stand for.
pub(super) const DECODED_PIECE: usize = 32 * 1024;

/// The largest window that a decoder of `zstd` has to support (RFC 9659 §3), as a power of two.
pub(super) const MAX_ZSTD_WINDOW_LOG: u32 = 23;

/// The timeouts that a user may set.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a connection to a provider: for the name, TCP and the user's proxy together, and as long
    /// again for TLS.
    pub connect: Duration,
    /// For the head of a response, counted from the last part of the request that was sent.
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

/// The body of a request to a GraphQL endpoint, which is held until the guard has read it. GitLab
/// takes documents of 10,000 characters.
pub(super) const MAX_GRAPHQL_BODY: usize = 1024 * 1024;

/// Operations of one request to a GraphQL endpoint ("batching").
pub(super) const MAX_GRAPHQL_BATCH: usize = 100;

/// Tokens of all documents of such a request, blanks and comments included, and how deep a document
/// may nest. An introspection of a whole schema has 1,000, and is 15 deep.
pub(super) const MAX_GRAPHQL_TOKENS: usize = 40_000;
pub(super) const MAX_GRAPHQL_DEPTH: usize = 100;

/// Requests that wait for a login at one time, and for a decision. Each further one is refused as
/// if it had waited.
pub(super) const MAX_PARKED: usize = 64;
pub(super) const MAX_ASKING: usize = 128;

/// Guard rules, and requests, that the user lifts in one run.
pub(super) const MAX_LIFTS: usize = 128;

/// How long a request waits for a decision, where config.toml does not say it.
pub(super) const DEFAULT_ASK_TIMEOUT: Duration = Duration::from_mins(4);

/// How much of the body of a request that waits for a decision is read and shown, in bytes, and how
/// long it is waited for.
pub(super) const MAX_SHOWN_BODY: usize = 16 * 1024;
pub(super) const SHOWN_BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// Refusals that a program inside may read, and what it may ask the user for in one session.
pub(super) const MAX_REMEMBERED_REFUSALS: usize = 100;
pub(super) const MAX_WANTED: usize = 16;

/// What a program inside may send to the agent's API, in bytes, how long it may take, and the
/// longest reason, in characters.
pub(super) const MAX_AGENT_BODY: usize = 16 * 1024;
pub(super) const AGENT_BODY_TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const MAX_REASON: usize = 500;
