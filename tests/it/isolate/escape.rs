//! A hostile command in an isolated run: each of its attempts fails, and each succeeds as soon as the
//! walls against it are left out. The second half takes another binary (tests/attacks/rustc.sh):
//! `.ci/run attacks` builds it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;

use authsome_test_support::kit::skip;
use nix::unistd::Uid;
use serde::Deserialize;

use crate::kit::isolate::{Inside, OTHER};
use crate::kit::run::{after, finish, like};
use crate::kit::{Outcome, binary};

const PROGRAM: &str = include_str!("../kit/children/escape.py");

/// Addresses of the host beside its loopback, in the tests' own network.
const OWN: &str = "10.9.8.7";
const OWN_V6: &str = "fd99::7";
const METADATA: &str = "169.254.169.254";

#[derive(Debug, Deserialize)]
struct Attempt {
    name: String,
    walls: Vec<String>,
    flags: Vec<String>,
}

/// The server of names is there once, for all scenes.
static RESOLVER: std::sync::Once = std::sync::Once::new();

/// What the attempts are made on.
struct Scene {
    inside: Inside,
    facts: serde_json::Value,
    victim: Child,
    _sockets: (Vec<UnixListener>, Vec<UnixDatagram>),
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.victim.kill();
        let _ = self.victim.wait();
    }
}

fn attempts() -> Vec<Attempt> {
    let mut list = Command::new("python3");
    let listed = Outcome::of(list.args(["-c", PROGRAM, "list"]).output().unwrap()).expect(0);
    serde_json::from_str(&listed.stdout).unwrap()
}

/// A server of the host's, for each family, that greets.
fn greeter(address: &str) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.write_all(b"host");
        }
    });
    port
}

fn echo(address: &str, port: u16) -> u16 {
    let socket = UdpSocket::bind((address, port)).unwrap();
    let port = socket.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut datagram = [0; 64];
        while let Ok((_, from)) = socket.recv_from(&mut datagram) {
            let _ = socket.send_to(b"host", from);
        }
    });
    port
}

fn abstract_address(name: &str) -> SocketAddr {
    SocketAddr::from_abstract_name(name.as_bytes()).unwrap()
}

impl Scene {
    fn new(test: &str) -> Option<Self> {
        let inside = Inside::new(test)?;
        if !Uid::effective().is_root() {
            skip(&format!("{test} needs root"));
            return None;
        }
        for (address, length) in [(OWN, "32"), (OWN_V6, "128"), (METADATA, "32")] {
            let mut ip = Command::new("ip"); // it may be there already
            let _ = ip
                .args([
                    "address",
                    "add",
                    &format!("{address}/{length}"),
                    "dev",
                    "lo",
                ])
                .output();
        }
        let world = &inside.world;
        for directory in ["runtime", "repo/.claude", "repo/mine", "repo/theirs"] {
            fs::create_dir_all(world.path(directory)).unwrap();
        }
        for file in [
            "repo/theirs/file",
            "repo/theirs/spare",
            "repo/AGENTS.md",
            "repo/.claude/settings.json",
        ] {
            world.file(file, "x");
        }
        fs::copy(world.home().join("master.key"), world.path("key")).unwrap();
        let git = like(
            &world.authsome::<&str>([]),
            ["git", "init", "-q", world.path("repo").to_str().unwrap()],
        );
        finish(git).expect(0);
        let path = |name: &str| world.path(name);
        let listen = |name: &str| UnixListener::bind(path(name)).unwrap();
        let name = |kind: &str| format!("{kind}-{}", world.path("").display());
        let (greeting, datagrams) = (name("greets"), name("takes"));
        let hello = UnixListener::bind_addr(&abstract_address(&greeting)).unwrap();
        thread::spawn(move || {
            for stream in hello.incoming().flatten() {
                let mut stream = stream;
                let _ = stream.write_all(b"host");
            }
        });
        let sockets = (
            ["agent.sock", "runtime/bus", "docker.sock", "other.sock"]
                .map(listen)
                .into(),
            vec![
                UnixDatagram::bind(path("log.sock")).unwrap(),
                UnixDatagram::bind_addr(&abstract_address(&datagrams)).unwrap(),
            ],
        );
        let mark = format!("victim-{}", std::process::id());
        let victim = inside.beside(&[
            "env",
            &format!("MARK={mark}"),
            "sh",
            "-c",
            "cd \"$1\" && exec sleep 1000",
            "sh",
            world.home().to_str().unwrap(),
        ]);
        let shared = finish(like(&world.authsome::<&str>([]), ["ipcmk", "-M", "64"])).expect(0);
        let shared: u64 = shared
            .stdout
            .rsplit(' ')
            .next()
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let facts = serde_json::json!({
            "world": world.path(""), "home": world.home(), "key_file": path("key"), "authsome": path("authsome"),
            "port": greeter("0.0.0.0"), "port6": greeter("::"), "udp": echo("0.0.0.0", 0), "own": OWN, "own6": OWN_V6,
            "other": [OTHER, inside.other.port()], "http": 80, "abstract": greeting, "abstract_datagrams": datagrams,
            "socket": path("other.sock"), "datagrams": path("log.sock"), "pid": victim.id(), "mark": "sleep", "shared": shared,
        });
        RESOLVER.call_once(|| {
            echo(OWN, 53);
        });
        Some(Self {
            inside,
            facts,
            victim,
            _sockets: sockets,
        })
    }

    /// Makes attempts that take the same flags, in one run.
    fn make(
        &self,
        program: &Path,
        names: &[&str],
        flags: &[String],
        left_out: &[String],
    ) -> BTreeMap<String, bool> {
        let world = &self.inside.world;
        let mine = world.path("repo/mine").display().to_string();
        let flags: Vec<&str> = flags
            .iter()
            .map(|flag| if flag == "mine" { &*mine } else { flag })
            .collect();
        let facts = self.facts.to_string();
        let words = [&["python3", "-c", PROGRAM, "run", &facts][..], names].concat();
        let mut run =
            self.inside
                .run_binary(program, &[&["--isolate"], &flags[..]].concat(), &words);
        run = after(&format!("exec 7<'{}'", world.home().display()), &run);
        run.current_dir(world.path("repo"))
            .env("SSH_AUTH_SOCK", world.path("agent.sock"))
            .env("XDG_RUNTIME_DIR", world.path("runtime"))
            .env(
                "DOCKER_HOST",
                format!("unix://{}", world.path("docker.sock").display()),
            )
            .env("AUTHSOME_MASTER_KEY_FILE", world.path("key"))
            .env("AUTHSOME_UNDEFENDED", left_out.join(","));
        let outcome = finish(run);
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| {
            panic!(
                "{names:?}, without {left_out:?}: {}{}",
                outcome.stdout, outcome.stderr
            )
        })
    }
}

#[test]
fn each_attempt_fails_against_its_wall() {
    let Some(scene) = Scene::new("each_attempt_fails_against_its_wall") else {
        return;
    };
    let attempts = attempts();
    assert!(attempts.len() >= 60, "{}", attempts.len());
    let mut by_flags: BTreeMap<&[String], Vec<&str>> = BTreeMap::new();
    for attempt in &attempts {
        by_flags
            .entry(&attempt.flags)
            .or_default()
            .push(&attempt.name);
    }
    let mut succeeded = Vec::new();
    for (flags, names) in by_flags {
        let made = scene.make(binary(), &names, flags, &[]);
        assert_eq!(made.len(), names.len());
        succeeded.extend(
            made.into_iter()
                .filter_map(|(name, has)| has.then_some(name)),
        );
    }
    assert_eq!(succeeded, Vec::<String>::new());
}

#[test]
fn each_attempt_succeeds_without_its_wall() {
    const TEST: &str = "each_attempt_succeeds_without_its_wall";
    let undefended: PathBuf = binary().with_file_name("undefended").join("authsome");
    if !undefended.exists() {
        return skip(&format!(
            "{TEST} needs {}, which `.ci/run attacks` builds",
            undefended.display()
        ));
    }
    let Some(scene) = Scene::new(TEST) else {
        return;
    };
    let failed = attempts().into_iter().filter(|attempt| {
        let made = scene.make(
            &undefended,
            &[&attempt.name],
            &attempt.flags,
            &attempt.walls,
        );
        !made[&attempt.name]
    });
    let failed: Vec<_> = failed.map(|attempt| attempt.name).collect();
    assert_eq!(failed, Vec::<String>::new());
}
