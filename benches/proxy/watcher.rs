//! One that watches the only run of a home, as an open page of `authsome ui` does.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::{self, JoinHandle};

use crate::failure::Failure;

/// Reads what the run tells, to its end.
pub(crate) struct Watcher(JoinHandle<u64>);

impl Watcher {
    /// From its first line on, so that what is measured next is told.
    pub(crate) fn start(home: &Path) -> Result<Self, Failure> {
        let sockets = fs::read_dir(home.join("sessions"))?;
        let paths = sockets.filter_map(|entry| Some(entry.ok()?.path()));
        let mut sockets = paths.filter(|path| path.extension().is_some_and(|end| end == "sock"));
        let path = sockets.next().ok_or("no run has a socket")?;
        let mut stream = UnixStream::connect(path)?;
        stream.write_all(b"{\"do\":\"watch\"}\n")?;
        let mut bytes = [0; 16 * 1024];
        if stream.read(&mut bytes)? == 0 {
            return Err("the run does not let itself be watched".into());
        }
        Ok(Self(thread::spawn(move || {
            let mut told = 0;
            while let Ok(read @ 1..) = stream.read(&mut bytes) {
                told += read as u64;
            }
            told
        })))
    }

    /// Once the run has ended. An error if it has told less than a line for each request.
    pub(crate) fn end(self, requests: u64) -> Result<(), Failure> {
        let told = self.0.join().map_err(|_| "the watcher has panicked")?;
        if told < 100 * requests {
            return Err(format!("the run has told {told} bytes of {requests} requests").into());
        }
        Ok(())
    }
}
