//! Processes of the run.

use crate::kit::admission::{Scene, is_root, said};
use crate::kit::binary;
use crate::kit::run::{as_nobody_special, behind, like, run};

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
