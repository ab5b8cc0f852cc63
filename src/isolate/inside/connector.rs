//! Connections to the command's own servers, for the host: made by a thread of the first process,
//! which is inside, and handed out one by one.
//!
//! ```text
//! a port (2 bytes) ─▶        ◀─ an error number (4 bytes, 0 for none), with the connection if there is none
//! ```

use std::io::{IoSlice, Read};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;

use nix::errno::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// Answers requests until the other end is closed.
pub(super) fn serve(mut requests: UnixStream) -> std::io::Result<()> {
    let thread = thread::Builder::new().name("connector".to_owned());
    thread
        .spawn(move || {
            let mut port = [0; 2];
            while requests.read_exact(&mut port).is_ok() {
                let port = u16::from_be_bytes(port);
                if answer(&requests, port).is_err() {
                    return;
                }
            }
        })
        .map(drop)
}

fn answer(requests: &UnixStream, port: u16) -> rustix::io::Result<usize> {
    let connected = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .or_else(|_| TcpStream::connect((Ipv6Addr::LOCALHOST, port)));
    let errno = match &connected {
        Ok(_) => 0,
        Err(error) => error.raw_os_error().unwrap_or(Errno::EIO as i32),
    };
    let descriptors: Vec<_> = connected.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    let bytes = errno.to_be_bytes();
    let flags = SendFlags::NOSIGNAL;
    sendmsg(requests, &[IoSlice::new(&bytes)], &mut ancillary, flags)
}
