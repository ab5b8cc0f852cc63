//! How long a request waits for a credential, against the number of machines: from the moment at
//! which its client has it ready, on a connection that is open, to its arrival at the provider.
//!
//! `DOCS_IMAGES=$PWD/docs/images cargo test --test it fleet::waits -- --ignored --nocapture`; and
//! `FLEET_WORKERS=1,50` for other numbers of machines.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use authsome::net::tls::Trust;
use authsome_test_support::{FakeGitLab, Postgres};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::{ClientConnection, StreamOwned};

use super::kit::Fleet;
use super::plot::{Row, plot};
use crate::kit::World;
use crate::kit::session::Session;

/// The life of a token.
const LIFETIME: u64 = 20;

/// How long each machine sends a request a second: more than two periods.
const SECONDS: u32 = 50;

/// The numbers of machines.
const MACHINES: &str = "1,10,50,100,200";

#[test]
#[ignore = "it takes minutes"]
fn what_a_request_waits_for_a_credential() {
    let machines = std::env::var("FLEET_WORKERS").unwrap_or(MACHINES.to_owned());
    let mut rows = Vec::new();
    for machines in machines.split(',') {
        let Some(server) = Postgres::start() else {
            return;
        };
        let row = measure(&server, machines.parse().unwrap());
        println!("{row}");
        assert!(row.is_once_a_period(), "{row}");
        rows.push(row);
    }
    if let Some(directory) = std::env::var_os("DOCS_IMAGES") {
        let path = PathBuf::from(directory).join("fleet-wait.svg");
        let mut file = File::create(path).unwrap();
        file.write_all(plot(&rows).as_bytes()).unwrap();
    }
}

fn measure(server: &Postgres, machines: usize) -> Row {
    let fleet = Fleet::on(server);
    let gitlab = FakeGitLab::builder().expires_in(Some(LIFETIME)).start();
    fleet.connect(&gitlab, LIFETIME);
    let homes: Vec<_> = (0..machines).map(|_| World::new()).collect();
    let start = |home| Session::start_with(home, |command| fleet.join(command));
    let mut sessions: Vec<_> = homes.iter().map(start).collect();
    let clients = sessions.iter_mut().enumerate();
    let clients: Vec<_> = clients
        .map(|(index, session)| Client::of(session, index, &gitlab))
        .collect();
    let barrier = Barrier::new(machines + 1);
    let (sent, begun, renewals) = thread::scope(|scope| {
        let barrier = &barrier;
        let workers: Vec<_> = clients
            .into_iter()
            .map(|client| scope.spawn(move || client.work(barrier)))
            .collect();
        barrier.wait(); // all have their connections
        gitlab.expire_access_tokens();
        fleet.age(0);
        barrier.wait(); // all wait for one renewal
        barrier.wait(); // all have it
        let (begun, renewals) = (Instant::now(), gitlab.refreshes());
        let sent = workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap());
        (sent.collect::<HashMap<_, _>>(), begun, renewals)
    });
    let periods = begun.elapsed().as_secs_f64() / Duration::from_secs(LIFETIME).as_secs_f64();
    for session in sessions {
        session.end(0);
    }
    // Where the first try was refused, the last one counts.
    let mut waited = HashMap::new();
    for seen in gitlab.seen() {
        let number = seen.header("x-number").unwrap_or_default();
        if let Some(sent) = sent.get(number) {
            waited.insert(number.to_owned(), seen.at.duration_since(*sent));
        }
    }
    assert_eq!(waited.len(), sent.len());
    let waits = |is_first: bool| {
        let of_kind = |(number, _): &(&String, _)| number.ends_with("-0") == is_first;
        let waits = waited.iter().filter(of_kind).map(|(_, wait)| *wait);
        let mut waits: Vec<_> = waits.collect();
        waits.sort();
        waits
    };
    Row {
        machines,
        at_once: waits(true),
        steady: waits(false),
        renewals: gitlab.refreshes() - renewals,
        periods,
        in_vain: gitlab.token_requests() - gitlab.refreshes(),
    }
}

/// A client of a run, on a connection through its proxy that stays open.
struct Client {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
    authority: String,
    index: usize,
}

impl Client {
    fn of(session: &mut Session, index: usize, gitlab: &FakeGitLab) -> Self {
        let proxy = session.tell("echo $HTTPS_PROXY");
        let (login, address) = proxy
            .strip_prefix("http://")
            .unwrap()
            .split_once('@')
            .unwrap();
        let trusted = session.tell("cat $SSL_CERT_FILE");
        let authority = format!("localhost:{}", gitlab.port());
        let mut stream = TcpStream::connect(address.trim_end_matches('/')).unwrap();
        stream.set_nodelay(true).unwrap();
        let login = STANDARD.encode(login);
        write!(
            stream,
            "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nProxy-Authorization: Basic {login}\r\n\r\n"
        )
        .unwrap();
        let mut head = [0; 1];
        let mut told = Vec::new();
        while !told.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut head).unwrap();
            told.push(head[0]);
        }
        assert!(told.starts_with(b"HTTP/1.1 200"), "{told:?}");
        let config = Trust::new(None, Vec::new()).client_config(&[&trusted], None);
        let name = "localhost".try_into().unwrap();
        let tls = ClientConnection::new(config.unwrap().into(), name).unwrap();
        Self {
            stream: BufReader::new(StreamOwned::new(tls, stream)),
            authority,
            index,
        }
    }

    /// When each request was sent.
    fn work(mut self, barrier: &Barrier) -> Vec<(String, Instant)> {
        self.get("warm");
        barrier.wait();
        barrier.wait();
        let mut sent = vec![self.get("0")];
        barrier.wait();
        let begun = Instant::now() + Duration::from_millis(7) * u32::try_from(self.index).unwrap();
        for second in 1..SECONDS {
            // A request a second is what is measured.
            let next = begun + Duration::from_secs(second.into());
            thread::sleep(next.saturating_duration_since(Instant::now()));
            sent.push(self.get(&second.to_string()));
        }
        sent
    }

    /// The number of a request, and when it was sent; its response has come.
    fn get(&mut self, number: &str) -> (String, Instant) {
        let (authority, index) = (&self.authority, self.index);
        let number = format!("{index}-{number}");
        let request =
            format!("GET /api/v4/user HTTP/1.1\r\nHost: {authority}\r\nX-Number: {number}\r\n\r\n");
        let sent = Instant::now();
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut line, mut length) = (String::new(), 0);
        self.stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 200"), "{number}: {line}");
        while line != "\r\n" {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let line = line.to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        (number, sent)
    }
}
