//! Bytes on their way to a server, of which the head holds the credential.

use std::fmt;

use http::request::Parts;
use zeroize::Zeroizing;

use crate::proxy::http1::write::{self, RequestForm};

/// Most request heads are shorter than this, in bytes.
pub(super) const DEFAULT_HEAD: usize = 2048;

/// A write buffer. The credential in it is overwritten once it is sent, and when the buffer is
/// dropped, and it is not printed.
#[derive(Default)]
pub(in crate::proxy) struct Out {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// How many of the bytes have been written.
    gone: usize,
    /// How many bytes from the start are the head of a request.
    head: usize,
}

impl fmt::Debug for Out {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = formatter.debug_struct("Out");
        out.field("length", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl Out {
    /// Starts with the head of a request.
    pub(super) fn put_head(&mut self, parts: &Parts, form: &RequestForm<'_>) {
        self.bytes.clear();
        self.gone = 0;
        self.bytes.reserve(DEFAULT_HEAD);
        write::write(&mut self.bytes, parts, form);
        self.head = self.bytes.len();
    }

    /// What is still to be written.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.gone..).unwrap_or_default()
    }

    /// So many more bytes have been written.
    pub(super) fn advance(&mut self, count: usize) {
        self.gone += count;
    }

    /// Whether everything has been written.
    pub(super) fn is_written(&self) -> bool {
        self.gone == self.bytes.len()
    }

    /// Empties the buffer.
    pub(super) fn clear(&mut self) {
        if let Some(head) = self.bytes.get_mut(..self.head) {
            // `zeroize` writes one byte at a time. These writes are not optimized away, because the
            // buffer stays.
            head.fill(0);
        }
        self.bytes.clear();
        (self.gone, self.head) = (0, 0);
    }

    /// Gives the memory back if the buffer has grown for a large head or a body.
    pub(super) fn release_if_large(&mut self) {
        if self.bytes.capacity() > 2 * DEFAULT_HEAD {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn a_large_head_is_written_and_then_overwritten() {
        let mut request = Request::get(format!("/{}", "p".repeat(9000)))
            .body(())
            .unwrap();
        for number in 0..100 {
            let name = http::HeaderName::try_from(format!("x-{number}")).unwrap();
            let value = http::HeaderValue::try_from("v".repeat(300)).unwrap();
            request.headers_mut().insert(name, value);
        }
        let (parts, ()) = request.into_parts();
        let form = RequestForm {
            host: "gitlab.test",
            by_proxy: None,
            length: None,
        };
        let mut out = Out::default();
        out.put_head(&parts, &form);
        let (length, capacity) = (out.rest().len(), out.bytes.capacity());
        assert!(capacity < 3 * length, "{length} {capacity}");
        assert!(!format!("{out:?}").contains("118"), "it prints its bytes");
        assert!(length > 39_000, "{length}");
        out.advance(length);
        assert!(out.is_written());
        out.clear();
        assert!(out.rest().is_empty());
        out.release_if_large();
        assert_eq!(out.bytes.capacity(), 0);
    }
}
