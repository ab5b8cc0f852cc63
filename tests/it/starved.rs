//! `authsome run` where something is short: descriptors, processes, permissions, `/proc`, roots,
//! room for the log.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::time::Duration;

use authsome_test_support::{Endpoint, FakeGitLab, Fault};

use crate::kit::run::{after, as_nobody_special, behind, finish, like, run};
use crate::kit::{Outcome, Setup, World};

/// Opens so many tunnels to a managed host at once, asks one thing through each, and counts the
/// answers. Each is held open until all have asked, as far as they were let in; one that waits to
/// be let in gets its turn when others end.
const CROWD: &str = include_str!("kit/children/starved_crowd.py");

#[test]
fn more_clients_than_descriptors_are_all_served() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let address = gitlab.base_url();
    let (host, port) = address
        .trim_start_matches("https://")
        .split_once(':')
        .unwrap();
    // The command has a limit of its own, which has to be the one that it was given.
    let crowd = format!(
        "test \"$(ulimit -S -n)\" = 64 || exit 9; ulimit -S -n \"$(ulimit -H -n)\"; exec python3 -c '{}' 100 {host} {port}",
        CROWD.replace('\'', "'\\''")
    );
    for limits in ["ulimit -S -n 64", "ulimit -n 64"] {
        let words = match limits {
            // Nobody can raise a hard limit: the crowd is one that fits.
            "ulimit -n 64" => crowd.replacen(" 100 ", " 40 ", 1),
            _ => crowd.clone(),
        };
        let command = run(&world, &["--quiet"], &["sh", "-c", &words]);
        let outcome = finish(after(limits, &command)).expect(0);
        let expected = if limits.contains("-S") {
            "100 set()\n"
        } else {
            "40 set()\n"
        };
        assert_eq!(outcome.stdout, expected, "{limits}: {}", outcome.stderr);
    }
}

/// Has two connections open to the proxy, a managed tunnel and one that is nothing yet, and takes
/// the proxy's descriptors away. Then it asks one thing of each, for which the proxy has to dial,
/// and gives the descriptors back once neither has been answered for a while; `never`: it does not,
/// and prints what comes.
const SHORT: &str = r#"
import base64, json, os, resource, select, socket, ssl, sys, urllib.parse
host, port, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
login = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
def connect(login, host):
    stream = socket.create_connection((proxy.hostname, proxy.port), timeout=60)
    tunnel(stream, login, host)
    return stream
def tunnel(stream, login, host):
    field = login and f"Proxy-Authorization: Basic {login}\r\n" or ""
    stream.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{field}\r\n".encode())
def response(stream):
    text = b""
    while b"\r\n\r\n" not in text: text += stream.recv(1)
    head = text.decode().lower()
    left = [line.split(": ")[1] for line in head.splitlines() if line.startswith("content-length: ")]
    body = b""
    while left and len(body) < int(left[0]): body += stream.recv(4096)
    return head, body
managed = connect(login, host)
assert " 200 " in response(managed)[0]
managed = context.wrap_socket(managed, server_hostname=host)
blind = connect("d3Jvbmc6", "other.test")
assert " 407 " in response(blind)[0]
soft, hard = resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)
resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (5, hard))
managed.sendall(f"GET /api/v4/user HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
if mode == "name": tunnel(blind, None, "unmanaged.localhost")
else: tunnel(blind, login, "127.0.0.1")
if mode != "never":
    managed.settimeout(.5)
    try: sys.exit(managed.recv(4096))
    except TimeoutError: managed.settimeout(60)
    if select.select([blind], [], [], 0)[0]: sys.exit(blind.recv(4096))
    resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (soft, hard))
    assert " 200 " in response(managed)[0]
    assert " 200 " in response(blind)[0]
for stream in [managed, blind] if mode == "never" else []:
    head, body = response(stream)
    print(json.dumps({"head": head, **json.loads(body)}))
"#;

/// The host and the port of a URL.
fn place(base_url: &str) -> (&str, &str) {
    let place = base_url.trim_start_matches("https://");
    place.split_once(':').unwrap()
}

#[test]
fn who_finds_no_descriptor_waits_for_one() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let address = gitlab.base_url();
    let (host, port) = place(&address);
    for mode in ["address", "name"] {
        let given = format!("unmanaged.localhost:{port}:127.0.0.1");
        let flags = ["--quiet", "--resolve", &given];
        // By name it comes without the password: who it is, is read in files, which take
        // descriptors as well, as names do.
        let command = ["python3", "-c", SHORT, host, port, mode];
        let outcome = finish(run(&world, &flags, &command)).expect(0);
        assert_eq!(outcome.stderr, "", "{mode}");
    }
}

#[test]
fn where_no_descriptor_comes_free_the_words_name_the_limit() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let mut settings = fs::File::create(world.home().join("config.toml")).unwrap();
    settings
        .write_all(b"[timeouts]\nconnect_seconds = 1\n")
        .unwrap();
    let address = gitlab.base_url();
    let (host, port) = place(&address);
    let command = ["python3", "-c", SHORT, host, port, "never"];
    let outcome = finish(run(&world, &["--quiet"], &command)).expect(0);
    assert_eq!(outcome.stdout.lines().count(), 2, "{}", outcome.stdout);
    for line in outcome.stdout.lines() {
        let told: serde_json::Value = serde_json::from_str(line).unwrap();
        let head = told["head"].as_str().unwrap();
        assert!(head.starts_with("http/1.1 503 "), "{head}");
        assert!(head.contains("\nretry-after: "), "{head}");
        assert_eq!(told["error"], "resource_exhausted");
        let message = told["message"].as_str().unwrap();
        for words in [
            "as it may, 5 (ulimit -n)",
            "neither the host nor the client",
        ] {
            assert!(message.contains(words), "{message}");
        }
        let hint = told["hint"].as_str().unwrap();
        assert!(hint.contains("`ulimit -n 65536`"), "{hint}");
    }
}

#[test]
fn more_streams_of_one_client_than_descriptors_are_all_served() {
    const STREAMS: u32 = 80;
    let (world, gitlab) = (World::new(), FakeGitLab::builder().http1_only().start());
    world.connect(&gitlab);
    // So long that all of them are under way at one time, each on a connection of its own.
    let stall = Fault::Stall(Duration::from_millis(300));
    gitlab.fault(Endpoint::Api, stall, STREAMS);
    let url = format!("{}/api/v4/user?n=[1-{STREAMS}]", gitlab.base_url());
    // curl itself needs more. What is idle afterwards does not keep the proxy from serving one who
    // comes later, by a connection of his own.
    let script = format!(
        "prlimit --nofile=64:64 --pid $PPID && curl -sS --http2 -Z --parallel-max {STREAMS} -o /dev/null -w '%{{http_code}}\\n' '{url}' && curl -sS --http1.1 -m 10 -o /dev/null -w 'then %{{http_code}}\\n' '{url}'"
    );
    let command = run(&world, &["--quiet"], &["sh", "-c", &script]);
    let outcome = finish(command).expect(0);
    let count = |line: &str| {
        outcome
            .stdout
            .lines()
            .filter(|found| *found == line)
            .count()
    };
    let served = (count("200"), count("then 200"));
    assert_eq!(
        served,
        (STREAMS as usize, STREAMS as usize),
        "{}",
        outcome.stdout
    );
}

#[test]
fn no_more_processes_is_125_with_words() {
    let world = World::new();
    let command = as_nobody_special(&world, &["true"]);
    let words: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    let is_root = command.get_program() == "setpriv";
    let outcome = if is_root {
        // One process: itself.
        let end = words.iter().position(|word| word == "--").unwrap() + 1;
        let mut limited = words.clone();
        for word in ["prlimit", "--nproc=1"].iter().rev() {
            limited.insert(end, word.into());
        }
        let words = std::iter::once("setpriv".into()).chain(limited);
        let mut limited = like(&command, words);
        limited.current_dir(world.path("."));
        finish(limited)
    } else {
        finish(behind(&["prlimit", "--nproc=1"], &command))
    };
    let outcome = outcome.expect(125);
    assert!(outcome.stderr.contains("ulimit -u"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
}

#[test]
fn too_long_a_command_is_told_as_such() {
    let world = World::new();
    // As much as the system takes: what a run adds to it is too much.
    let code = r#"
import os, sys
room = os.sysconf("SC_ARG_MAX") - 2048
while True:
    try: os.execv(sys.argv[1], [*sys.argv[1:], *["x" * 1015] * (room // 1024)])
    except OSError: room -= 1024
"#;
    let outcome = finish(behind(
        &["python3", "-c", code],
        &run(&world, &[], &["true"]),
    ))
    .expect(125);
    assert!(outcome.stderr.contains("too long"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("try again"), "{}", outcome.stderr);
}

#[test]
fn a_umask_of_777_is_the_commands_and_not_ours() {
    let (world, gitlab) = Setup::unconnected();
    let command = as_nobody_special(
        &world,
        &["sh", "-c", "umask; cat \"$SSL_CERT_FILE\" >/dev/null"],
    );
    let outcome = finish(after("umask 777", &command)).expect(0);
    assert_eq!(outcome.stdout, "0777\n");
    drop(gitlab);
}

/// In a mount namespace of its own, where it is root.
fn with_mounts(preparation: &str, command: &Command) -> Command {
    let script = format!("{preparation}; exec \"$@\"");
    behind(&["unshare", "-rm", "sh", "-c", &script, "sh"], command)
}

#[test]
fn neither_proc_nor_roots_are_needed() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let curl = ["curl", "-sS", "--fail-with-body", &url];
    let command = run(&world, &[], &curl);
    for missing in [
        "mount -t tmpfs none /proc",
        "for place in /etc/ssl /etc/pki /usr/share/ca-certificates /usr/lib/ssl; do [ ! -d $place ] || mount -t tmpfs none $place; done",
    ] {
        let outcome = finish(with_mounts(missing, &command)).expect(0);
        assert_eq!(outcome.json()["username"], "ada", "{missing}");
    }
}

#[test]
fn the_first_process_of_a_container_waits_for_orphans() {
    let world = World::new();
    let script = r#"
import os, time
for _ in range(20):
    if os.fork() == 0:
        if os.fork() == 0:
            while os.getppid() != 1: time.sleep(.001)
        os._exit(0)
    os.wait()
def zombies():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            state, parent = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[:2]
        except FileNotFoundError: # it has gone meanwhile
            continue
        if (state, parent) == ("Z", "1"): found.append(pid)
    return found
end = time.monotonic() + 20
while zombies() and time.monotonic() < end: time.sleep(.01)
assert os.getppid() == 1
print(len(zombies()))
"#;
    let command = run(&world, &["--quiet"], &["python3", "-c", script]);
    let outcome = finish(behind(&["unshare", "-rpf", "--mount-proc"], &command)).expect(0);
    assert_eq!(outcome.stdout, "0\n");
}

#[test]
fn what_cannot_be_printed_is_a_failure() {
    let world = World::new();
    for words in [
        vec!["--version"],
        vec!["--help"],
        vec!["run", "--help"],
        vec!["completions", "bash"],
        vec!["list"],
    ] {
        let mut command = world.authsome(&words);
        command.stdout(
            fs::OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .unwrap(),
        );
        let outcome = Outcome::of(command.output().unwrap());
        assert_eq!(outcome.code, Some(1), "{words:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains("could not be written"),
            "{words:?}: {}",
            outcome.stderr
        );
        world.call(&words).expect(0);
    }
}

#[test]
fn the_log_is_put_aside_within_a_run() {
    const MAX_LENGTH: u64 = 64 * 1024 * 1024;
    let Setup { world, gitlab, .. } = Setup::connected();
    let log = world.home().join("audit.log");
    fs::File::create(&log)
        .unwrap()
        .set_len(MAX_LENGTH - 10)
        .unwrap();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    world
        .run(["curl", "-sS", "--fail-with-body", &url])
        .expect(0);
    let length = |name: &str| fs::metadata(world.home().join(name)).unwrap().len();
    assert_eq!(length("audit.log.1"), MAX_LENGTH - 10);
    assert!((1..4096).contains(&length("audit.log")));
}

#[test]
fn a_pipe_in_the_place_of_the_log_holds_nothing_up() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let log = world.home().join("audit.log").display().to_string();
    finish(like(&run(&world, &[], &[]), ["mkfifo", &log])).expect(0);
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let command = run(&world, &[], &["curl", "-sS", "--fail-with-body", &url]);
    let outcome = finish(behind(&["timeout", "-k1", "30"], &command)).expect(0);
    assert!(
        outcome.stderr.contains("audit.log is not complete"),
        "{}",
        outcome.stderr
    );
    let command = world.authsome(["log"]);
    finish(behind(&["timeout", "-k1", "30"], &command)).expect(1);
}

#[test]
fn a_full_disk_and_a_read_only_home_are_told_in_words() {
    let world = World::new();
    let home = world.home();
    fs::create_dir(&home).unwrap();
    let home = home.display().to_string();
    for (spoil, said) in [
        (
            format!("head -c 700000 /dev/zero >'{home}/fill' 2>&-"),
            "no space left",
        ),
        (
            format!("mount --options-mode ignore -o remount,ro '{home}'"),
            "cannot be written",
        ),
    ] {
        for (words, code) in [(vec!["run", "--", "true"], 125), (vec!["list"], 9)] {
            let script = format!(
                "mount -t tmpfs -o size=400k,mode=700 none '{home}' && \"$0\" list >&2 && {spoil}; exec \"$@\""
            );
            let command = world.authsome(&words);
            let program = command.get_program().to_str().unwrap();
            let wrapper = ["unshare", "-rm", "sh", "-c", &script, program];
            let outcome = finish(behind(&wrapper, &command)).expect(code);
            assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
            assert!(!outcome.stderr.contains("Error code"), "{}", outcome.stderr);
        }
    }
}
