//! Web servers that are not ours, each in front of a fake GitLab, as its own configuration sets it
//! up.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use authsome_test_support::{ClientCa, Identity};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A server, and how it is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    program: &'static str,
    /// The file of its configuration, and what is in it.
    config: (&'static str, &'static str),
    /// `{config}` stands for that file.
    arguments: &'static [&'static str],
}

/// All that are tried.
pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "nginx",
        program: "nginx",
        config: ("nginx.conf", include_str!("servers/nginx.conf")),
        arguments: &["-p", "{dir}", "-e", "{dir}/error.log", "-c", "{config}"],
    },
    Kind {
        name: "haproxy",
        program: "haproxy",
        config: ("haproxy.cfg", include_str!("servers/haproxy.cfg")),
        arguments: &["-db", "-f", "{config}"],
    },
    Kind {
        name: "apache",
        program: "apache2",
        config: ("apache.conf", include_str!("servers/apache.conf")),
        arguments: &["-D", "FOREGROUND", "-d", "{dir}", "-f", "{config}"],
    },
    Kind {
        name: "caddy",
        program: "caddy",
        config: ("Caddyfile", include_str!("servers/Caddyfile")),
        arguments: &["run", "--adapter", "caddyfile", "--config", "{config}"],
    },
    Kind {
        name: "nghttpx",
        program: "nghttpx",
        config: ("nghttpx.conf", ""),
        arguments: &[
            "--conf={config}",
            "--single-process",
            "--frontend=127.0.0.1,{port}",
            "--backend=127.0.0.1,{gitlab};;tls;proto=http/1.1",
            "--insecure",
            "--no-via",
            "--errorlog-file={dir}/error.log",
            "{key}",
            "{chain}",
        ],
    },
    Kind {
        name: "node",
        program: "node",
        config: ("node.cjs", include_str!("servers/node.cjs")),
        arguments: &["{config}", "{port}", "{gitlab}", "{chain}", "{key}"],
    },
];

impl Kind {
    /// The program, where it is installed.
    pub(crate) fn program(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
        directories
            .map(|directory| directory.join(self.program))
            .find(|program| program.is_file())
    }

    /// Whether the configuration refuses uploads to `/api/v4/limited` and `/api/v4/denied`.
    pub(crate) fn refuses(&self) -> bool {
        !self.config.1.is_empty()
    }
}

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) port: u16,
    /// Where nginx wants a certificate of its clients.
    pub(crate) mutual: u16,
    child: Child,
    directory: TempDir,
}

impl Front {
    /// Starts it in front of that port. A port that somebody else takes at that moment is tried
    /// again with another.
    pub(crate) fn start(
        kind: Kind,
        program: &Path,
        identity: &Identity,
        client_ca: &ClientCa,
        gitlab: u16,
    ) -> Result<Self, String> {
        let mut problem = String::new();
        for _ in 0..STARTS {
            match Self::try_start(kind, program, identity, client_ca, gitlab) {
                Ok(front) => return Ok(front),
                Err(error) => problem = error,
            }
        }
        Err(format!("{} does not start: {problem}", kind.name))
    }

    fn try_start(
        kind: Kind,
        program: &Path,
        identity: &Identity,
        client_ca: &ClientCa,
        gitlab: u16,
    ) -> Result<Self, String> {
        let directory =
            TempDir::with_prefix("authsome-field-").map_err(|error| error.to_string())?;
        let port = free_port().map_err(|error| error.to_string())?;
        let mutual = free_port().map_err(|error| error.to_string())?;
        let place = |name: &str| directory.path().join(name).display().to_string();
        let fill = |text: &str| {
            let values = [
                ("{chain}", place("chain.pem")),
                ("{client_ca}", place("client-ca.pem")),
                ("{config}", place(kind.config.0)),
                ("{dir}", directory.path().display().to_string()),
                ("{gitlab}", gitlab.to_string()),
                ("{key}", place("key.pem")),
                ("{mutual}", mutual.to_string()),
                ("{modules}", "/usr/lib/apache2/modules".to_owned()),
                ("{pem}", place("both.pem")),
                ("{port}", port.to_string()),
            ];
            values.iter().fold(text.to_owned(), |text, (name, value)| {
                text.replace(name, value)
            })
        };
        let files = [
            ("chain.pem", identity.leaf_pem.clone()),
            ("client-ca.pem", client_ca.pem()),
            ("key.pem", identity.key_pem.clone()),
            (
                "both.pem",
                format!("{}{}", identity.leaf_pem, identity.key_pem),
            ),
            (kind.config.0, fill(kind.config.1)),
        ];
        for (name, content) in files {
            File::create(place(name))
                .and_then(|mut file| file.write_all(content.as_bytes()))
                .map_err(|error| format!("{name}: {error}"))?;
        }
        let output = File::create(place("output")).map_err(|error| error.to_string())?;
        let child = Command::new(program)
            .args(kind.arguments.iter().map(|argument| fill(argument)))
            .env("HOME", directory.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(|error| error.to_string())?)
            .stderr(output)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut front = Self {
            port,
            mutual,
            child,
            directory,
        };
        front.wait()?;
        Ok(front)
    }

    /// Waits until it takes connections. No server of these tells when that is so.
    fn wait(&mut self) -> Result<(), String> {
        let end = Instant::now() + START;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("{status}: {}", self.said()));
            }
            if Instant::now() > end {
                return Err(format!("it does not listen: {}", self.said()));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// What it has printed and logged as an error.
    pub(crate) fn said(&self) -> String {
        ["output", "error.log"].map(|name| self.file(name)).concat()
    }

    /// A file of its directory.
    pub(crate) fn file(&self, name: &str) -> String {
        let mut text = String::new();
        if let Ok(mut file) = File::open(self.directory.path().join(name)) {
            let _ = file.read_to_string(&mut text); // what can be read of it
        }
        text
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // Asked to end, it ends its own children as well.
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        // One that does not is killed; the thread ends with the wait for it.
        let (ended, waits) = std::sync::mpsc::channel::<()>();
        let pid = self.child.id();
        thread::spawn(move || {
            let in_time = waits.recv_timeout(START);
            if in_time == Err(RecvTimeoutError::Timeout)
                && let Ok(pid) = i32::try_from(pid)
            {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        });
        let _ = self.child.wait();
        drop(ended);
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// How often a start is tried.
const STARTS: usize = 3;

/// How long a server may take to start, and to end.
const START: Duration = Duration::from_secs(20);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);
