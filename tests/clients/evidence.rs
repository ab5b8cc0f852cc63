//! What must hold after a row has run.

use authsome_test_support::{Arrived, Protocol, Seen};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::kit::PLACEHOLDER;
use crate::process::{Ended, How};
use crate::rows::{Check, Http, Place, Row};
use crate::server::Server;

/// What a run left behind.
pub(crate) struct Evidence<'a> {
    row: &'a Row,
    ended: Ended,
    seen: Vec<Seen>,
    audit: Vec<Value>,
    server: &'a Server,
    /// Every text that must not be in the program's output.
    secrets: Vec<String>,
}

impl<'a> Evidence<'a> {
    /// `proxy` is the URL of the session's proxy.
    pub(crate) fn new(
        row: &'a Row,
        ended: Ended,
        seen: Vec<Seen>,
        audit: Vec<Value>,
        server: &'a Server,
        proxy: &str,
    ) -> Self {
        let tokens = [Some(&server.token), server.grpc_token.as_ref()];
        let mut secrets: Vec<_> = tokens.into_iter().flatten().cloned().collect();
        secrets.push(STANDARD.encode(format!("oauth2:{}", server.token)));
        secrets.extend(proxy_secrets(proxy));
        Self {
            row,
            ended,
            seen,
            audit,
            server,
            secrets,
        }
    }

    /// Whether everything is as the row says; the error is the first thing that is not.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.check_leaks()?;
        if self.row.check == Check::Failure {
            self.check_absence()?;
        } else {
            self.check_arrivals()?;
            self.check_log()?;
        }
        self.check_end()
    }

    /// The problem and all that is known, without the secrets.
    pub(crate) fn report(&self, problem: &str) -> String {
        let audit: Vec<_> = self.audit.iter().map(Value::to_string).collect();
        let (ended, seen, audit) = (&self.ended, &self.seen, audit.join("\n"));
        let report =
            format!("{problem}\n\n{ended}\n--- what arrived\n{seen:#?}\n--- audit log\n{audit}");
        let secrets = self.secrets.iter();
        secrets.fold(report, |report, secret| report.replace(secret, "[secret]"))
    }

    fn check_leaks(&self) -> Result<(), String> {
        let shows = |output: &str| self.secrets.iter().any(|secret| output.contains(secret));
        for (name, output) in [
            ("stdout", &self.ended.stdout),
            ("stderr", &self.ended.stderr),
        ] {
            if shows(output) {
                return Err(format!("its {name} shows a secret"));
            }
        }
        Ok(())
    }

    /// A documented failure is one only as long as nothing arrives.
    fn check_absence(&self) -> Result<(), String> {
        if self.seen.is_empty() {
            return Ok(());
        }
        match self.check_arrivals() {
            Ok(()) => Err(
                "it reaches the server with the credential: it works now, so update the row"
                    .to_owned(),
            ),
            Err(problem) => Err(format!("it is said not to reach the server, but {problem}")),
        }
    }

    /// Every request carries the one credential of its path, and nothing of the placeholder.
    fn check_arrivals(&self) -> Result<(), String> {
        if !self.seen.iter().any(|seen| is_meant(self.row.check, seen)) {
            return Err("no request of the expected kind arrived".to_owned());
        }
        for seen in &self.seen {
            let wrong = if seen.credential != self.expected_credential(seen) {
                "came with another credential than that of its path"
            } else if format!("{seen:?}").contains(PLACEHOLDER) {
                "came with the placeholder"
            } else if self.row.http.is_some_and(|wanted| wanted != version(seen)) {
                "came by another version of HTTP"
            } else {
                continue;
            };
            return Err(format!("{} {} {wrong}", seen.method, seen.path));
        }
        Ok(())
    }

    /// The credential of the path, as the providers' definitions have it.
    fn expected_credential(&self, seen: &Seen) -> Arrived {
        let token = match &self.server.grpc_token {
            Some(token) if is_grpc(seen) => token.clone(),
            _ => self.server.token.clone(),
        };
        if self.row.check == Check::Tunnel {
            Arrived::None
        } else if is_git(seen) {
            Arrived::Basic {
                user: "oauth2".to_owned(),
                password: token,
            }
        } else if is_api(seen) || is_grpc(seen) {
            Arrived::Bearer { token }
        } else {
            // No rule names it: a repository's path without `.git`, which GitLab redirects, or a
            // browser's icon.
            Arrived::None
        }
    }

    /// The log knows of the injected requests, and by which way they came.
    fn check_log(&self) -> Result<(), String> {
        let injected = self.audit.iter();
        let injected: Vec<_> = injected
            .filter(|event| event["event"] == "injected")
            .map(|event| &event["way"])
            .collect();
        match (self.row.check, injected.as_slice()) {
            (Check::Tunnel, []) => Ok(()),
            (Check::Tunnel, _) => Err("the audit log has an injected request".to_owned()),
            (_, []) => Err("the audit log has no injected request".to_owned()),
            // Each connection is captured, but where a client of its own accord asks the proxy.
            _ if self.row.place != Place::Outside => Ok(()),
            (_, ways) => match ways.iter().find(|way| **way != self.row.way.name()) {
                Some(way) => Err(format!("a request came by the way {way}")),
                None => Ok(()),
            },
        }
    }

    /// How it ended, and what it said.
    fn check_end(&self) -> Result<(), String> {
        let Ended {
            how,
            stdout,
            stderr,
        } = &self.ended;
        let said = match self.row.check {
            Check::Failure => format!("{stdout}{stderr}"),
            _ if *how != How::Exit(0) => return Err(how.to_string()),
            _ => stdout.clone(),
        };
        let expected = self.row.expect.as_deref().unwrap_or(USER);
        if squeeze(&said).contains(&squeeze(expected)) {
            Ok(())
        } else {
            Err(format!("{expected:?} is not in its output"))
        }
    }
}

/// The password of the proxy's URL, and what HTTP Basic makes of it.
fn proxy_secrets(proxy: &str) -> Vec<String> {
    let place = proxy.strip_prefix("http://").unwrap_or_default();
    let Some((userinfo, _)) = place.rsplit_once('@') else {
        return Vec::new();
    };
    let password = userinfo
        .split_once(':')
        .map(|(_, password)| password.to_owned());
    password
        .into_iter()
        .chain([STANDARD.encode(userinfo)])
        .collect()
}

/// Whether a request is what the row is about.
fn is_meant(check: Check, seen: &Seen) -> bool {
    match check {
        Check::Body => is_api(seen),
        Check::Failure | Check::Tunnel => true,
        Check::Git => is_git(seen),
        Check::Grpc => is_grpc(seen),
        Check::Rest => seen.method == "GET" && seen.path == "/api/v4/user",
    }
}

fn is_api(seen: &Seen) -> bool {
    seen.path.starts_with("/api/")
}

fn is_git(seen: &Seen) -> bool {
    seen.path.contains(".git/")
}

fn is_grpc(seen: &Seen) -> bool {
    seen.path.starts_with("/echo.Echo/")
}

fn version(seen: &Seen) -> Http {
    match seen.version {
        Protocol::Http2 => Http::Two,
        _ => Http::One,
    }
}

/// Programs print JSON with blanks and without.
fn squeeze(text: &str) -> String {
    text.split_whitespace().collect()
}

/// What GitLab tells of the user.
const USER: &str = r#""username":"ada""#;
