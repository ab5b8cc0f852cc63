//! How much is read from a connection at once: little, until much comes.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::proxy::io::readiness::Source;
use crate::proxy::limits::{MAX_READ, MIN_READ};

/// Reads once into the buffer: with small, cheap reads until much comes, then with large ones.
pub(super) fn read_some(
    io: &mut impl Source,
    read: &mut BytesMut,
    read_size: &mut usize,
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    // To ask whether the stream is readable costs less than a read that finds nothing, and a
    // connection is asked several times for each request.
    ready!(io.poll_readable(context));
    // Much comes, as with a large body: a few large reads then cost less.
    if *read_size > MIN_READ {
        return fill(io, read, read_size, context);
    }
    // Half of the room is enough to read on. Requiring all of it could move the buffer's content
    // for each read.
    if read.capacity() - read.len() < *read_size / 2 {
        read.reserve(*read_size);
    }
    let count = ready!(io.poll_append(context, read))?;
    // Few heads are this large. This is a body, and more of it will come.
    if count >= MIN_READ {
        *read_size = 2 * MIN_READ;
    }
    Poll::Ready(Ok(count))
}

/// Reads once into the buffer. The read size doubles while reads fill all of the room.
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
    // The read has filled all of the room, so more may be there. `MAX_READ` limits one read,
    // however fast the peer sends.
    if count == room {
        *read_size = (*read_size * 2).min(MAX_READ);
    }
    Poll::Ready(Ok(count))
}
