//! Processes that are asked for the password.

use crate::kit::admission::{CLIENT, Scene, is_root, said, waiting};
use crate::kit::run::{Running, after, behind};

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
response = connection.getresponse()
body = response.read()
print(response.status, response.headers["Proxy-Authenticate"], response.headers["authsome-error"])
print(int(response.headers["Content-Length"]) == len(body) > 0, response.will_close)
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
    // A shell with a job that becomes authsome. An orphan could be either's, so the run's own needs
    // the password as well.
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

/// Two named pipes beside the home.
fn fifos(scene: &Scene) -> [String; 2] {
    ["place", "verdict"].map(|name| {
        let path = scene.world.path(name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        path.display().to_string()
    })
}
