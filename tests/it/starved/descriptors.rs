//! Descriptors: who waits for one, and what is said where none comes free.

use std::fs;
use std::io::Write;
use std::time::Duration;

use authsome_test_support::{Endpoint, FakeGitLab, Fault};

use crate::kit::run::{after, finish, run};
use crate::kit::{Setup, World};

/// Opens so many tunnels to a managed host at once, asks one thing through each, and counts the
/// answers. Each is held open until all have asked, as far as they were let in; one that waits to
/// be let in gets its turn when others end.
const CROWD: &str = include_str!("../kit/children/starved_crowd.py");

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
