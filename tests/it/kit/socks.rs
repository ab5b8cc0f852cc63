//! A SOCKS proxy by hand, which tells what it was asked for.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A SOCKS 5 server that wants a login and takes every name for this machine's.
pub(crate) struct Socks {
    pub(crate) port: u16,
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let told = Arc::clone(&told);
                thread::spawn(move || Self::serve(stream, &told)); // a client that leaves ends it
            }
        });
        Self { port, seen }
    }

    pub(crate) fn serve(mut stream: TcpStream, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
        let read = |length: usize| {
            let mut bytes = vec![0; length];
            (&stream).read_exact(&mut bytes).map(|()| bytes)
        };
        let offered = read(2)?[1];
        if !read(offered.into())?.contains(&2) {
            return (&stream).write_all(&[5, 0xff]);
        }
        (&stream).write_all(&[5, 2])?;
        let user = read(2)?[1];
        let user = read(user.into())?;
        let password = read(1)?[0];
        let right = (user, read(password.into())?) == (b"ada".to_vec(), b"p@ss".to_vec());
        (&stream).write_all(&[1, u8::from(!right)])?;
        if !right {
            return Ok(());
        }
        let host = match read(4)?[3] {
            1 => IpAddr::from(<[u8; 4]>::try_from(read(4)?).unwrap()).to_string(),
            3 => {
                let length = read(1)?[0];
                String::from_utf8(read(length.into())?).unwrap()
            }
            4 => IpAddr::from(<[u8; 16]>::try_from(read(16)?).unwrap()).to_string(),
            _ => return Ok(()),
        };
        let port = u16::from_be_bytes(read(2)?.try_into().unwrap());
        let address = host.parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let Ok(upstream) = TcpStream::connect((address, port)) else {
            return stream.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]); // refused by the host
        };
        seen.lock().unwrap().push(format!("{host}:{port}"));
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
        let (mut from, mut to) = (stream.try_clone()?, upstream.try_clone()?);
        thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to); // either side may leave at any time
            let _ = to.shutdown(Shutdown::Write);
        });
        std::io::copy(&mut &upstream, &mut stream)?;
        stream.shutdown(Shutdown::Write)
    }

    /// With the right login.
    pub(crate) fn url(&self) -> String {
        format!("socks5h://ada:p%40ss@127.0.0.1:{}", self.port)
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// A server that answers whatever it is asked with these bytes, and closes.
pub(crate) fn answering(response: &'static [u8]) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1)
            {
                head.extend(byte);
            }
            let _ = stream.write_all(response); // the client may have left
        }
    });
    port
}
