//! Who is admitted without the session's password, and who is not with it: the attacks of the threat model, by real processes.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::process::Command;

use crate::child::{Running, after, as_nobody_special, behind, finish, like, run};
use crate::kit::{World, binary};
use authsome_test_support::kit::skip;
use authsome_test_support::{Arrived, FakeGitLab};
use nix::unistd::Uid;

/// What every client here begins with. It asks for `/api/v4/user` in absolute form, so that one status tells whether it was admitted: 200, or
/// 407 and nothing arrives.
const CLIENT: &str = r#"
import base64, http.client, os, socket, sys
from urllib.parse import unquote, urlsplit

URL = sys.argv[1]
PROXY = urlsplit(os.environ["HTTPS_PROXY"])

def basic(password):
    return {"Proxy-Authorization": "Basic " + base64.b64encode(f"{PROXY.username}:{password}".encode()).decode()}

RIGHT, WRONG = basic(PROXY.password), basic("wrong")

def dial(proxy=PROXY):
    return socket.create_connection((proxy.hostname, proxy.port))

def ask(peer=None, headers={}):
    connection = http.client.HTTPConnection("proxy")
    connection.sock = peer or dial()
    connection.request("GET", URL, headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status

def daemon(work):
    "What work says in a process of a session of its own, whose parent and nobody else was our child, and has ended."
    reading, writing = os.pipe()
    if os.fork() == 0:
        middle = os.getpid()
        if os.fork() == 0:
            os.setsid()
            while os.getppid() == middle:
                os.sched_yield()
            os.write(writing, str(work()).encode())
        os._exit(0)
    os.close(writing)
    os.wait()
    return os.read(reading, 100).decode()
"#;

/// A home with a connection, and its GitLab.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) gitlab: FakeGitLab,
    token: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let (world, gitlab) = (World::new(), FakeGitLab::start());
        let (_, pair) = world.connect(&gitlab);
        Self {
            world,
            gitlab,
            token: pair.access,
        }
    }

    fn url(&self) -> String {
        format!("{}/api/v4/user", self.gitlab.base_url())
    }

    /// The words of a client.
    fn client(&self, program: &str) -> [String; 4] {
        let program = format!("{CLIENT}{program}");
        ["python3".into(), "-c".into(), program, self.url()]
    }

    /// A run of that client.
    fn run(&self, program: &str) -> Command {
        let words = self.client(program);
        run(&self.world, &[], &words.each_ref().map(String::as_str))
    }

    /// What such a client says.
    #[track_caller]
    fn said(&self, program: &str) -> String {
        said(self.run(program))
    }

    /// A client outside any run that is told where the proxy is.
    fn outsider(&self, proxy: &str, program: &str) -> Command {
        let model = self.world.authsome::<&str>([]);
        let mut command = like(&model, self.client(program));
        command.env("HTTPS_PROXY", proxy);
        command
    }

    /// How many requests arrived; each was admitted, so each must have carried the token.
    #[track_caller]
    fn arrived(&self) -> usize {
        let seen = self.gitlab.seen();
        for request in &seen {
            let token = self.token.clone();
            assert_eq!(request.credential, Arrived::Bearer { token });
        }
        seen.len()
    }
}

#[track_caller]
fn said(command: Command) -> String {
    finish(command).expect(0).stdout.trim().to_owned()
}

/// A run whose child says where its proxy is, and then waits until it is released.
pub(crate) fn waiting(scene: &Scene) -> (Running, String) {
    let script = "echo \"$HTTPS_PROXY\"; read -r line; exit 0";
    let running = Running::start(run(&scene.world, &[], &["sh", "-c", script]));
    let proxy = running.line().unwrap();
    (running, proxy)
}

/// Whether the test can be made: it is said by name where it cannot.
pub(crate) fn is_root(test: &str) -> bool {
    let is_root = Uid::effective().is_root();
    if !is_root {
        skip(&format!("{test} needs root"));
    }
    is_root
}

/// As another user than root and the one of [`as_nobody_special`].
pub(crate) const SOMEBODY_ELSE: [&str; 6] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "env",
    "PATH=/usr/local/bin:/usr/bin:/bin", // root's own programs are closed to others
];

// ---------------------------------------------------------------------------------------------------------- admitted

#[test]
fn a_child_without_the_password_gets_the_token() {
    let scene = Scene::new();
    let script = "exec curl -sS --fail --proxy \"http://${HTTPS_PROXY##*@}\" \"$1\"";
    let outcome = scene.world.run(["sh", "-c", script, "sh", &scene.url()]);
    assert_eq!(outcome.expect(0).json()["username"], "ada");
    assert_eq!(scene.arrived(), 1);
}

#[test]
fn what_descends_from_the_child_is_admitted() {
    let scene = Scene::new();
    // Each shell has a second command, so that it does not become the first.
    let nested = behind(&["sh", "-c", "\"$@\"; exit $?", "sh"], &{
        let words = scene.client("print(ask())");
        like(&scene.world.authsome::<&str>([]), words)
    });
    let words: Vec<_> = std::iter::once(nested.get_program())
        .chain(nested.get_args())
        .map(|word| word.to_str().unwrap())
        .collect();
    assert_eq!(said(run(&scene.world, &[], &words)), "200");
    assert_eq!(scene.said("print(daemon(ask))"), "200");
    assert_eq!(scene.arrived(), 2);
}

#[test]
fn one_look_admits_a_connection_for_good() {
    let scene = Scene::new();
    let program = "peer = dial(); print(ask(peer), ask(peer), ask(peer, RIGHT), ask(peer))";
    assert_eq!(scene.said(program), "200 200 200 200");
}

#[test]
fn an_ipv4_mapped_socket_is_admitted() {
    let scene = Scene::new();
    let program = r#"
peer = socket.socket(socket.AF_INET6)
peer.connect(("::ffff:" + PROXY.hostname, PROXY.port))
print(ask(peer))
"#;
    assert_eq!(scene.said(program), "200");
}

#[test]
fn a_socket_passed_on_within_the_tree_is_admitted() {
    let scene = Scene::new();
    let program = r#"
ours, theirs = socket.socketpair()
if os.fork() == 0:
    _, descriptors, _, _ = socket.recv_fds(theirs, 1, 1)
    print(ask(socket.socket(fileno=descriptors[0])), flush=True)
    os._exit(0)
with dial() as peer:
    socket.send_fds(ours, [b"x"], [peer.fileno()])
os.wait()
"#;
    assert_eq!(scene.said(program), "200");
}

#[test]
fn an_ordinary_user_needs_no_password_unless_descriptors_are_hidden() {
    let scene = Scene::new();
    let program = r"
import ctypes
print(ask(), daemon(ask))
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: as ssh-agent does
print(ask(), ask(headers=RIGHT))
";
    let words = scene.client(program);
    let words = words.each_ref().map(String::as_str);
    let command = as_nobody_special(&scene.world, &words);
    assert_eq!(said(command), "200 200\n407 200");
}

#[test]
fn a_run_within_a_run_works() {
    let scene = Scene::new();
    let words = scene.client("print(ask(), daemon(ask))");
    let inner = [binary().to_str().unwrap(), "run", "--"];
    let words = inner.into_iter().chain(words.iter().map(String::as_str));
    let words: Vec<_> = words.collect();
    assert_eq!(said(run(&scene.world, &[], &words)), "200 200");
}

#[test]
fn a_child_in_a_pid_namespace_of_its_own_is_admitted() {
    if !is_root("a_child_in_a_pid_namespace_of_its_own_is_admitted") {
        return;
    }
    let scene = Scene::new();
    let words = scene.client("print(os.getpid(), ask(), daemon(ask))");
    let unshare = ["unshare", "--pid", "--fork", "--mount-proc"].into_iter();
    let words: Vec<_> = unshare.chain(words.iter().map(String::as_str)).collect();
    assert_eq!(said(run(&scene.world, &[], &words)), "1 200 200");
}

// ---------------------------------------------------------------------------------------------------------- asked for the password

#[test]
fn a_wrong_password_is_refused_in_the_tree_too() {
    let scene = Scene::new();
    let program = r#"
peer = dial()
print(ask(peer, WRONG), ask(peer, {"Proxy-Authorization": ""}), ask(peer, {"Proxy-Authorization": "Negotiate eA=="}))
print(ask(peer), ask(peer, WRONG))
"#;
    assert_eq!(scene.said(program), "407 407 407\n200 407");
    assert_eq!(scene.arrived(), 1);
}

#[test]
fn a_process_outside_the_run_needs_the_password() {
    let scene = Scene::new();
    let (_running, proxy) = waiting(&scene);
    let program = "peer = dial(); print(ask(peer), ask(peer, WRONG), ask(peer), daemon(ask))";
    let outcome = said(scene.outsider(&proxy, program));
    assert_eq!(outcome, "407 407 407 407");
    assert_eq!(scene.arrived(), 0);
    let program = "peer = dial(); print(ask(peer), ask(peer, RIGHT), ask(peer))";
    assert_eq!(said(scene.outsider(&proxy, program)), "407 200 407");
    assert_eq!(scene.arrived(), 1);
}

#[test]
fn a_challenge_has_a_length_and_leaves_the_connection_open() {
    let scene = Scene::new();
    let (_running, proxy) = waiting(&scene);
    let program = r#"
connection = http.client.HTTPConnection(PROXY.hostname, PROXY.port)
connection.request("GET", URL)
answer = connection.getresponse()
body = answer.read()
print(answer.status, answer.headers["Proxy-Authenticate"], answer.headers["authsome-error"])
print(int(answer.headers["Content-Length"]) == len(body) > 0, answer.will_close)
"#;
    assert_eq!(
        said(scene.outsider(&proxy, program)),
        "407 Basic realm=\"authsome\" proxy_authentication_required\nTrue False"
    );
}

#[test]
fn a_socket_passed_out_of_the_tree_is_admitted_while_the_tree_holds_it_and_no_longer() {
    let scene = Scene::new();
    let meeting = scene.world.path("meeting").display().to_string();
    let taker = format!(
        r#"
server = socket.socket(socket.AF_UNIX)
server.bind("{meeting}")
server.listen()
print("ready", flush=True)
for _ in range(2):
    giver, _ = server.accept()
    _, descriptors, _, _ = socket.recv_fds(giver, 1, 1)
    assert giver.recv(2) == b"go"
    print(ask(socket.socket(fileno=descriptors[0])), flush=True)
    giver.close()
"#
    );
    let mut taker = Running::start(scene.outsider("http://nowhere", &taker));
    assert_eq!(taker.line().unwrap(), "ready");
    let giver = format!(
        r#"
for keeps in [True, False]:
    taker = socket.socket(socket.AF_UNIX)
    taker.connect("{meeting}")
    peer = dial()
    socket.send_fds(taker, [b"x"], [peer.fileno()])
    if not keeps: peer.close()
    taker.send(b"go")
    assert taker.recv(1) == b""
"#
    );
    assert_eq!(scene.said(&giver), "");
    assert_eq!(taker.line().unwrap(), "200");
    assert_eq!(taker.line().unwrap(), "407");
    assert_eq!(taker.end().code(), Some(0));
}

#[test]
fn a_daemon_of_an_earlier_run_is_not_of_a_later_one() {
    let scene = Scene::new();
    let [place, verdict] = fifos(&scene);
    // It waits for the next run's proxy with nothing of this run open but the pipes.
    let stays = format!(
        r#"
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for standard in range(3): os.dup2(null, standard)
        PROXY = urlsplit(open("{place}").read())
        statuses = [ask(dial(PROXY)), ask(dial(PROXY), basic(PROXY.password))]
        open("{verdict}", "w").write(str(statuses))
    os._exit(0)
os.wait()
"#
    );
    assert_eq!(scene.said(&stays), "");
    let asks = format!(
        r#"
open("{place}", "w").write(os.environ["HTTPS_PROXY"])
print(open("{verdict}").read(), ask())
"#
    );
    assert_eq!(scene.said(&asks), "[407, 200] 200");
    assert_eq!(scene.arrived(), 2);
}

#[test]
fn children_that_authsome_had_before_are_not_of_the_run_nor_are_their_orphans() {
    let scene = Scene::new();
    let [place, verdict] = fifos(&scene);
    let earlier = format!(
        r#"
{CLIENT}
PROXY = urlsplit(open("{place}").read())
statuses = [ask(dial(PROXY)), daemon(lambda: ask(dial(PROXY)))]
open("{verdict}", "w").write(str(statuses))
"#
    );
    let earlier = scene.world.file("earlier.py", &earlier);
    let program = format!(
        r#"
open("{place}", "w").write(os.environ["HTTPS_PROXY"])
print(open("{verdict}").read(), ask(), daemon(ask))
"#
    );
    let job = format!(
        "HTTPS_PROXY=http://nowhere python3 {} {}",
        earlier.display(),
        scene.url()
    );
    // A shell with a job that becomes authsome. An orphan could be either's, so the run's own needs the password as well.
    let command = after(&format!("{{ {job} & }}"), &scene.run(&program));
    assert_eq!(said(command), "[407, '407'] 200 407");
    assert_eq!(scene.arrived(), 1);
}

#[test]
fn the_first_process_of_a_container_believes_no_orphan() {
    if !is_root("the_first_process_of_a_container_believes_no_orphan") {
        return;
    }
    let scene = Scene::new();
    let program = "print(os.getppid(), ask(), daemon(ask))";
    let container = ["unshare", "--pid", "--fork", "--mount-proc"];
    let command = behind(&container, &scene.run(program));
    assert_eq!(said(command), "1 200 407");
}

#[test]
fn under_the_proc_of_another_namespace_the_password_alone_is_admitted() {
    if !is_root("under_the_proc_of_another_namespace_the_password_alone_is_admitted") {
        return;
    }
    let scene = Scene::new();
    let command = scene.run("print(ask(), ask(headers=RIGHT))");
    let command = behind(&["unshare", "--pid", "--fork"], &command);
    assert_eq!(said(command), "407 200");
}

// ---------------------------------------------------------------------------------------------------------- never admitted

#[test]
fn another_user_in_the_tree_is_refused_with_and_without_the_password() {
    if !is_root("another_user_in_the_tree_is_refused_with_and_without_the_password") {
        return;
    }
    let scene = Scene::new();
    let words = scene.client("print(ask(), ask(headers=RIGHT), ask(headers=WRONG))");
    let words = words.each_ref().map(String::as_str);
    let words = [&SOMEBODY_ELSE[..], &words].concat();
    assert_eq!(said(run(&scene.world, &[], &words)), "403 403 403");
    assert_eq!(scene.arrived(), 0);
}

#[test]
fn another_user_outside_is_refused_with_and_without_the_password() {
    if !is_root("another_user_outside_is_refused_with_and_without_the_password") {
        return;
    }
    let scene = Scene::new();
    let (mut running, proxy) = waiting(&scene);
    let program = r#"
print(ask(), ask(headers=RIGHT))
connection = http.client.HTTPConnection(PROXY.hostname, PROXY.port)
connection.request("GET", URL, headers=RIGHT)
answer = connection.getresponse()
print(answer.headers["authsome-error"], answer.will_close, b"another user" in answer.read())
"#;
    let command = behind(&SOMEBODY_ELSE, &scene.outsider(&proxy, program));
    assert_eq!(said(command), "403 403\ndenied True True");
    assert_eq!(scene.arrived(), 0);
    running.release();
    assert_eq!(running.end().code(), Some(0));
    let log = scene.world.call(["log"]).expect(0).stdout;
    assert_eq!(log.matches("another user").count(), 1, "{log}");
}

#[test]
fn root_is_another_user_too() {
    if !is_root("root_is_another_user_too") {
        return;
    }
    let scene = Scene::new();
    let script = "echo \"$HTTPS_PROXY\"; read -r line; exit 0";
    let running = Running::start(as_nobody_special(&scene.world, &["sh", "-c", script]));
    let proxy = running.line().unwrap();
    let program = "print(ask(), ask(headers=RIGHT))";
    assert_eq!(said(scene.outsider(&proxy, program)), "403 403");
    assert_eq!(scene.arrived(), 0);
}

/// Two named pipes beside the home.
fn fifos(scene: &Scene) -> [String; 2] {
    ["place", "verdict"].map(|name| {
        let path = scene.world.path(name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        path.display().to_string()
    })
}
