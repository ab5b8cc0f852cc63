//! `authsome run` where something is short: descriptors, processes, permissions, `/proc`, roots, room for the log.

use std::fs;
use std::process::Command;

use crate::kit::run::{after, as_nobody_special, behind, finish, like, run};
use crate::kit::{Outcome, Setup, World};

/// Opens so many tunnels to a managed host at once, asks one thing through each, and counts the answers. Each is held open until all have
/// asked, as far as they were let in; one that waits to be let in gets its turn when others end.
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
    const LARGEST: u64 = 64 * 1024 * 1024;
    let Setup { world, gitlab, .. } = Setup::connected();
    let log = world.home().join("audit.log");
    fs::File::create(&log)
        .unwrap()
        .set_len(LARGEST - 10)
        .unwrap();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    world
        .run(["curl", "-sS", "--fail-with-body", &url])
        .expect(0);
    let length = |name: &str| fs::metadata(world.home().join(name)).unwrap().len();
    assert_eq!(length("audit.log.1"), LARGEST - 10);
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
        (format!("mount -o remount,ro '{home}'"), "cannot be written"),
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
