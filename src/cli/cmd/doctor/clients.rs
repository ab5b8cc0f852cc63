//! Whether the HTTP clients that are found on this machine work in a run: each sends one request to
//! a connection's server, in a real session.

use std::ffi::OsString;
use std::io::Read;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use authsome_providers::SignIn;

use super::finding::Finding;
use crate::cli::failure::Failure;
use crate::env::programs::Programs;
use crate::os::private_memory;
use crate::os::program_path::find_on_path;
use crate::session::{Scrub, UserData};

/// How long one client may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is checked whether a client has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// The largest output that is read, in bytes: a client prints a status.
const MAX_OUTPUT: u64 = 4096;

/// The clients: the program, and its arguments, in which `URL` stands for the address. Each prints
/// the status of the response.
const CLIENTS: [(&str, &[&str]); 4] = [
    (
        "curl",
        &["-sS", "-o", "/dev/null", "-w", "%{http_code}", "URL"],
    ),
    ("wget", &["-q", "-S", "-O", "/dev/null", "URL"]),
    (
        "python3",
        &[
            "-c",
            "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).status)",
            "URL",
        ],
    ),
    (
        "node",
        &[
            "-e",
            "fetch(process.argv[1]).then(r => console.log(r.status), e => { console.error(e.cause ?? e); process.exit(1) })",
            "URL",
        ],
    ),
];

pub(super) fn findings(data: &UserData) -> Result<Vec<Finding>, Failure> {
    let Some((id, url)) = target(data)? else {
        return Ok(Vec::new());
    };
    let programs = Scrub::programs(&data.store)?;
    let found = CLIENTS
        .iter()
        .filter(|(name, _)| find_on_path(name.as_ref()).is_some());
    Ok(found
        .map(|(name, arguments)| {
            let subject = format!("client {name}");
            let arguments = arguments.iter().map(|word| match *word {
                "URL" => OsString::from(&url),
                word => OsString::from(word),
            });
            match ask(&programs, &id, name, arguments.collect()) {
                Ok(output) if output.contains("200") => {
                    Finding::good(subject, format!("gets {url}"))
                }
                Ok(output) => {
                    let said = output.lines().rev().find(|line| !line.trim().is_empty());
                    let words = format!("does not get {url}: {}", said.unwrap_or("no output"));
                    Finding::bad(subject, words, "see what happened: authsome log")
                }
                Err(error) => Finding::bad(subject, error.to_string(), "try again"),
            }
        })
        .collect())
}

/// The first connection whose definition names a resource that any token may read.
fn target(data: &UserData) -> Result<Option<(String, String)>, Failure> {
    for id in data.store.list()? {
        let Ok(Some(stored)) = data.store.load(&id) else {
            continue;
        };
        let Ok((definition, _)) = data.catalog.get_or_bundled(&id.provider) else {
            continue;
        };
        let base = stored.connection.base_url.as_ref();
        let sign_in: Option<SignIn> = definition.provider.sign_in_at(base).ok();
        let lookups = sign_in.map(|sign_in| sign_in.account_lookups);
        // Each client is told no more than an address.
        let mut lookups = lookups.into_iter().flatten();
        let lookup = lookups.find(|lookup| lookup.post.is_none());
        if let Some(lookup) = lookup {
            let choice = format!("{}={}", id.provider, id.name);
            return Ok(Some((choice, lookup.url.to_string())));
        }
    }
    Ok(None)
}

/// What a client prints in a run of its own.
fn ask(
    programs: &Programs,
    choice: &str,
    name: &str,
    arguments: Vec<OsString>,
) -> std::io::Result<String> {
    let program = private_memory::own_program().unwrap_or_else(|| "authsome".into());
    let command = programs.command(program.as_os_str());
    let mut command = command.ok_or_else(|| std::io::Error::other("authsome is not found"))?;
    command.args(["run", "--quiet", "--connection", choice, "--", name]);
    command.args(arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if !ends(&mut child)? {
        child.kill()?;
        child.wait()?;
        return Ok(format!("no end within {} s", PATIENCE.as_secs()));
    }
    let mut output = String::new();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    if let Some(stdout) = stdout {
        stdout.take(MAX_OUTPUT).read_to_string(&mut output)?;
    }
    if let Some(stderr) = stderr {
        stderr.take(MAX_OUTPUT).read_to_string(&mut output)?;
    }
    Ok(output)
}

fn ends(child: &mut Child) -> std::io::Result<bool> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        std::thread::sleep(PAUSE);
    }
    Ok(false)
}
