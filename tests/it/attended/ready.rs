//! When it serves, and when it ends.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use super::Proxy;
use crate::kit::client::LONG;
use crate::kit::{Outcome, Setup};

#[test]
fn it_tells_a_descriptor_and_the_service_manager_that_it_serves() {
    let Setup { world, .. } = Setup::connected();
    let manager = world.path("notify.sock");
    let receiver = UnixDatagram::bind(&manager).unwrap();
    receiver.set_read_timeout(Some(LONG)).unwrap();
    let told = world.path("ready.json");
    let own = world.authsome(["proxy"]);
    let program = own.get_program().to_str().unwrap().to_owned();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!(
        "exec {program} --json proxy --ready-fd 5 5>{}",
        told.display()
    ));
    shell.envs(
        own.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
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
