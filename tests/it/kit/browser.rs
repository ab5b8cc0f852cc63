//! The browser's part of a login, by hand and by programs.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use authsome_test_support::{FakeGitLab, Seen};
use url::Url;

use crate::kit::login::{REDIRECT_URI, TIMEOUT};
use crate::kit::{Outcome, World};

/// One request to the listener, as bytes on a socket.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let headers = [("host", "127.0.0.1:7998"), ("connection", "close")];
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            body: String::new(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(have, _)| have != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            text.extend([name, ": ", value, "\r\n"]);
        }
        if !self.body.is_empty() {
            text.extend(["content-length: ", &self.body.len().to_string(), "\r\n"]);
        }
        text + "\r\n" + &self.body
    }

    /// The raw response, whatever it is.
    pub(crate) fn send_to_end(&self) -> String {
        let mut stream = connect();
        stream.write_all(self.text().as_bytes()).unwrap();
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response); // a reset ends it too
        String::from_utf8_lossy(&response).into_owned()
    }

    pub(crate) fn send(self) -> Response {
        let response = self.send_to_end();
        let (head, body) = response.split_once("\r\n\r\n").unwrap_or_else(|| {
            panic!("{} {}: no response: {response:?}", self.method, self.target)
        });
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Response {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }
}

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (have, value) = line.split_once(':')?;
            have.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn whole(&self) -> String {
        format!("{}{}", self.head, self.body)
    }
}

pub(crate) fn connect() -> TcpStream {
    let stream = TcpStream::connect("127.0.0.1:7998").unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

pub(crate) fn get(target: &str) -> Request {
    Request::new("GET", target)
}

/// The form as a browser sends it.
pub(crate) fn form(csrf: &str, client_id: &str, client_secret: &str) -> Request {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("csrf", csrf)
        .append_pair("client_id", client_id)
        .append_pair("client_secret", client_secret)
        .finish();
    let mut request = Request::new("POST", "/client")
        .with("content-type", "application/x-www-form-urlencoded")
        .with("origin", "http://127.0.0.1:7998")
        .with("sec-fetch-site", "same-origin");
    request.body = body;
    request
}

/// The token in the page that is shown now.
pub(crate) fn csrf() -> String {
    let page = get("/").send();
    between(&page.body, "name=\"csrf\" value=\"", "\"").to_owned()
}

/// The provider's page: where it sends the browser.
pub(crate) fn consent(gitlab: &FakeGitLab, url: &str) -> String {
    let output = Command::new("curl")
        .args([
            "-q",
            "-sS",
            "--noproxy",
            "*",
            "-o",
            "/dev/null",
            "-w",
            "%{redirect_url}",
        ])
        .arg("--cacert")
        .arg(gitlab.ca_file())
        .arg(url)
        .output()
        .unwrap();
    let outcome = Outcome::of(output).expect(0);
    assert!(
        outcome.stdout.starts_with(REDIRECT_URI),
        "{}",
        outcome.stdout
    );
    outcome.stdout
}

/// The browser follows the redirect back.
pub(crate) fn visit(callback: &str) -> Response {
    get_target(callback).send()
}

pub(crate) fn get_target(callback: &str) -> Request {
    get(callback.strip_prefix("http://127.0.0.1:7998").unwrap())
}

pub(crate) fn parameter(url: &str, name: &str) -> String {
    let url = Url::parse(url).unwrap();
    let found = url.query_pairs().find(|(have, _)| have == name);
    found
        .unwrap_or_else(|| panic!("no {name} in {url}"))
        .1
        .into_owned()
}

pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap().0
}

pub(crate) fn field<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    let found = seen.form.iter().find(|(have, _)| have == name);
    found.map(|(_, value)| value.as_str())
}

pub(crate) fn exchange_arrived(seen: &[Seen]) -> bool {
    seen.iter().any(is_exchange)
}

pub(crate) fn is_exchange(seen: &Seen) -> bool {
    seen.method == "POST" && seen.path.ends_with("/oauth/token")
}

/// A browser that notes its arguments, one call on each line, in a fifo that is open already.
pub(crate) fn recording_browser(world: &World) -> (std::path::PathBuf, Receiver<String>) {
    telling_browser(world, "echo \"$*\"")
}

/// A browser that writes what a command prints to such a fifo.
pub(crate) fn telling_browser(
    world: &World,
    command: &str,
) -> (std::path::PathBuf, Receiver<String>) {
    let fifo = world.path("opened");
    make_fifo(&fifo);
    let lines = open_fifo(&fifo);
    let text = format!("#!/bin/sh\n{command} > '{}'\n", fifo.display());
    (script(world, "telling-browser", &text), lines)
}

/// Written by a child: another test's fork must not hold it open for writing when it is executed.
pub(crate) fn script(world: &World, name: &str, text: &str) -> std::path::PathBuf {
    let path = world.path(name);
    let mut shell = Command::new("sh")
        .args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    shell
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    assert!(shell.wait().unwrap().success());
    path
}

fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Open for writing too, so that no writer's end is the end.
fn open_fifo(path: &Path) -> Receiver<String> {
    let fifo = File::options().read(true).write(true).open(path).unwrap();
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(fifo).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

pub(crate) fn next_line(lines: &mut Receiver<String>) -> String {
    let started = Instant::now();
    lines
        .recv_timeout(TIMEOUT)
        .unwrap_or_else(|_| panic!("no line after {:?}", started.elapsed()))
}
