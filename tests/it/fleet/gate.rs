//! A relay between one machine and the database that stops at a statement which the test names: so
//! a machine is killed at a known step, and not at a lucky moment.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use authsome_test_support::Postgres;

use crate::kit::refresh::DEADLINE;

/// Where the machine is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The database never gets the statement.
    Before,
    /// The database has carried it out, and the machine does not hear of it.
    After,
}

/// A statement, by a part of its text, that comes after another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    pub(super) first: &'static str,
    pub(super) at: &'static str,
    pub(super) side: Side,
}

/// The relay, which passes everything on until it is armed.
pub(super) struct Gate {
    pub(super) port: u16,
    shared: Arc<Shared>,
    reached: Receiver<()>,
}

struct Shared {
    /// What to stop at, and whether the statement before it has passed.
    armed: Mutex<Option<(Stop, bool)>>,
    /// The texts of the statements that the database got since then.
    passed: Mutex<Vec<String>>,
    reached: Sender<()>,
    has_ended: AtomicBool,
    breaks: AtomicBool,
    is_cut: Mutex<bool>,
    healed: Condvar,
}

impl Gate {
    pub(super) fn to(server: &Postgres) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, reached) = channel();
        let shared = Arc::new(Shared {
            armed: Mutex::default(),
            passed: Mutex::default(),
            reached: sender,
            has_ended: AtomicBool::new(false),
            breaks: AtomicBool::new(false),
            is_cut: Mutex::default(),
            healed: Condvar::default(),
        });
        let (server, of_all) = (server.port(), Arc::clone(&shared));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if of_all.has_ended.load(Ordering::SeqCst) {
                    return;
                }
                let database = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).unwrap();
                relay(client, database, &of_all);
            }
        });
        Self {
            port,
            shared,
            reached,
        }
    }

    /// Stops there, once.
    pub(super) fn arm(&self, stop: Stop) {
        *self.shared.armed.lock().unwrap() = Some((stop, stop.first.is_empty()));
        self.shared.passed.lock().unwrap().clear();
    }

    /// Which statement with that text the database got since then, counted from 0.
    pub(super) fn passed(&self, text: &str) -> Option<usize> {
        let passed = self.shared.passed.lock().unwrap();
        passed.iter().position(|statement| statement.contains(text))
    }

    /// From now on, the connection breaks off where the machine would be held.
    pub(super) fn breaks_off(self) -> Self {
        self.shared.breaks.store(true, Ordering::SeqCst);
        self
    }

    /// Cuts the machine off, or connects it again: nothing passes meanwhile, and nobody is told.
    pub(super) fn cut_off(&self, is_cut: bool) {
        *self.shared.is_cut.lock().unwrap() = is_cut;
        self.shared.healed.notify_all();
    }

    /// Waits until a machine is held.
    #[track_caller]
    pub(super) fn wait(&self) {
        let reached = self.reached.recv_timeout(DEADLINE);
        let armed = self.shared.armed.lock().unwrap();
        assert!(reached.is_ok(), "nobody came to {armed:?}");
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)); // wakes the listener
    }
}

impl Shared {
    /// Waits while the machine is cut off.
    fn wait_for_link(&self) {
        let is_cut = self.is_cut.lock().unwrap();
        drop(self.healed.wait_while(is_cut, |is_cut| *is_cut).unwrap());
    }

    /// Whether the machine is held at this message, and where.
    fn judge(&self, message: &[u8]) -> Option<Side> {
        // Parse and Query are the messages with a text.
        if !matches!(message.first(), Some(b'P' | b'Q')) {
            return None;
        }
        let text = String::from_utf8_lossy(message);
        let side = self.stops_at(&text);
        if side != Some(Side::Before) {
            self.passed.lock().unwrap().push(text.into_owned());
        }
        side
    }

    fn stops_at(&self, text: &str) -> Option<Side> {
        let mut armed = self.armed.lock().unwrap();
        let (stop, may_stop) = armed.as_mut()?;
        if *may_stop && text.contains(stop.at) {
            return armed.take().map(|(stop, _)| stop.side);
        }
        *may_stop |= text.contains(stop.first);
        None
    }
}

fn relay(client: TcpStream, database: TcpStream, shared: &Arc<Shared>) {
    for stream in [&client, &database] {
        stream.set_nodelay(true).unwrap();
    }
    let withholds = Arc::new(AtomicBool::new(false));
    let back = (
        database.try_clone().unwrap(),
        client.try_clone().unwrap(),
        Arc::clone(&withholds),
    );
    let (forth, answers) = (Arc::clone(shared), Arc::clone(shared));
    thread::spawn(move || {
        let _ = pass_statements(&client, &database, &forth, &withholds);
        // The database sees that its client is gone.
        let _ = database.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let (database, client, withholds) = back;
        let _ = pass_answers(&database, &client, &answers, &withholds);
        let _ = client.shutdown(Shutdown::Both);
    });
}

/// Message by message (the protocol's "Message Formats"), until the machine is gone.
fn pass_statements(
    mut client: &TcpStream,
    mut database: &TcpStream,
    shared: &Shared,
    withholds: &AtomicBool,
) -> io::Result<()> {
    // Only the first message has no byte for its type.
    let mut kind = 0;
    loop {
        let mut message = vec![0; kind + 4];
        client.read_exact(&mut message)?;
        let length = u32::from_be_bytes(message[kind..].try_into().unwrap());
        message.resize(kind + length as usize, 0);
        client.read_exact(&mut message[kind + 4..])?;
        kind = 1;
        match shared.judge(&message) {
            None => {}
            Some(Side::After) => withholds.store(true, Ordering::SeqCst),
            Some(Side::Before) => {
                shared.reached.send(()).unwrap();
                if shared.breaks.load(Ordering::SeqCst) {
                    return client.shutdown(Shutdown::Both);
                }
                return io::copy(&mut client, &mut io::sink()).map(drop);
            }
        }
        shared.wait_for_link();
        database.write_all(&message)?;
    }
}

fn pass_answers(
    mut database: &TcpStream,
    mut client: &TcpStream,
    shared: &Shared,
    withholds: &AtomicBool,
) -> io::Result<()> {
    let (mut withheld, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let read = database.read(&mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        if !withholds.load(Ordering::SeqCst) {
            shared.wait_for_link();
            client.write_all(&chunk[..read])?;
            continue;
        }
        let was_done = is_ready(&withheld);
        withheld.extend_from_slice(&chunk[..read]);
        if is_ready(&withheld) && !was_done {
            shared.reached.send(()).unwrap();
            if shared.breaks.load(Ordering::SeqCst) {
                return Ok(());
            }
        }
    }
}

/// Whether the answers end a statement: `ReadyForQuery`.
fn is_ready(answers: &[u8]) -> bool {
    answers.windows(5).any(|window| window == b"Z\0\0\0\x05")
}
