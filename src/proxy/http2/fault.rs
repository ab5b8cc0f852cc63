//! Why an exchange came to nothing.

use std::io;

/// Why an exchange came to nothing.
#[derive(Debug, thiserror::Error)]
pub(in crate::proxy) enum Fault {
    /// The request's own body failed, or holds what must not go out.
    #[error("the request's body broke off")]
    Body(#[source] io::Error),
    /// The connection, or the stream on it, ended before a response.
    #[error("the connection was closed before the response came")]
    Closed(#[source] h2::Error),
    /// The server says ever more before it says what it has to.
    #[error("it sends interim responses without end")]
    Endless,
    /// The server has ended the stream with an error of its own making, or what it sent is not
    /// HTTP/2.
    #[error("the server broke the request off")]
    Reset(#[source] h2::Error),
    /// No head of a response came for so long.
    #[error("no response came in time")]
    Timeout,
    /// The peer says that it has not begun with the request, or it was never sent (RFC 9113 §8.7):
    /// it may go out again, whatever its method.
    #[error("the server has not begun with the request")]
    Unprocessed(#[source] h2::Error),
}

impl Fault {
    pub(super) fn of(error: h2::Error) -> Self {
        let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        // A GOAWAY names the last stream that may have been begun; h2 gives this error to those
        // beyond it alone (RFC 9113 §6.8).
        let beyond = error.is_go_away();
        if error.is_remote() && (refused || beyond) {
            Self::Unprocessed(error)
        } else if error.is_io() {
            Self::Closed(error)
        } else {
            Self::Reset(error)
        }
    }

    /// The server wants HTTP/1.1 for this request (RFC 9113 §7).
    pub(in crate::proxy) fn requires_http1(&self) -> bool {
        matches!(self, Self::Reset(error)
            if error.is_remote() && error.reason() == Some(h2::Reason::HTTP_1_1_REQUIRED))
    }

    /// The stream was refused, on a connection that goes on.
    pub(in crate::proxy) fn is_stream_refused(&self) -> bool {
        matches!(self, Self::Unprocessed(error) if error.is_reset())
    }
}
