//! Why an exchange failed.

use std::io;

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::proxy) enum Fault {
    /// The request's body failed, or holds the placeholder; or its head cannot be sent.
    #[error("the request's body broke off")]
    Body(#[source] io::Error),
    /// The connection ended before a response came.
    #[error("the connection was closed before the response came")]
    Closed(#[source] h2::Error),
    /// The server sent more interim responses than `MAX_INTERIM_RESPONSES`.
    #[error("it sends interim responses without end")]
    Endless,
    /// The server ended the stream with an error, or sent something that is not valid HTTP/2.
    #[error("the server broke the request off")]
    Reset(#[source] h2::Error),
    /// The head of the response did not come in time.
    #[error("no response came in time")]
    Timeout,
    /// The server says that it has not begun to process the request, or the request was never sent
    /// (RFC 9113 §8.7). It may be sent again, whatever its method.
    #[error("the server has not begun with the request")]
    Unprocessed(#[source] h2::Error),
}

impl Fault {
    pub(super) fn of(error: h2::Error) -> Self {
        let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        // A GOAWAY names the last stream that the server may have processed. h2 gives this error
        // only to later streams (RFC 9113 §6.8).
        let beyond = error.is_go_away();
        if error.is_remote() && (refused || beyond) {
            Self::Unprocessed(error)
        } else if error.is_io() {
            Self::Closed(error)
        } else {
            Self::Reset(error)
        }
    }

    /// Whether the server requires HTTP/1.1 for this request (RFC 9113 §7).
    pub(in crate::proxy) fn requires_http1(&self) -> bool {
        matches!(self, Self::Reset(error)
            if error.is_remote() && error.reason() == Some(h2::Reason::HTTP_1_1_REQUIRED))
    }

    /// Whether the server refused only this stream, and the connection goes on.
    pub(in crate::proxy) fn is_stream_refused(&self) -> bool {
        matches!(self, Self::Unprocessed(error) if error.is_reset())
    }
}
