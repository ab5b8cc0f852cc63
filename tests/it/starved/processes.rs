//! Processes, arguments, permissions, `/proc` and roots.

use std::process::Command;

use crate::kit::run::{after, as_nobody_special, behind, finish, like, run};
use crate::kit::{Setup, World};

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
    // An orphan that has ended stays in `/proc` until it has been waited for.
    let script = r#"
import os, time
pids, to_us = os.pipe()
for _ in range(20):
    if os.fork() == 0:
        if os.fork() == 0:
            while os.getppid() != 1: time.sleep(.001)
            os.write(to_us, b"%d\n" % os.getpid())
        os._exit(0)
    os.wait()
os.close(to_us)
orphans = open(pids).read().split()
left = lambda: [pid for pid in orphans if os.path.exists("/proc/" + pid)]
end = time.monotonic() + 20
while left() and time.monotonic() < end: time.sleep(.01)
assert os.getppid() == 1
print(len(orphans), left())
"#;
    let command = run(&world, &["--quiet"], &["python3", "-c", script]);
    let outcome = finish(behind(&["unshare", "-rpf", "--mount-proc"], &command)).expect(0);
    assert_eq!(outcome.stdout, "20 []\n");
}
