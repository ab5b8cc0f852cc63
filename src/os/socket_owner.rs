//! Whether the other end of a loopback connection belongs to this user, and which socket it is. The
//! answer comes from the kernel's socket diagnostics (`sock_diag(7)`).
//!
//! It takes one query for the exact four addresses and ports, which the kernel looks up in a hash
//! table. The result counts only if it describes that socket and a process has the socket open:
//!
//! - Where no connection has these ports, the kernel reports the socket that *listens* on the
//!   client's port. A connection that is still being set up, or is only remembered (`TIME_WAIT`),
//!   is not the client's either. The result's ports and state show these cases.
//! - A closed socket has no inode, and older kernels report root as its user. It counts as
//!   nobody's.
//! - An IPv4-mapped IPv6 socket (`::ffff:127.0.0.1`, Java's default) is found by its IPv4
//!   addresses.
//!
//! The user is the one that created the socket (its file-system user ID at that time), not the one
//! that holds it now; only root can change it. The kernel maps user IDs into this process's user
//! namespace. Users that the namespace does not map all get the same ID; if our own user is one of
//! them, we are not told apart from the others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use nix::libc;
use nix::sys::socket::{MsgFlags, recv, send};
use nix::unistd::geteuid;

// Constants come from the `libc` crate where it has them; the others name their kernel header.

/// `SOCK_DIAG_BY_FAMILY`, the type of the query and of the reply (`linux/sock_diag.h`).
const BY_FAMILY: u16 = 20;

/// The flags of a query (`linux/netlink.h`).
#[cfg(target_os = "linux")]
const REQUEST: u16 = u16::from_le_bytes([byte(libc::NLM_F_REQUEST), 0]);
#[cfg(not(target_os = "linux"))]
const REQUEST: u16 = 0; // no socket diagnostics there

/// The size of a `nlmsghdr`.
const HEADER_LENGTH: usize = 16;

/// The size of a `nlmsghdr` and an `inet_diag_req_v2` (`linux/inet_diag.h`).
const QUESTION_LENGTH: u32 = 72;

/// Room for the reply: an `inet_diag_msg` of 72 bytes, and the attributes after it, which are not
/// read.
const MAX_REPLY: usize = 4096;

const AF_INET: u8 = byte(libc::AF_INET);
const AF_INET6: u8 = byte(libc::AF_INET6);
const IPPROTO_TCP: u8 = byte(libc::IPPROTO_TCP);

/// A C constant that has one byte in the message.
const fn byte(number: libc::c_int) -> u8 {
    let [lowest, ..] = number.to_le_bytes();
    lowest
}

/// The states of a client's socket after its handshake in which it may still read a response
/// (`ESTABLISHED`, `FIN_WAIT1`, `FIN_WAIT2`, `CLOSE_WAIT`), with the numbers of `net/tcp_states.h`.
const CONNECTED: [u8; 4] = [1, 4, 5, 8];
const LISTENING: u8 = 10;

/// Asks the kernel for the owners of sockets.
#[derive(Debug)]
pub struct SocketOwners {
    netlink: Mutex<Netlink>,
    user: u32,
}

#[derive(Debug)]
struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

/// The owner of the client's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Another user.
    AnotherUser,
    /// Nobody: there is no such socket, or it was closed.
    Nobody,
    /// This user, with the inode of the socket.
    ThisUser(u32),
}

/// The kernel's description of a socket.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    state: u8,
    local: SocketAddr,
    remote: SocketAddr,
    user: u32,
    inode: u32,
}

impl SocketOwners {
    /// `None` where the kernel does not report owners: on other systems than Linux, or where a
    /// sandbox forbids the query. This is decided once, by a query with a known result: the one for
    /// our own listener. So a query that fails later is never mistaken for a kernel that cannot
    /// report owners.
    pub fn new(listener: SocketAddr) -> Option<Self> {
        let mut netlink = Netlink {
            socket: open_netlink()?,
            sequence: 0,
        };
        let found = netlink.ask(listener, SocketAddr::new(unspecified(listener), 0))?;
        let user = geteuid().as_raw();
        let is_ours = found.state == LISTENING && found.local == listener && found.user == user;
        (is_ours && found.inode != 0).then(|| Self {
            netlink: Mutex::new(netlink),
            user,
        })
    }

    /// The owner of the client's end of a connection that a listener on one address has accepted.
    /// `has_peer` checks whether the connection still has its peer.
    ///
    /// The check comes after the query. If the connection was reset before, its client port was
    /// free, and the kernel may have reported another process that uses it now. A connection that
    /// still has its peer has had it all the time.
    pub fn of_accepted(
        &self,
        peer: SocketAddr,
        listener: SocketAddr,
        has_peer: impl FnOnce() -> bool,
    ) -> Owner {
        let owner = self.of_client(peer, listener);
        if has_peer() { owner } else { Owner::Nobody }
    }

    /// The owner of the client's end of that connection. This takes a few microseconds and does not
    /// block.
    pub fn of_client(&self, client: SocketAddr, server: SocketAddr) -> Owner {
        let mut netlink = self.netlink.lock().unwrap_or_else(PoisonError::into_inner);
        let found = netlink.ask(client, server);
        match found.filter(|found| found.is_open_between(client, server)) {
            None => Owner::Nobody,
            Some(found) if found.user == self.user => Owner::ThisUser(found.inode),
            Some(_) => Owner::AnotherUser,
        }
    }
}

impl Found {
    fn is_open_between(&self, client: SocketAddr, server: SocketAddr) -> bool {
        let is_it = self.local == canonical(client) && self.remote == canonical(server);
        is_it && CONNECTED.contains(&self.state) && self.inode != 0
    }
}

impl Netlink {
    /// Sends a query and reads its reply. The kernel replies while it handles the query, so a reply
    /// that is not there yet will not come.
    fn ask(&mut self, local: SocketAddr, remote: SocketAddr) -> Option<Found> {
        self.sequence = self.sequence.wrapping_add(1);
        let question = question(self.sequence, local, remote);
        send(self.socket.as_raw_fd(), &question, MsgFlags::MSG_DONTWAIT).ok()?;
        let mut reply = [0; MAX_REPLY];
        loop {
            let length = recv(self.socket.as_raw_fd(), &mut reply, MsgFlags::MSG_DONTWAIT);
            let reply = reply.get(..length.ok()?)?;
            // A reply to an earlier query may still be queued if reading it failed.
            if u32_at(reply, 8) == Some(self.sequence) {
                return parse(reply);
            }
        }
    }
}

/// A netlink socket connected to the kernel, so that no other sender can reply.
#[cfg(target_os = "linux")]
fn open_netlink() -> Option<OwnedFd> {
    use nix::sys::socket::{
        AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, connect, socket,
    };
    let protocol = SockProtocol::NetlinkSockDiag;
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol).ok()?;
    connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0)).ok()?;
    Some(socket)
}

#[cfg(not(target_os = "linux"))]
fn open_netlink() -> Option<OwnedFd> {
    None
}

fn question(sequence: u32, local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(QUESTION_LENGTH.to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]); // the sender: the kernel knows it
    let family = if local.is_ipv4() { AF_INET } else { AF_INET6 };
    bytes.extend([family, IPPROTO_TCP, 0, 0]);
    bytes.extend(u32::MAX.to_ne_bytes()); // any state
    bytes.extend(local.port().to_be_bytes());
    bytes.extend(remote.port().to_be_bytes());
    for address in [local, remote] {
        match address.ip() {
            IpAddr::V4(ip) => {
                bytes.extend(ip.octets());
                bytes.extend([0; 12]);
            }
            IpAddr::V6(ip) => bytes.extend(ip.octets()),
        }
    }
    bytes.extend([0; 4]); // any interface
    bytes.extend([u8::MAX; 8]); // any cookie
    bytes
}

/// Parses a reply; `None` for an error message or any other message.
fn parse(message: &[u8]) -> Option<Found> {
    if u16::from_ne_bytes(*message.get(4..)?.first_chunk()?) != BY_FAMILY {
        return None;
    }
    let body = message.get(HEADER_LENGTH..)?;
    let family = *body.first()?;
    let endpoint = |port: usize, address: usize| {
        let port = u16::from_be_bytes(*body.get(port..)?.first_chunk()?);
        Some(SocketAddr::new(ip(family, body.get(address..)?)?, port))
    };
    Some(Found {
        state: *body.get(1)?,
        local: endpoint(4, 8)?,
        remote: endpoint(6, 24)?,
        user: u32_at(body, 64)?,
        inode: u32_at(body, 68)?,
    })
}

/// The address, in the form of IPv4 where it stands for one.
fn ip(family: u8, address: &[u8]) -> Option<IpAddr> {
    match family {
        AF_INET => Some(Ipv4Addr::from(*address.first_chunk::<4>()?).into()),
        AF_INET6 => Some(Ipv6Addr::from(*address.first_chunk::<16>()?).to_canonical()),
        _ => None,
    }
}

/// The same address without what only IPv6 has beside it, in the form that [`ip`] returns.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The unspecified address of the same family.
fn unspecified(address: SocketAddr) -> IpAddr {
    match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn address(address: std::io::Result<SocketAddr>) -> SocketAddr {
        canonical(address.unwrap())
    }

    fn ours(socket: &impl AsRawFd) -> Owner {
        let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
        Owner::ThisUser(u32::try_from(std::fs::metadata(path).unwrap().ino()).unwrap())
    }

    fn listener() -> (TcpListener, SocketAddr, SocketOwners) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = address(listener.local_addr());
        let owners = SocketOwners::new(server).unwrap();
        (listener, server, owners)
    }

    #[test]
    fn finds_our_own_socket_until_it_is_closed() {
        let (listener, server, owners) = listener();
        let client = TcpStream::connect(server).unwrap();
        let (_accepted, _) = listener.accept().unwrap();
        let at = address(client.local_addr());
        assert_eq!(owners.of_client(at, server), ours(&client));
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(owners.of_client(at, server), ours(&client));
        let accepted = |has_peer| owners.of_accepted(at, server, || has_peer);
        assert_eq!(accepted(true), ours(&client));
        assert_eq!(accepted(false), Owner::Nobody);
        drop(client);
        assert_eq!(owners.of_client(at, server), Owner::Nobody);
    }

    #[test]
    fn finds_a_socket_of_ipv6() {
        let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
            return authsome_test_support::kit::skip("there is no IPv6 here");
        };
        let server = listener.local_addr().unwrap();
        let owners = SocketOwners::new(server).unwrap();
        let client = TcpStream::connect(server).unwrap();
        let (_accepted, peer) = listener.accept().unwrap();
        assert_eq!(owners.of_client(peer, server), ours(&client));
        drop(client);
        assert_eq!(owners.of_client(peer, server), Owner::Nobody);
    }

    #[test]
    fn finds_an_ipv4_mapped_socket() {
        let (listener, server, owners) = listener();
        let mapped = (Ipv4Addr::LOCALHOST.to_ipv6_mapped(), server.port());
        let client = TcpStream::connect(mapped).unwrap();
        assert_eq!(client.local_addr().unwrap().ip(), mapped.0);
        let (accepted, _) = listener.accept().unwrap();
        let at = address(accepted.peer_addr());
        assert_eq!(owners.of_client(at, server), ours(&client));
    }

    #[test]
    fn a_listener_at_the_clients_port_is_not_the_client() {
        let (_listener, server, owners) = listener();
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert_eq!(
            owners.of_client(address(other.local_addr()), server),
            Owner::Nobody
        );
        let nobody = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1);
        assert_eq!(owners.of_client(nobody, server), Owner::Nobody);
    }

    #[test]
    fn does_not_begin_where_nobody_listens() {
        let nobody = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1);
        assert!(SocketOwners::new(nobody).is_none());
    }

    #[test]
    fn does_not_begin_where_the_kernel_calls_our_listener_anothers() {
        let (listener, server, _) = listener();
        let given_away = nix::unistd::fchown(&listener, Some(65534.into()), None);
        if nix::unistd::Uid::effective().is_root() {
            given_away.unwrap();
            assert!(SocketOwners::new(server).is_none());
        } else {
            authsome_test_support::kit::skip("only root can give a socket away");
        }
    }

    #[test]
    fn reads_replies_and_nothing_else() {
        let (local, remote) = (
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 4321),
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1234),
        );
        let mut reply = question(7, local, remote);
        reply[HEADER_LENGTH + 1] = 1;
        // The query has its state mask where the reply has its ports: rebuild the order of a reply.
        let identity = reply.split_off(HEADER_LENGTH + 8);
        reply.truncate(HEADER_LENGTH + 4);
        reply.extend(identity);
        for value in [0_u32, 0, 0, 1000, 99] {
            reply.extend(value.to_ne_bytes());
        }
        let found = Found {
            state: 1,
            local,
            remote,
            user: 1000,
            inode: 99,
        };
        assert_eq!(parse(&reply), Some(found));
        for length in 0..reply.len() {
            assert_eq!(parse(&reply[..length]), None, "{length}");
        }
        let mut error = reply.clone();
        error[4..6].copy_from_slice(&2_u16.to_ne_bytes());
        assert_eq!(parse(&error), None);
        reply[HEADER_LENGTH] = 0; // no address of the internet
        assert_eq!(parse(&reply), None);
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        assert_eq!(ip(AF_INET6, &mapped.octets()), Some(local.ip()));
    }
}
