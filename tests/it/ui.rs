//! `authsome ui`: the page in a browser, and who is kept from it.

mod attacker;
mod attacks;
mod cost;
mod page;
mod survives;
mod terminal;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command};

use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::kit::World;
use crate::kit::run::{Running, TIMEOUT, pid_of};

/// A page that is served, and its address.
struct Ui {
    running: Running,
    url: String,
}

impl Ui {
    fn start(world: &World, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = world.authsome([&["ui", "--no-browser"], flags].concat());
        command.envs(variables.iter().copied());
        Self::of(command)
    }

    /// The page that this command serves.
    fn of(command: Command) -> Self {
        let running = Running::start(command);
        let url = running.line().unwrap();
        Self { running, url }
    }

    fn address(&self) -> &str {
        let (origin, _) = self.url.split_once("/#").unwrap();
        origin.strip_prefix("http://").unwrap()
    }

    fn token(&self) -> &str {
        self.url.split_once('#').unwrap().1
    }

    /// A request as the page makes it, with `change` made to its fields.
    fn ask(&self, method: &str, path: &str, fields: &[(&str, &str)], body: &str) -> Answer {
        let address = self.address();
        let origin = format!("http://{address}");
        let mut head = vec![
            ("host", address.to_owned()),
            ("origin", origin),
            ("content-type", "application/json".to_owned()),
            ("connection", "close".to_owned()),
            ("content-length", body.len().to_string()),
        ];
        for (name, value) in fields {
            head.retain(|(have, _)| have != name);
            if !value.is_empty() {
                head.push((name, (*value).to_owned()));
            }
        }
        let mut text = format!("{method} {path} HTTP/1.1\r\n");
        for (name, value) in head {
            text.extend([name, ": ", &value, "\r\n"]);
        }
        text += "\r\n";
        text += body;
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response);
        Answer::of(&String::from_utf8_lossy(&response))
    }

    /// The session of the page.
    fn session(&self) -> String {
        let body = format!("{{\"token\":\"{}\"}}", self.token());
        let answer = self.ask("POST", "/session", &[], &body);
        answer.json()["session"].as_str().unwrap().to_owned()
    }

    fn end(mut self) -> Option<i32> {
        kill(pid_of(&self.running.child), Signal::SIGTERM).unwrap();
        self.running.child.wait().unwrap().code()
    }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Self {
            status: status.unwrap_or(0),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    fn json(&self) -> Value {
        let from = self.body.find('{').unwrap_or(0);
        let to = self.body.rfind('}').map_or(0, |at| at + 1);
        serde_json::from_str(self.body.get(from..to).unwrap_or_default())
            .unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

/// Ends a process of this test whatever happens.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
