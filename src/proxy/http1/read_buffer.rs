//! What is read of a connection at once: little until much comes.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::proxy::io::readiness::Source;
use crate::proxy::limits::{MAX_READ, MIN_READ};

/// Reads once into the buffer, by as little work as may be until much comes.
pub(super) fn read_some(
    io: &mut impl Source,
    read: &mut BytesMut,
    read_size: &mut usize,
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    // To ask whether something is there costs less than to read in vain, and a connection is asked
    // a few times for each request.
    ready!(io.poll_readable(context));
    // Much comes, as with a large body: then a few large reads are less work.
    if *read_size > MIN_READ {
        return fill(io, read, read_size, context);
    }
    // Half of the room is enough to go on with: to ask for all of it each time could move the
    // buffer with each read.
    if read.capacity() - read.len() < *read_size / 2 {
        read.reserve(*read_size);
    }
    let count = ready!(io.poll_append(context, read))?;
    // Few heads are so large: this is a body, of which more will come.
    if count >= MIN_READ {
        *read_size = 2 * MIN_READ;
    }
    Poll::Ready(Ok(count))
}

/// Reads into the buffer; what is asked for grows with what comes.
fn fill(
    io: &mut (impl AsyncRead + Unpin),
    read: &mut BytesMut,
    read_size: &mut usize,
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    if read.capacity() - read.len() < *read_size / 2 {
        read.reserve(*read_size);
    }
    let room = read.capacity() - read.len();
    let count = ready!(pin!(io.read_buf(read)).poll(context))?;
    // All of the room was used, so there may be more. The bound is for what one read may bring,
    // however fast its peer is.
    if count == room {
        *read_size = (*read_size * 2).min(MAX_READ);
    }
    Poll::Ready(Ok(count))
}
