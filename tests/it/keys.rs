//! Connections by a key: how it is given, in which form it is sent, and what is refused.

mod account;
mod exchange;
mod flags;
mod form;
mod given;
mod shapes;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use authsome_test_support::kit::port_7998;

use crate::kit::client::LONG;
use crate::kit::login::Login;
use crate::kit::servers::{Scripted, read_head};
use crate::kit::{Outcome, World};

/// Members of a definition with a key and a user's name, each of a form.
pub(crate) const TWO_PARTS: &str = r#""fields": [
    { "name": "api_key", "label": "API key", "pattern": "k-[a-z]+", "hint": "it begins with k-", "placeholder": "k-authsomeplaceholder" },
    { "name": "user", "label": "User", "secret": false, "pattern": "[a-z]+" } ],
    "inject": [{ "path": "/**", "as": "basic", "username": "{user}", "password": "{api_key}" }]"#;

/// A service that takes a key: it keeps what it was asked, and refuses the key `wrong`. `POST
/// /token` answers with `token-1`, `token-2` and so on. A
/// connection on which `/stale` was asked for takes one more request, and ends.
pub(crate) struct Service {
    pub(crate) world: World,
    server: Scripted,
    requests: mpsc::Receiver<String>,
}

impl Service {
    pub(crate) fn start() -> Self {
        let (tell, requests) = mpsc::channel();
        let given = AtomicUsize::new(0);
        let server = Scripted::start(move |stream| {
            let head = read_head(stream);
            let mut body = vec![0; content_length(&head)];
            let _ = stream.read_exact(&mut body); // the peer may have broken off
            // The latter is `ada:k-wrong`.
            let is_wrong = ["wrong", "YWRhOmstd3Jvbmc="]
                .iter()
                .any(|key| head.contains(key));
            let gives_a_token = head.starts_with("POST /token ");
            let is_wrong = is_wrong || gives_a_token && body.ends_with(br#""wrong"}"#);
            let status = if is_wrong { "401 No" } else { "200 OK" };
            let json = if gives_a_token && !is_wrong {
                let number = given.fetch_add(1, Ordering::Relaxed) + 1;
                format!(r#"{{"access_token":"token-{number}"}}"#)
            } else {
                r#"{"id":7,"name":"ada"}"#.to_owned()
            };
            let goes_stale = head.contains("/stale ");
            let connection = if goes_stale { "keep-alive" } else { "close" };
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: {connection}\r\ncontent-length: {}\r\n\r\n{json}",
                json.len()
            );
            let _ = stream.flush();
            if goes_stale {
                read_head(stream); // and the connection ends without an answer
            }
            let _ = tell.send(head + &String::from_utf8_lossy(&body));
        });
        Self {
            world: World::new(),
            server,
            requests,
        }
    }

    /// Registers a definition of it, with those members beside the usual ones.
    pub(crate) fn register(&self, members: &str) {
        let file = self.definition(members);
        let words = ["register", file.to_str().unwrap(), "--yes", "--force"];
        self.world.call(words).expect(0);
    }

    pub(crate) fn definition(&self, members: &str) -> PathBuf {
        let authority = self.server.authority();
        let usual =
            format!(r#"[{{ "url": "https://{authority}/me", "id": "/id", "label": "/name" }}]"#);
        let account = if members.contains(r#""account""#) {
            String::new()
        } else {
            format!(r#""account": {usual},"#)
        };
        let members = members.replace("AUTHORITY", &authority);
        let definition = format!(
            r#"{{ "name": "acme", "display_name": "Acme", "auth_type": "api_key", "api_url": "{authority}",
                {account} "export": {{ "ACME_KEY": "API_TOKEN" }}, {members} }}"#
        );
        self.world.file("acme.json", &definition)
    }

    /// `authsome login acme`, with that on standard input.
    pub(crate) fn login(&self, flags: &[&str], stdin: &str) -> Outcome {
        let ca = self.world.file("ca.pem", &self.server.ca_pem);
        let words = ["login", "acme", "--ca-file", ca.to_str().unwrap()];
        let mut command = self.world.authsome(words.iter().chain(flags));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut login = command.spawn().unwrap();
        let mut input = login.stdin.take().unwrap();
        input.write_all(stdin.as_bytes()).unwrap();
        drop(input);
        Outcome::of(login.wait_with_output().unwrap())
    }

    /// `authsome login acme` without a terminal, where there is a browser, up to its form.
    pub(crate) fn login_by_form(&self, flags: &[&str]) -> Login {
        let ca = self.world.file("ca.pem", &self.server.ca_pem);
        let words = [
            "login",
            "acme",
            "--verbose",
            "--ca-file",
            ca.to_str().unwrap(),
        ];
        let port = port_7998();
        let mut command = self.world.authsome(words.iter().chain(flags));
        command.env("BROWSER", "/bin/true");
        let mut login = Login::spawn(command, Some(port));
        assert_eq!(login.url(), "http://127.0.0.1:7998");
        login
    }

    /// The next request that arrived.
    pub(crate) fn next(&self) -> String {
        self.requests.recv_timeout(LONG).expect("a request arrives")
    }

    /// Forgets what has arrived: the questions of a login.
    pub(crate) fn forget(&self) {
        self.requests.try_iter().for_each(drop);
    }

    /// What arrives of a request that curl makes in a run.
    pub(crate) fn curl(&self, target: &str, flags: &[&str]) -> String {
        self.forget();
        let outcome = self.run_curl(target, flags);
        assert_eq!(outcome.json()["name"], "ada", "{outcome:?}");
        self.next()
    }

    pub(crate) fn base_url(&self) -> String {
        self.server.base_url()
    }

    pub(crate) fn run_curl(&self, target: &str, flags: &[&str]) -> Outcome {
        let url = format!("{}{target}", self.base_url());
        let words = [&["curl", "-sS", &url][..], flags].concat();
        self.world.run(words)
    }

    pub(crate) fn has_no_connection(&self) -> bool {
        let list = self.world.call(["list", "--json"]).expect(0).json();
        let providers = list["providers"].as_array().unwrap();
        let mut connections = providers.iter().map(|provider| &provider["connections"]);
        connections.all(|connections| connections.as_array().is_none_or(Vec::is_empty))
    }
}

fn content_length(head: &str) -> usize {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length.map_or(0, |(_, length)| length.parse().unwrap())
}
