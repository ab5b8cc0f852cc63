//! No terminal, no HOME, a HOME that cannot be written, no standard streams.

use std::fs;
use std::process::Command;

use crate::attended::Proxy;
use crate::kit::refresh::user;
use crate::kit::run::{after, behind, finish, run};
use crate::kit::{Setup, World};

/// A run that asks the server, and must be answered.
fn asks(setup: &Setup) -> Command {
    let url = user(&setup.gitlab);
    let words = ["curl", "-sS", "--fail", "-o", "/dev/null", &url];
    run(&setup.world, &["--quiet"], &words)
}

/// Its home is elsewhere than in HOME, which is empty and cannot be written.
fn with_read_only_home(world: &World, command: &mut Command) -> Command {
    let user = world.path("user");
    fs::create_dir_all(&user).unwrap();
    command.env("HOME", &user);
    let script = "mount -t tmpfs -o ro none \"$HOME\" && exec \"$@\"";
    behind(&["unshare", "-rm", "sh", "-c", script, "sh"], command)
}

#[test]
fn without_a_terminal() {
    let setup = Setup::connected();
    finish(behind(&["setsid", "--wait"], &asks(&setup))).expect(0);
    let proxy = behind(
        &["setsid", "--wait"],
        &setup.world.authsome(["--json", "proxy"]),
    );
    let proxy = Proxy::of(proxy);
    let pid = proxy.ready["pid"].as_i64().unwrap();
    let pid = nix::unistd::Pid::from_raw(pid.try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    proxy.wait().expect(0);
}

#[test]
fn without_home() {
    let setup = Setup::connected();
    let mut command = asks(&setup);
    command.env_remove("HOME");
    finish(command).expect(0);
    let mut command = setup.world.authsome(["--json", "proxy"]);
    command.env_remove("HOME");
    Proxy::of(command).end().expect(0);
    // Nothing says where the files are: one line says what to set.
    for (words, code) in [(&["run", "--", "true"][..], 125), (&["proxy"], 9)] {
        let mut command = setup.world.authsome(words);
        command.env_remove("HOME").env_remove("AUTHSOME_HOME");
        let told = finish(command).expect(code);
        let lines: Vec<_> = told.stderr.lines().collect();
        assert!(
            lines.len() <= 2 && told.stderr.contains("AUTHSOME_HOME"),
            "{told:?}"
        );
    }
}

#[test]
fn with_a_home_that_cannot_be_written() {
    let setup = Setup::connected();
    let mut command = asks(&setup);
    finish(with_read_only_home(&setup.world, &mut command)).expect(0);
    let mut command = setup.world.authsome(["--json", "proxy"]);
    let proxy = Proxy::of(with_read_only_home(&setup.world, &mut command));
    proxy.end().expect(0);
    // Without another place, one line says what to set.
    let mut command = setup.world.authsome(["run", "--", "true"]);
    command.env_remove("AUTHSOME_HOME");
    let told = finish(with_read_only_home(&setup.world, &mut command)).expect(125);
    assert!(told.stderr.contains("AUTHSOME_HOME"), "{told:?}");
}

#[test]
fn with_closed_standard_streams() {
    let setup = Setup::connected();
    for closed in ["exec <&-", "exec <&- >&-", "exec <&- >&- 2>&-"] {
        finish(after(closed, &asks(&setup))).expect(0);
        let file = setup.world.path("ready");
        let mut command = setup.world.authsome(["proxy", "--ready-fd", "7"]);
        command.env("READY", &file);
        let opened = format!("{closed}; exec 7> \"$READY\"");
        let mut child = after(&opened, &command).spawn().unwrap();
        let mut ready = String::new();
        crate::kit::until("the proxy", || {
            ready = fs::read_to_string(&file).unwrap_or_default();
            ready.ends_with('\n')
        });
        let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
        assert_eq!(ready["pid"], child.id(), "{closed}");
        let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{closed}");
        fs::remove_file(file).unwrap();
    }
}
