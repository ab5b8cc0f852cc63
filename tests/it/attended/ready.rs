//! When it serves, and when it ends.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, PipeWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::Proxy;
use crate::kit::client::LONG;
use crate::kit::{Outcome, Setup, World};

/// A proxy that tells descriptor 5, which the shell opens so.
fn with_descriptor(world: &World, opened: &str) -> Command {
    let own = world.authsome(["proxy"]);
    let program = own.get_program().to_str().unwrap();
    let mut shell = Command::new("sh");
    let line = format!("exec {program} --json proxy --ready-fd 5 {opened}");
    shell.arg("-c").arg(line);
    let variables = own.get_envs();
    shell.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    shell
}

#[test]
fn it_tells_a_descriptor_and_the_service_manager_that_it_serves() {
    let Setup { world, .. } = Setup::connected();
    let manager = world.path("notify.sock");
    let receiver = UnixDatagram::bind(&manager).unwrap();
    receiver.set_read_timeout(Some(LONG)).unwrap();
    let told = world.path("ready.json");
    let mut shell = with_descriptor(&world, &format!("5>{}", told.display()));
    shell.env("NOTIFY_SOCKET", &manager);
    let proxy = Proxy::of(shell);
    let mut message = [0; 64];
    let length = receiver.recv(&mut message).unwrap();
    assert_eq!(&message[..length], b"READY=1");
    let mut text = String::new();
    File::open(told).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&text).unwrap(),
        proxy.ready
    );
    proxy.end().expect(0);
}

#[test]
fn it_ends_with_a_process_or_by_any_signal_that_ends_a_program() {
    let Setup { world, .. } = Setup::connected();
    let mut other = Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = other.id().to_string();
    let proxy = Proxy::start(&world, &["--until-pid", &pid]);
    other.kill().unwrap();
    other.wait().unwrap();
    proxy.wait().expect(0);
    for signal in [Signal::SIGINT, Signal::SIGHUP, Signal::SIGTERM] {
        let proxy = Proxy::start(&world, &[]);
        proxy.signal(signal);
        proxy.wait().expect(0);
    }
    let runs = world.call(["runs", "--json"]).expect(0).json();
    assert!(
        runs.as_array()
            .unwrap()
            .iter()
            .all(|run| run["live"] == false),
        "{runs}"
    );
}

#[test]
fn two_of_one_home_share_its_connections() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let files = ["one.env", "two.env"].map(|name| world.path(name).display().to_string());
    let proxies = files
        .each_ref()
        .map(|file| Proxy::start(&world, &["--env-file", file]));
    gitlab.expire_access_tokens();
    let fetch = format!(
        "curl -sS --fail-with-body {}/api/v4/user",
        gitlab.base_url()
    );
    for file in &files {
        super::script(&world, file, &fetch).expect(0);
    }
    for proxy in proxies {
        proxy.end().expect(0);
    }
}

#[test]
fn it_says_where_it_is_without_being_asked_for_json() {
    let Setup { world, .. } = Setup::connected();
    let mut command = world.authsome(["proxy", "--env-file", "-"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = lines.find(|line| {
        line.as_ref()
            .unwrap()
            .starts_with("The proxy is at 127.0.0.1:")
    });
    assert!(said.is_some());
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
    let outcome = Outcome::of(child.wait_with_output().unwrap()).expect(0);
    assert!(
        outcome.stdout.contains("export HTTPS_PROXY=http"),
        "{outcome:?}"
    );
}

#[test]
fn a_descriptor_that_nobody_has_opened_is_not_written_to() {
    let Setup { world, .. } = Setup::connected();
    let vault = || fs::read(world.home().join("vault.db")).unwrap();
    let program = world.authsome(["proxy"]).get_program().to_owned();
    let program = || {
        let found = fs::metadata(&program).unwrap();
        (found.len(), found.modified().unwrap())
    };
    let before = (vault(), program());
    for number in 3..=20 {
        let number = number.to_string();
        let outcome = world.call(["proxy", "--ready-fd", &number]).expect(2);
        let said = format!("cannot write to descriptor {number} of --ready-fd");
        assert!(outcome.stderr.contains(&said), "{outcome:?}");
    }
    assert_eq!((vault(), program()), before);
    world.call(["list"]).expect(0);
}

/// A proxy whose descriptor 5 is that one.
fn handed(world: &World, descriptor: impl Into<OwnedFd>) -> Command {
    let mut shell = with_descriptor(world, "5<&0 </dev/null");
    shell.stdin(Stdio::from(descriptor.into()));
    shell.stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

#[test]
fn it_tells_a_socket_a_pipe_and_the_end_of_a_file() {
    let Setup { world, .. } = Setup::connected();
    let ends = |mut child: Child| {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
        assert!(child.wait().unwrap().success());
    };
    let told = |mut text: String, child: Child| {
        let _ = text.pop();
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["pid"], child.id(), "{text}");
        ends(child);
    };
    // As Node's `stdio: 'pipe'` has it.
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(LONG)).unwrap();
    let child = handed(&world, theirs).spawn().unwrap();
    let mut text = String::new();
    ours.read_to_string(&mut text).unwrap(); // it has an end
    told(text, child);
    let (mut ours, theirs) = std::io::pipe().unwrap();
    let child = handed(&world, theirs).spawn().unwrap();
    let mut text = String::new();
    ours.read_to_string(&mut text).unwrap();
    told(text, child);
    let file = world.file("log", "before\n");
    let proxy = Proxy::of(with_descriptor(&world, &format!("5>>{}", file.display())));
    let text = fs::read_to_string(file).unwrap();
    assert_eq!(text.lines().next(), Some("before"));
    let (_, line) = text.split_once('\n').unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line, proxy.ready);
    proxy.end().expect(0);
}

/// A pipe without room for a single byte.
fn fill(pipe: &mut PipeWriter) {
    let capacity = nix::fcntl::fcntl(&*pipe, nix::fcntl::FcntlArg::F_GETPIPE_SZ).unwrap();
    let text = vec![b'x'; usize::try_from(capacity).unwrap()];
    pipe.write_all(&text).unwrap();
}

#[test]
fn a_reader_that_does_not_read_is_not_waited_for_forever() {
    let Setup { world, .. } = Setup::connected();
    let (_reader, mut writer) = std::io::pipe().unwrap();
    fill(&mut writer);
    let began = Instant::now();
    let full = handed(&world, writer.try_clone().unwrap());
    let outcome = Outcome::of({ full }.output().unwrap()).expect(2);
    assert!(outcome.stdout.contains("nobody reads it"), "{outcome:?}");
    assert!(began.elapsed() < Duration::from_secs(30));
    // A signal ends it sooner.
    let mut waiting = handed(&world, writer).spawn().unwrap();
    let sessions = world.home().join("sessions");
    while !fs::read_dir(&sessions).is_ok_and(|mut found| found.next().is_some()) {
        assert!(waiting.try_wait().unwrap().is_none() && began.elapsed() < LONG);
        std::thread::yield_now();
    }
    let pid = nix::unistd::Pid::from_raw(i32::try_from(waiting.id()).unwrap());
    nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
    assert!(waiting.wait().unwrap().success());
}

/// A pipe by name whose reader has gone: the program is told, and not stopped.
#[test]
fn a_reader_that_has_gone_is_an_error() {
    let Setup { world, .. } = Setup::connected();
    let path = world.path("pipe");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut options = OpenOptions::new();
    let reader = options
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(&path);
    let writer = OpenOptions::new().write(true).open(&path).unwrap();
    drop(reader.unwrap());
    let outcome = Outcome::of(handed(&world, writer).output().unwrap()).expect(2);
    assert!(
        outcome.stdout.contains("cannot write to descriptor 5"),
        "{outcome:?}"
    );
}
