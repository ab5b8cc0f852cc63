//! What is kept of a request until its response is sent.

use http::{Method, Version};

use crate::proxy::http1::request_head::RequestHead;

/// What a response depends on in its request.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that a head says, and none excludes another"
)]
pub(super) struct RequestTraits {
    /// The request is a HEAD: the response has no body, whatever its head says.
    pub(super) is_head: bool,
    pub(super) version: Version,
    pub(super) persists: bool,
    pub(super) asks_to_persist: bool,
    pub(super) takes_trailers: bool,
}

/// What follows a response on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The connection is closed.
    Close,
    /// Another request may follow.
    Next,
    /// Another protocol follows (101).
    Switch,
}

impl RequestTraits {
    pub(super) fn of(head: &RequestHead) -> Self {
        Self {
            // RFC 9110 §9.3.2: judged by its fields alone, the response would seem to have a body.
            is_head: head.method == Method::HEAD,
            version: head.version,
            persists: head.persists,
            asks_to_persist: head.asks_to_persist,
            takes_trailers: head.takes_trailers,
        }
    }

    /// For a request that could not be parsed.
    pub(super) const UNREADABLE: Self = Self {
        is_head: false,
        // The client's version is unknown, so it gets the most common one. The connection is closed
        // after the response, because it is unknown where the next request would begin.
        version: Version::HTTP_11,
        persists: false,
        asks_to_persist: false,
        takes_trailers: false,
    };
}
