//! Files inside: the user's own, less authsome's, and what the flags protect.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use crate::kit::isolate::Inside;
use crate::kit::run::finish;

#[test]
fn the_vault_and_its_key_are_not_there() {
    let Some(inside) = Inside::new("the_vault_and_its_key_are_not_there") else {
        return;
    };
    assert!(inside.world.home().join("vault.db").exists());
    let script = "find \"$AUTHSOME_HOME\" ! -name \"$AUTHSOME_SESSION*\" -printf '%P\\n'; \
        cat \"$AUTHSOME_HOME/master.key\" 2>&1 | grep -o 'No such file'";
    let mut run = inside.run(&[], &["sh", "-c", script]);
    run.env("AUTHSOME_HOME", inside.world.home());
    let outcome = finish(run);
    assert_eq!(outcome.stdout, "\nsessions\nNo such file\n");
    // The user's other files are.
    let outcome = inside.shell(&[], "cat other.pem >/dev/null && touch mine && echo there");
    assert_eq!(outcome.expect(0).stdout, "there\n");
    assert!(inside.world.path("mine").exists());
}

#[test]
fn the_command_still_learns_what_it_may_do() {
    let Some(inside) = Inside::new("the_command_still_learns_what_it_may_do") else {
        return;
    };
    let own = inside.world.path("authsome");
    let script = format!("'{0}' status; '{0}' export gitlab; echo $?", own.display());
    let outcome = inside.shell(&[], &script);
    assert!(outcome.stdout.contains("gitlab"), "{}", outcome.stdout);
    assert!(outcome.stdout.ends_with("\n4\n"), "{}", outcome.stdout);
}

#[test]
fn other_processes_and_sockets_are_not_there() {
    let Some(inside) = Inside::new("other_processes_and_sockets_are_not_there") else {
        return;
    };
    let path = inside.world.path("agent.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let program = "
print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()) == sorted({1, os.getppid(), os.getpid()} - {0}))
for flag, address in [('path', AGENT), ('abstract', '\\0' + NAME)]:
    s = socket.socket(socket.AF_UNIX)
    try: s.connect(address); print(flag, 'in')
    except OSError as e: print(flag, e.strerror)
";
    let name = format!("authsome-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
    let _abstract = UnixListener::bind_addr(&address).unwrap();
    let program = format!(
        "AGENT, NAME = {:?}, {name:?}\n{program}",
        path.to_str().unwrap()
    );
    let said = inside.python(&[], &program);
    assert_eq!(
        said,
        "True\npath Connection refused\nabstract Connection refused"
    );
}

#[test]
fn an_agent_stays_where_the_user_keeps_it() {
    let Some(inside) = Inside::new("an_agent_stays_where_the_user_keeps_it") else {
        return;
    };
    let path = inside.world.path("agent.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let program =
        inside.told("s = socket.socket(socket.AF_UNIX); s.connect(os.environ['SSH_AUTH_SOCK'])");
    for (flags, code) in [(&[][..], 1), (&["--keep-agent"], 0)] {
        let mut run = inside.run(flags, &["python3", "-c", &program]);
        run.env("SSH_AUTH_SOCK", &path);
        finish(run).expect(code);
    }
}

#[test]
fn with_a_read_only_root_only_named_directories_are_written_to() {
    let Some(inside) = Inside::new("with_a_read_only_root_only_named_directories_are_written_to")
    else {
        return;
    };
    for name in ["mine", "theirs"] {
        fs::create_dir(inside.world.path(name)).unwrap();
    }
    let script = "w() { (: > \"$1\") 2>/dev/null && echo \"wrote $1\"; }; \
        w mine/a; w theirs/a; w here; w /tmp/own; w /dev/null; ln other.pem mine/link 2>/dev/null && echo linked; \
        mv theirs mine/ 2>/dev/null && echo moved; ls /tmp | grep -v ^authsome-";
    let flags = ["--read-only-root", "--writable", "mine"];
    let outcome = inside.shell(&flags, script).expect(0);
    assert_eq!(
        outcome.stdout,
        "wrote mine/a\nwrote /tmp/own\nwrote /dev/null\nown\n"
    );
    assert!(inside.world.path("mine/a").exists());
}

#[test]
fn what_git_and_agents_run_of_their_own_is_protected() {
    let Some(inside) = Inside::new("what_git_and_agents_run_of_their_own_is_protected") else {
        return;
    };
    fs::create_dir(inside.world.path("repo")).unwrap();
    fs::create_dir(inside.world.path("repo/.claude")).unwrap();
    let mut init = inside.world.authsome::<&str>([]);
    init = crate::kit::run::like(&init, ["git", "init", "-q", "repo"]);
    init.current_dir(inside.world.path("."));
    finish(init).expect(0);
    let script = "cd repo; w() { (echo x >> \"$1\") 2>/dev/null && echo \"wrote $1\"; }; \
        w .git/hooks/post-checkout; w .git/config; w .claude/settings.json; w file; \
        mv .git .git2 2>/dev/null && echo moved; mv ../repo ../other 2>/dev/null && echo moved all; \
        rm -rf .git/hooks 2>/dev/null; git config user.name x 2>/dev/null && echo set; git add file && echo added";
    let mut run = inside.run(
        &["--protect-repo"],
        &["sh", "-c", &format!("cd ..; {script}")],
    );
    run.current_dir(inside.world.path("repo"));
    let outcome = finish(run).expect(0);
    assert_eq!(outcome.stdout, "wrote file\nadded\n");
    let hooks = inside.world.path("repo/.git/hooks");
    assert!(!hooks.join("post-checkout").exists() && hooks.exists());
}
