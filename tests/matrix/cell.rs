//! What is tried: every client at every server, with every response at every moment.

use std::fmt;

/// Who asks, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ClientKind {
    /// HTTP/1.1, keeping its connection, with a length.
    H1,
    /// HTTP/1.1 with `Connection: close`.
    H1Close,
    /// HTTP/1.1 with a chunked body.
    H1Chunked,
    /// One HTTP/2 stream whose body's length is not said.
    H2,
    /// Several HTTP/2 streams at one time, with lengths.
    H2Many,
    /// curl over HTTP/1.1.
    Curl1,
    /// curl over HTTP/2.
    Curl2,
}

impl ClientKind {
    /// Requests at one time.
    pub(crate) fn streams(self) -> usize {
        if self == Self::H2Many { STREAMS } else { 1 }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::H1 => "h1",
            Self::H1Close => "h1-close",
            Self::H1Chunked => "h1-chunked",
            Self::H2 => "h2",
            Self::H2Many => "h2-x4",
            Self::Curl1 => "curl-1.1",
            Self::Curl2 => "curl-2",
        }
    }

    /// Whether it offers HTTP/2.
    pub(crate) fn offers_http2(self) -> bool {
        matches!(self, Self::H2 | Self::H2Many | Self::Curl2)
    }

    pub(crate) fn is_curl(self) -> bool {
        matches!(self, Self::Curl1 | Self::Curl2)
    }
}

/// What the server offers by ALPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ServerKind {
    /// `http/1.1` alone.
    H1,
    /// `h2` and `http/1.1`.
    H2,
}

/// When the response comes, by the request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum When {
    Before,
    Amid,
    After,
}

/// How the response's end is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Framing {
    /// `Content-Length: 0`.
    Zero,
    /// A length, and as many bytes.
    Length,
    /// Chunks; over HTTP/2 no length.
    Chunked,
    /// The end of the connection; over HTTP/2 there is no such end: half of the body, and no more.
    ToClose,
    /// A length, and half as many bytes.
    Short,
    /// Chunks without the last one; over HTTP/2 the same as [`Self::ToClose`].
    Cut,
}

/// What the server does once its response is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Then {
    /// It leaves the connection open, and reads no more.
    Unread,
    /// It reads the request to its end, and waits for another.
    ReadsOn,
    /// It closes the connection; over HTTP/2 behind a GOAWAY.
    Closes,
    /// It resets the connection; over HTTP/2 the stream, with `NO_ERROR` where its response was
    /// whole (RFC 9113 §8.1).
    Resets,
    /// It closes its direction, and reads the request to its end; over HTTP/2 a GOAWAY.
    HalfCloses,
}

/// The request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Upload {
    None,
    Small,
    Large,
    /// With `Expect: 100-continue`.
    Expect,
}

/// When the client goes, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Leave {
    /// Amid its upload, before the response's head; the server reads.
    AmidUpload,
    /// The same; the server has stopped to read.
    AmidUploadUnread,
    /// Amid its upload, when a whole response has come.
    Answered,
    /// Amid its upload, and amid the response.
    AmidBoth,
    /// When all is sent, which is no body, before the response's head.
    Waiting,
    /// The same, with a body.
    WaitingBehindBody,
    /// Amid the response.
    AmidDownload,
}

/// How a client goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum By {
    /// `close_notify` and FIN.
    Close,
    /// A TCP reset.
    Reset,
    /// `RST_STREAM` with CANCEL; the connection goes on.
    Cancel,
    /// `RST_STREAM` with `NO_ERROR`; the connection goes on.
    NoError,
}

/// One combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    pub(crate) client: ClientKind,
    pub(crate) server: ServerKind,
    pub(crate) upload: Upload,
    pub(crate) story: Story,
    /// A whole response's body comes in two pieces, with a breath between them: HTTP/2 alone knows
    /// of it.
    pub(crate) in_pieces: bool,
}

/// What happens in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Story {
    /// The server answers.
    Answers(When, Framing, Then),
    /// The client leaves.
    Leaves(Leave, By),
}

impl Story {
    /// Whether the server reads the request's body to its end.
    fn reads_all(self) -> bool {
        match self {
            Self::Answers(When::After, ..) => true,
            Self::Answers(_, _, then) => matches!(then, Then::ReadsOn | Then::HalfCloses),
            Self::Leaves(..) => false,
        }
    }

    fn has_length(self) -> bool {
        matches!(self, Self::Answers(_, Framing::Zero | Framing::Length, _))
    }
}

impl Cell {
    /// For a place that no cell is played at.
    pub(crate) const NONE: Self = Self {
        client: ClientKind::H1,
        server: ServerKind::H1,
        upload: Upload::None,
        story: Story::Answers(When::After, Framing::Zero, Then::ReadsOn),
        in_pieces: false,
    };

    /// Bytes of one request's body.
    pub(crate) fn size(self) -> u64 {
        let story = self.story;
        match self.upload {
            Upload::None => 0,
            Upload::Small => 10_000,
            Upload::Expect => 1_000_000,
            Upload::Large if self.client == ClientKind::H2Many => 8_000_000,
            // Read to its end, it costs time, and how the response is framed changes little in
            // that.
            Upload::Large if story.reads_all() && !story.has_length() => 3_000_000,
            Upload::Large => 30_000_000,
        }
    }

    /// Of which the server reads so much before it answers amid it.
    pub(crate) fn amid(self) -> u64 {
        (self.size() / 3).min(300_000)
    }

    /// The status of the response: an upload that is still read has been taken, one that is not has
    /// been refused.
    pub(crate) fn status(self) -> u16 {
        match self.story {
            Story::Answers(When::After, ..)
            | Story::Answers(_, _, Then::ReadsOn)
            | Story::Leaves(..) => 200,
            Story::Answers(..) => 413,
        }
    }

    /// Whether the server answers and reads on: any client that works gets that response.
    pub(crate) fn is_plain(self) -> bool {
        matches!(self.story, Story::Answers(_, _, Then::ReadsOn))
    }

    /// Whether the client leaves of its own will.
    pub(crate) fn is_left(self) -> bool {
        matches!(self.story, Story::Leaves(..))
    }

    /// Whether the server breaks its response off.
    pub(crate) fn response_breaks(self) -> bool {
        match self.story {
            Story::Answers(_, Framing::Short | Framing::Cut, _)
            | Story::Answers(_, Framing::ToClose, Then::Resets) => true,
            Story::Answers(_, Framing::ToClose, Then::Closes) => self.server == ServerKind::H2,
            Story::Answers(..) | Story::Leaves(..) => false,
        }
    }

    fn has_sense(self) -> bool {
        match self.story {
            Story::Answers(when, framing, then) => self.response_has_sense(when, framing, then),
            Story::Leaves(leave, by) => self.leave_has_sense(leave, by),
        }
    }

    fn response_has_sense(self, when: When, framing: Framing, then: Then) -> bool {
        // What nobody closes has no such end.
        let ends = !matches!(framing, Framing::ToClose | Framing::Short | Framing::Cut)
            || !matches!(then, Then::Unread | Then::ReadsOn);
        let is_repeated = self.server == ServerKind::H2 && framing == Framing::Cut;
        let is_read = when != When::After || then != Then::Unread;
        let has_body = self.upload != Upload::None || when == When::After;
        let of_curl = !self.client.is_curl() || self.upload != Upload::Small;
        // Requests that are out as a whole, on a connection of which the server reads no more:
        // whoever keeps connections is served no further, and a client that opens one for each
        // request is no comparison.
        let is_deaf = then == Then::Unread
            && self.client == ClientKind::H2Many
            && self.upload != Upload::Large;
        ends && !is_repeated && is_read && has_body && of_curl && !is_deaf
    }

    fn leave_has_sense(self, leave: Leave, by: By) -> bool {
        let by_stream = matches!(by, By::Cancel | By::NoError);
        let has_streams = self.client == ClientKind::H2;
        let fitting = match leave {
            Leave::Waiting | Leave::AmidDownload => Upload::None,
            Leave::WaitingBehindBody => Upload::Small,
            _ => Upload::Large,
        };
        let of_curl = self.client.is_curl() || self.client == ClientKind::H2Many;
        (has_streams || !by_stream) && self.upload == fitting && !of_curl
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (client, server) in PAIRS {
        for upload in UPLOADS {
            let stories = stories().map(|story| Cell {
                client: *client,
                server: *server,
                upload: *upload,
                story,
                in_pieces: false,
            });
            cells.extend(stories.filter(|cell| cell.has_sense()));
        }
    }
    cells
}

fn stories() -> impl Iterator<Item = Story> {
    let responses = WHENS.iter().flat_map(|when| {
        FRAMINGS.iter().flat_map(move |framing| {
            THENS
                .iter()
                .map(move |then| Story::Answers(*when, *framing, *then))
        })
    });
    let leaves = LEAVES
        .iter()
        .flat_map(|leave| BYS.iter().map(move |by| Story::Leaves(*leave, *by)));
    responses.chain(leaves)
}

impl fmt::Display for Cell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.row(), self.column())
    }
}

impl Cell {
    /// The same at a server that has HTTP/2, for a client that speaks it with the proxy.
    pub(crate) fn by_http2(self) -> Option<Self> {
        let other = Self {
            server: ServerKind::H2,
            ..self
        };
        let speaks = self.client.offers_http2() && self.server == ServerKind::H1;
        (speaks && other.has_sense()).then_some(other)
    }

    /// Client, server, body, and what has no place in a column.
    pub(crate) fn row(self) -> String {
        let client = self.client.name();
        let server = match self.server {
            ServerKind::H1 => "1.1",
            ServerKind::H2 => "2",
        };
        let upload = match self.upload {
            Upload::None => "none",
            Upload::Small => "small",
            Upload::Large => "large",
            Upload::Expect => "expect",
        };
        let story = match self.story {
            Story::Answers(when, framing, _) => format!("{when:?} {framing:?}"),
            Story::Leaves(leave, _) => format!("leaves {leave:?}"),
        };
        format!("{client} to {server}: {upload} {}", story.to_lowercase())
    }

    /// What the server does, or how the client leaves.
    pub(crate) fn column(self) -> String {
        match self.story {
            Story::Answers(_, _, then) => format!("{then:?}").to_lowercase(),
            Story::Leaves(_, by) => format!("{by:?}").to_lowercase(),
        }
    }
}

/// Streams of [`ClientKind::H2Many`].
const STREAMS: usize = 4;

/// An HTTP/1.1 client is served by `http/1.1` at a server that has both, so only the one is tried.
const PAIRS: &[(ClientKind, ServerKind)] = &[
    (ClientKind::H1, ServerKind::H1),
    (ClientKind::H1Close, ServerKind::H1),
    (ClientKind::H1Chunked, ServerKind::H1),
    (ClientKind::H2, ServerKind::H1),
    (ClientKind::H2, ServerKind::H2),
    (ClientKind::H2Many, ServerKind::H1),
    (ClientKind::H2Many, ServerKind::H2),
    (ClientKind::Curl1, ServerKind::H1),
    (ClientKind::Curl2, ServerKind::H1),
    (ClientKind::Curl2, ServerKind::H2),
];
const UPLOADS: &[Upload] = &[Upload::None, Upload::Small, Upload::Large, Upload::Expect];
const WHENS: &[When] = &[When::Before, When::Amid, When::After];
const FRAMINGS: &[Framing] = &[
    Framing::Zero,
    Framing::Length,
    Framing::Chunked,
    Framing::ToClose,
    Framing::Short,
    Framing::Cut,
];
const THENS: &[Then] = &[
    Then::Unread,
    Then::ReadsOn,
    Then::Closes,
    Then::Resets,
    Then::HalfCloses,
];
const LEAVES: &[Leave] = &[
    Leave::AmidUpload,
    Leave::AmidUploadUnread,
    Leave::Answered,
    Leave::AmidBoth,
    Leave::Waiting,
    Leave::WaitingBehindBody,
    Leave::AmidDownload,
];
const BYS: &[By] = &[By::Close, By::Reset, By::Cancel, By::NoError];
