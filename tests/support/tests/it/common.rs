//! curl against the fake, and what it brought back.

use std::process::{Command, Output};

use authsome_test_support::FakeGitLab;
use serde_json::Value;

/// A response as `curl -i` prints it.
#[derive(Debug)]
pub(crate) struct Reply {
    /// curl's exit code: 7 refused, 18 partial, 52 empty, 56 reset.
    pub(crate) exit: i32,
    /// The head, empty where no response came.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The status code, 0 where no response came.
    pub(crate) fn status(&self) -> u16 {
        let code = self.head.split(' ').nth(1).unwrap_or("0");
        code.trim().parse().unwrap_or(0)
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// A header, by its lower-case name.
    pub(crate) fn header(&self, wanted: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    }
}

/// Runs curl with the fake's CA, no proxy and nobody's `.curlrc`.
pub(crate) fn curl(gitlab: &FakeGitLab, path: &str, arguments: &[&str]) -> Reply {
    let url = format!("{}{path}", gitlab.base_url());
    let ca = gitlab.ca_file().to_str().expect("a UTF-8 path");
    let common = [
        "-q",
        "-sS",
        "-i",
        "--noproxy",
        "*",
        "--max-time",
        "10",
        "--cacert",
        ca,
    ];
    let mut command = Command::new("curl");
    command.args(common).args(arguments).arg(&url);
    let Output { status, stdout, .. } = command.output().expect("curl is installed");
    let blank = b"\r\n\r\n";
    let split = stdout.windows(4).position(|window| window == blank);
    let (head, body) = match split {
        Some(at) => (&stdout[..at], &stdout[at + 4..]),
        None => (&stdout[..], &stdout[..0]),
    };
    Reply {
        exit: status.code().unwrap_or(-1),
        head: String::from_utf8_lossy(head).into_owned(),
        body: body.to_vec(),
    }
}

/// `GET path` with a Bearer token.
pub(crate) fn get(gitlab: &FakeGitLab, path: &str, token: &str) -> Reply {
    curl(
        gitlab,
        path,
        &["-H", &format!("Authorization: Bearer {token}")],
    )
}

/// A form POST.
pub(crate) fn post(gitlab: &FakeGitLab, path: &str, form: &[(&str, &str)]) -> Reply {
    let fields: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let arguments: Vec<&str> = fields
        .iter()
        .flat_map(|field| ["--data-urlencode", field.as_str()])
        .collect();
    curl(gitlab, path, &arguments)
}
