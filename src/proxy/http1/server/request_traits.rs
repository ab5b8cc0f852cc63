//! What of a request is still known when its response goes out.

use http::{Method, Version};

use crate::proxy::http1::request_head::RequestHead;

/// What a response must know of its request.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that a head says, and none excludes another"
)]
pub(super) struct RequestTraits {
    /// The response has no body, whatever its head says.
    pub(super) is_head: bool,
    pub(super) version: Version,
    pub(super) persists: bool,
    pub(super) asks_to_persist: bool,
    pub(super) takes_trailers: bool,
}

/// What follows a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Close,
    Next,
    Switch,
}

impl RequestTraits {
    pub(super) fn of(head: &RequestHead) -> Self {
        Self {
            // RFC 9110 §9.3.2: with its fields alone, the response would look as if it had a body.
            is_head: head.method == Method::HEAD,
            version: head.version,
            persists: head.persists,
            asks_to_persist: head.asks_to_persist,
            takes_trailers: head.takes_trailers,
        }
    }

    /// Of a request that could not be read.
    pub(super) const UNREADABLE: Self = Self {
        is_head: false,
        // A client that cannot say what it speaks gets what most speak, and then the end of the
        // connection: where the next request would begin is not known.
        version: Version::HTTP_11,
        persists: false,
        asks_to_persist: false,
        takes_trailers: false,
    };
}
