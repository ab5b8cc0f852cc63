//! Messages to the kernel about the network (netlink(7)): as much of it as a loopback interface,
//! two routes and a table of rules take.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send,
    socket,
};

/// Flags of a message (`linux/netlink.h`).
pub(super) const REQUEST: u16 = 0x01;
pub(super) const ACKNOWLEDGE: u16 = 0x04;
pub(super) const CREATE: u16 = 0x400;
pub(super) const APPEND: u16 = 0x800;

/// An attribute that holds attributes.
const NESTED: u16 = 0x8000;

/// The type of a message that acknowledges one, or says why it fails.
const ERROR: u16 = 2;

/// The size of a message's header.
const HEADER: usize = 16;

/// Larger than any answer to what is asked here.
const ANSWER: usize = 8 * 1024;

/// Messages that are sent together.
#[derive(Debug, Default)]
pub(super) struct Messages {
    bytes: Vec<u8>,
    sequence: u32,
    /// How many are acknowledged.
    awaited: usize,
}

/// The attributes of a message, which may hold others.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<u8>);

impl Attributes {
    pub(super) fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        // No value here is near the limit.
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// A text, with the zero at its end.
    pub(super) fn text(self, kind: u16, text: &str) -> Self {
        let value: Vec<u8> = text.bytes().chain([0]).collect();
        self.bytes(kind, &value)
    }

    /// A number in the order of the network, as nftables takes all of them.
    pub(super) fn number(self, kind: u16, value: u32) -> Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    pub(super) fn nested(self, kind: u16, inner: &Self) -> Self {
        self.bytes(kind | NESTED, &inner.0)
    }
}

impl Messages {
    /// One more message: its own header, and attributes.
    pub(super) fn push(&mut self, kind: u16, flags: u16, header: &[u8], attributes: &Attributes) {
        self.sequence += 1;
        let length = HEADER + header.len() + attributes.0.len();
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes
            .extend_from_slice(&(flags | REQUEST).to_ne_bytes());
        self.bytes.extend_from_slice(&self.sequence.to_ne_bytes());
        self.bytes.extend_from_slice(&0_u32.to_ne_bytes());
        self.bytes.extend_from_slice(header);
        self.bytes.extend_from_slice(&attributes.0);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        if flags & ACKNOWLEDGE != 0 {
            self.awaited += 1;
        }
    }

    /// Sends all, and waits for their acknowledgements.
    ///
    /// # Errors
    ///
    /// The first that the kernel refuses.
    pub(super) fn send(self, protocol: SockProtocol) -> io::Result<()> {
        let kernel = connected(protocol)?;
        send(kernel.as_raw_fd(), &self.bytes, MsgFlags::empty())?;
        let mut awaited = self.awaited;
        let mut answer = vec![0; ANSWER];
        while awaited > 0 {
            let length = recv(kernel.as_raw_fd(), &mut answer, MsgFlags::empty())?;
            let acknowledged = acknowledged(answer.get(..length).unwrap_or_default())?;
            awaited = awaited.saturating_sub(acknowledged);
        }
        Ok(())
    }
}

/// How many messages are acknowledged.
///
/// # Errors
///
/// The first that the kernel refuses.
fn acknowledged(mut answer: &[u8]) -> io::Result<usize> {
    let mut count = 0;
    while let Some((outcome, after)) = acknowledgement(answer) {
        match outcome {
            Some(0) => count += 1,
            Some(error) => return Err(io::Error::from_raw_os_error(-error)),
            None => {}
        }
        answer = after;
    }
    Ok(count)
}

fn connected(protocol: SockProtocol) -> io::Result<OwnedFd> {
    let kernel = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        protocol,
    )?;
    bind(kernel.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    Ok(kernel)
}

/// The error number of the first message, if it acknowledges one, and what follows it.
fn acknowledgement(bytes: &[u8]) -> Option<(Option<i32>, &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?);
    let length = usize::try_from(length).ok()?;
    let message = bytes.get(..length).filter(|_| length >= HEADER)?;
    let kind = u16::from_ne_bytes(*message.get(4..)?.first_chunk()?);
    let error = match kind {
        ERROR => Some(i32::from_ne_bytes(*message.get(HEADER..)?.first_chunk()?)),
        _ => None,
    };
    let after = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((error, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_nested() {
        let inner = Attributes::default().number(1, 0x0102_0304);
        let all = Attributes::default().text(3, "lo").nested(4, &inner);
        let text = [7, 0, 3, 0, b'l', b'o', 0, 0];
        let nested = [12, 0, 4, 0x80, 8, 0, 1, 0, 1, 2, 3, 4];
        let expected: Vec<u8> = if cfg!(target_endian = "little") {
            text.into_iter().chain(nested).collect()
        } else {
            all.0.clone()
        };
        assert_eq!(all.0, expected);
    }

    #[test]
    fn an_acknowledgement_is_found_among_others() {
        let mut messages = Messages::default();
        messages.push(ERROR, 0, &(-1_i32).to_ne_bytes(), &Attributes::default());
        messages.push(3, 0, &[], &Attributes::default());
        let (first, rest) = acknowledgement(&messages.bytes).unwrap();
        assert_eq!(first, Some(-1));
        let (second, rest) = acknowledgement(rest).unwrap();
        assert_eq!(second, None);
        assert!(rest.is_empty());
        for cut in 0..messages.bytes.len() {
            let _ = acknowledgement(&messages.bytes[..cut]);
        }
        assert_eq!(acknowledgement(&[0; 16]), None, "no message has no length");
    }
}
