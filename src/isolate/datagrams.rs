//! Questions over UDP, each answered from the address that it was sent to. The socket may listen at
//! every address, and an answer from another one than was asked would not be read.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use nix::cmsg_space;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
    sockopt,
};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// A socket for questions.
#[derive(Debug)]
pub(crate) struct Datagrams(UdpSocket);

/// Who has asked, and at which address.
#[derive(Debug)]
pub(crate) struct Asker {
    from: SockaddrStorage,
    at: At,
}

/// An address of this side.
#[derive(Debug)]
enum At {
    V4(in_addr),
    V6(in6_addr),
}

impl Datagrams {
    /// Takes a socket that does not block.
    pub(crate) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        match socket.local_addr()? {
            SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?,
            SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?,
        }
        UdpSocket::from_std(socket).map(Self)
    }

    /// Waits for a question. Returns its length.
    pub(crate) async fn receive(&self, question: &mut [u8]) -> io::Result<(usize, Asker)> {
        let receive = || receive(&self.0, question);
        self.0.async_io(Interest::READABLE, receive).await
    }

    /// Answers it.
    pub(crate) async fn send(&self, answer: &[u8], to: &Asker) -> io::Result<usize> {
        let send = || send(&self.0, answer, to);
        self.0.async_io(Interest::WRITABLE, send).await
    }
}

fn receive(socket: &UdpSocket, question: &mut [u8]) -> io::Result<(usize, Asker)> {
    let mut space = cmsg_space!(in6_pktinfo);
    let mut bytes = [IoSliceMut::new(question)];
    let flags = MsgFlags::empty();
    let received =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut bytes, Some(&mut space), flags)?;
    let at = received.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::Ipv4PacketInfo(info) => Some(At::V4(info.ipi_addr)),
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(At::V6(info.ipi6_addr)),
        _ => None,
    });
    match (received.address, at) {
        (Some(from), Some(at)) => Ok((received.bytes, Asker { from, at })),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn send(socket: &UdpSocket, answer: &[u8], to: &Asker) -> io::Result<usize> {
    let (v4, v6);
    let source = match to.at {
        At::V4(address) => {
            v4 = in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: address,
                ipi_addr: address,
            };
            ControlMessage::Ipv4PacketInfo(&v4)
        }
        At::V6(address) => {
            v6 = in6_pktinfo {
                ipi6_addr: address,
                ipi6_ifindex: 0,
            };
            ControlMessage::Ipv6PacketInfo(&v6)
        }
    };
    let (bytes, flags) = ([IoSlice::new(answer)], MsgFlags::empty());
    let sent = sendmsg(socket.as_raw_fd(), &bytes, &[source], flags, Some(&to.from))?;
    Ok(sent)
}
