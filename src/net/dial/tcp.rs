//! Plain TCP: the addresses of a name, and a connection to one of them.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;

use super::shortage::Wait;
use crate::authority::Authority;

/// Keep-alive probes detect a peer that has vanished without closing the connection.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// The maximum number of addresses that are tried: a resolver may return any number.
const MAX_ADDRESSES: usize = 16;

/// The addresses of an authority in the order in which they are tried: alternately from both
/// families (RFC 8305 §4), beginning with the one that the system prefers (RFC 6724). A literal
/// address is returned as it is.
pub(super) async fn look_up(place: &Authority, wait: &Wait<'_>) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = place.host().parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, place.port())]);
    }
    let found = loop {
        match ask(place, wait).await {
            Ok(found) => break found,
            Err(error) if wait.has_starved(&error).await? => {}
            Err(error) => return Err(error),
        }
    };
    let addresses = by_turns(found.into_iter());
    if addresses.is_empty() {
        return Err(io::Error::other("the name has no address"));
    }
    Ok(addresses)
}

/// Asks the system's resolver, which reads the hosts file and the user's other settings. It runs on
/// its own thread, because tokio's blocking pool panics where no thread can be started.
async fn ask(place: &Authority, wait: &Wait<'_>) -> io::Result<Vec<SocketAddr>> {
    let start = || {
        let (sender, receiver) = oneshot::channel();
        let (host, port) = (place.host().to_owned(), place.port());
        let work = move || {
            let found = (host.as_str(), port).to_socket_addrs();
            let _ = sender.send(found.map(Iterator::collect)); // the caller may have given up
        };
        let thread = thread::Builder::new().name("resolver".to_owned());
        thread.spawn(work).map(|_| receiver)
    };
    let response = wait.have(start).await?;
    response.await.map_err(io::Error::other)?
}

/// Connects to one address.
pub(super) async fn connect(address: SocketAddr, wait: &Wait<'_>) -> io::Result<TcpStream> {
    let socket = wait.have(|| match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    });
    let stream = socket.await?.connect(address).await?;
    // A connection works without these options.
    let _ = stream.set_nodelay(true);
    let seconds = u32::try_from(KEEPALIVE.as_secs()).unwrap_or(u32::MAX);
    let _ = setsockopt(&stream, sockopt::KeepAlive, &true);
    let _ = setsockopt(&stream, sockopt::TcpKeepIdle, &seconds);
    Ok(stream)
}

fn by_turns(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut distinct: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !distinct.contains(&address) && distinct.len() < 2 * MAX_ADDRESSES {
            distinct.push(address);
        }
    }
    let is_ipv4_first = distinct.first().is_some_and(SocketAddr::is_ipv4);
    let of_first_family = |address: &SocketAddr| address.is_ipv4() == is_ipv4_first;
    let (first, second): (Vec<_>, Vec<_>) = distinct.into_iter().partition(of_first_family);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut addresses = Vec::new();
    while addresses.len() < MAX_ADDRESSES {
        let turn = [first.next(), second.next()];
        if turn == [None, None] {
            break;
        }
        addresses.extend(turn.into_iter().flatten());
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(found: &[&str]) -> Vec<String> {
        let found = found.iter().map(|address| {
            let address: IpAddr = address.parse().unwrap();
            SocketAddr::new(address, 443)
        });
        let turns = by_turns(found);
        turns
            .iter()
            .map(|address| address.ip().to_string())
            .collect()
    }

    #[test]
    fn families_take_turns_and_the_first_one_stays_first() {
        let table: [(&[&str], &[&str]); 5] = [
            (&[], &[]),
            (&["::1", "127.0.0.1"], &["::1", "127.0.0.1"]),
            (
                &[
                    "2001:db8::1",
                    "2001:db8::2",
                    "2001:db8::3",
                    "10.0.0.1",
                    "10.0.0.2",
                ],
                &[
                    "2001:db8::1",
                    "10.0.0.1",
                    "2001:db8::2",
                    "10.0.0.2",
                    "2001:db8::3",
                ],
            ),
            (&["10.0.0.1", "::1", "10.0.0.1"], &["10.0.0.1", "::1"]),
            (&["10.0.0.1", "10.0.0.2"], &["10.0.0.1", "10.0.0.2"]),
        ];
        for (found, expected) in table {
            assert_eq!(turns(found), expected, "{found:?}");
        }
        let many: Vec<_> = (0..200).map(|last| format!("10.0.0.{last}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(turns(&many).len(), MAX_ADDRESSES);
    }
}
