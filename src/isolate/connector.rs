//! authsome's end of the connections to the command's own servers (`inside/connector.rs`).

use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;

use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::sync::Mutex;

use super::descriptors::receive;

/// The length of an answer.
const ANSWER: usize = 4;

/// Asks for connections to ports of the loopback interface inside.
#[derive(Debug)]
pub struct Connector(Mutex<UnixStream>);

impl Connector {
    pub(super) fn new(descriptor: OwnedFd) -> io::Result<Self> {
        let stream = std::os::unix::net::UnixStream::from(descriptor);
        stream.set_nonblocking(true)?;
        Ok(Self(Mutex::new(UnixStream::from_std(stream)?)))
    }

    /// A connection to that port.
    ///
    /// # Errors
    ///
    /// Nobody listens there, or the command has ended.
    pub(crate) async fn connect(&self, port: u16) -> io::Result<TcpStream> {
        // One question at a time: the answers have no number. A caller that leaves in the middle
        // would leave its answer to the next, so the whole of it is not to be cancelled.
        let mut stream = self.0.lock().await;
        stream.write_all(&port.to_be_bytes()).await?;
        let (mut read, mut descriptors) = (Vec::new(), Vec::new());
        while read.len() < ANSWER {
            stream.readable().await?;
            let received = stream.try_io(Interest::READABLE, || {
                receive(&stream, &mut read, &mut descriptors)
            });
            match received {
                Ok(0) => return Err(io::ErrorKind::ConnectionAborted.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        let errno = read.first_chunk().copied().map(i32::from_be_bytes);
        match (errno, descriptors.pop()) {
            (Some(0), Some(connection)) => Ok(connection.into()),
            (Some(errno), _) => Err(io::Error::from_raw_os_error(errno)),
            (None, _) => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}
