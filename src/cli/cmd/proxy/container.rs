//! `--container`: what is asked about the machine, and the flags as they are printed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::args::{ContainerEngine, Proxy};
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::cli::words::shell_word;
use crate::env::asked::Asked;
use crate::env::container::{Container, DIRECTORY, Engine, Machine, PodmanNetwork, Way};
use crate::env::env_vars::Environment;
use crate::env::programs::Programs;
use crate::os::interfaces;
use crate::session::{SeenFrom, Session};

/// The interface of Docker's default network, whose address Docker gives for `host-gateway`.
const DOCKER_BRIDGE: &str = "docker0";

/// How long Podman may take to say what it is, on a busy machine.
const PODMAN_ANSWER: Duration = Duration::from_secs(20);

/// The most that is read of its answer.
const MAX_ANSWER: u64 = 1024 * 1024;

/// What only a kernel with security labels (`SELinux`) has.
const SELINUX: &str = "/sys/fs/selinux/enforce";

/// What is to be served: containers of one engine.
pub(super) struct Containers {
    engine: Engine,
    way: Way,
}

/// What is printed for them.
pub(super) struct Made {
    engine: Engine,
    way: Way,
    address: String,
    printed: Printed,
}

enum Printed {
    Flags(Vec<String>),
    Properties(Value),
}

/// The environment goes to a file, which the engine reads: on a command line everybody would see
/// the proxy's password.
pub(super) fn check(arguments: &Proxy) -> Result<(), Failure> {
    let is_printed = arguments.env_file.as_deref() == Some(Path::new("-"));
    if arguments.container.is_none() || !is_printed {
        return Ok(());
    }
    let message = "with --container, standard output has the flags, and not the environment";
    let hint = "name a file for it, or leave --env-file out: authsome proxy --container docker";
    Err(Failure::new(Exit::Usage, "usage", message, hint))
}

/// Where the environment of the containers is: where the user says, or with the session's files.
pub(super) fn env_file(arguments: &Proxy, session: &Session) -> PathBuf {
    let own = session.directory().join("env");
    let named = arguments.env_file.as_ref();
    named.map_or(own, |path| {
        std::path::absolute(path).unwrap_or_else(|_| path.clone())
    })
}

impl Containers {
    /// `None` without `--container`.
    pub(super) fn of(arguments: &Proxy, programs: &Programs) -> Option<Self> {
        let engine = match arguments.container? {
            ContainerEngine::Devcontainer => Engine::Devcontainer,
            ContainerEngine::Docker => Engine::Docker,
            ContainerEngine::Podman => Engine::Podman,
        };
        let way = Way::choose(engine, arguments.listen, &This(programs));
        Some(Self { engine, way })
    }

    /// Where the proxy has to listen.
    pub(super) fn listen(&self) -> SocketAddr {
        self.way.listen
    }

    pub(super) fn seen_from(&self) -> SeenFrom {
        SeenFrom {
            directory: DIRECTORY.into(),
            host: self.way.host.clone(),
        }
    }

    /// What a container is made with, now that the session serves.
    pub(super) fn made_with(&self, session: &Session, env_file: &Path) -> Made {
        let environment = session.environment();
        let unset: Vec<_> = environment
            .changes()
            .filter_map(|(name, value)| name.to_str().filter(|_| value.is_none()))
            .collect();
        let port = session.address().port();
        let container = Container {
            way: &self.way,
            port,
            env_file,
            files: &session.client_files(),
            unset: &unset,
            is_labelled: Path::new(SELINUX).exists(),
        };
        let printed = match self.engine {
            Engine::Devcontainer => {
                let (mounts, arguments) = container.devcontainer();
                Printed::Properties(json!({
                    "containerEnv": without_password(environment),
                    "mounts": mounts,
                    "runArgs": arguments,
                }))
            }
            engine => Printed::Flags(container.flags(engine)),
        };
        Made {
            engine: self.engine,
            way: self.way.clone(),
            address: format!("{}:{port}", self.way.host),
            printed,
        }
    }
}

/// The variables that may stand in a `devcontainer.json`: those without the proxy's password.
fn without_password(environment: &Environment) -> BTreeMap<&str, &str> {
    let mut changes = environment.changes();
    let proxy = changes.find_map(|(name, value)| value.filter(|_| name == "HTTPS_PROXY"));
    let proxy = proxy.and_then(OsStr::to_str).unwrap_or_default();
    environment
        .changes()
        .filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)))
        .filter(|(_, value)| proxy.is_empty() || !value.contains(proxy))
        .collect()
}

impl Made {
    /// As it stands among what is told as JSON.
    pub(super) fn value(&self) -> Value {
        let (name, value) = match &self.printed {
            Printed::Flags(flags) => ("flags", json!(flags)),
            Printed::Properties(properties) => ("devcontainer", properties.clone()),
        };
        json!({ "address": self.address, "directory": DIRECTORY, name: value })
    }

    /// The flags on one line, as a shell takes them, or the properties.
    pub(super) fn text(&self) -> String {
        match &self.printed {
            Printed::Flags(flags) => {
                let words = flags.iter().map(|flag| shell_word(OsStr::new(flag)));
                words.collect::<Vec<_>>().join(" ")
            }
            Printed::Properties(properties) => format!("{properties:#}"),
        }
    }

    /// What has to be known of them.
    pub(super) fn say(&self, printer: &Printer) {
        let use_as = match self.engine {
            Engine::Devcontainer => "The properties go into devcontainer.json".to_owned(),
            Engine::Docker => "The flags go between `docker run` and the image".to_owned(),
            Engine::Podman => "The flags go between `podman run` and the image".to_owned(),
        };
        printer.say(&format!(
            "{use_as}; a container reaches the proxy at {}.",
            self.address
        ));
        if self.way.is_machines_network() {
            printer.warn(
                "the containers are in this machine's network: they reach whatever listens at its 127.0.0.1",
            );
        }
    }
}

/// This machine.
struct This<'a>(&'a Programs);

impl Machine for This<'_> {
    fn docker_bridge(&self) -> Option<Ipv4Addr> {
        interfaces::ipv4_of(DOCKER_BRIDGE)
    }

    fn podman_network(&self) -> PodmanNetwork {
        let told = podman_info(self.0).unwrap_or_default();
        podman_network(&told)
    }
}

/// What `podman info` says of how containers are connected. Where it says nothing, the network of
/// the machine works with every Podman.
fn podman_network(info: &Value) -> PodmanNetwork {
    let host = &info["host"];
    let has = |name: &str| {
        let executable = host[name]["executable"].as_str();
        executable.is_some_and(|path| !path.is_empty())
    };
    let wanted = host["rootlessNetworkCmd"].as_str();
    if host["serviceIsRemote"] == true {
        PodmanNetwork::Remote
    } else if host["security"]["rootless"] != true {
        PodmanNetwork::Bridge
    } else if has("pasta") && wanted != Some("slirp4netns") {
        PodmanNetwork::Pasta
    } else if has("slirp4netns") {
        PodmanNetwork::Slirp4netns
    } else {
        PodmanNetwork::Bridge
    }
}

fn podman_info(programs: &Programs) -> Option<Value> {
    let mut podman = programs.command("podman".as_ref())?;
    podman.args(["info", "--format", "json"]);
    let answer = Asked::start(&mut podman)?.answer(MAX_ANSWER, Instant::now() + PODMAN_ANSWER)?;
    serde_json::from_slice(&answer).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn podman_says_how_containers_are_connected() {
        let host = |rootless: bool, pasta: &str, slirp: &str, more: Value| {
            let mut host = json!({
                "security": { "rootless": rootless },
                "pasta": { "executable": pasta },
                "slirp4netns": { "executable": slirp },
            });
            for (name, value) in more.as_object().unwrap() {
                host[name] = value.clone();
            }
            podman_network(&json!({ "host": host }))
        };
        let none = json!({});
        let slirp = json!({ "rootlessNetworkCmd": "slirp4netns" });
        let remote = json!({ "serviceIsRemote": true });
        assert_eq!(
            host(true, "", "/bin/s", none.clone()),
            PodmanNetwork::Slirp4netns
        );
        assert_eq!(
            host(true, "/bin/p", "/bin/s", none.clone()),
            PodmanNetwork::Pasta
        );
        assert_eq!(
            host(true, "/bin/p", "/bin/s", slirp),
            PodmanNetwork::Slirp4netns
        );
        assert_eq!(
            host(false, "/bin/p", "", none.clone()),
            PodmanNetwork::Bridge
        );
        assert_eq!(host(true, "", "", none), PodmanNetwork::Bridge);
        assert_eq!(host(true, "/bin/p", "", remote), PodmanNetwork::Remote);
        assert_eq!(podman_network(&Value::Null), PodmanNetwork::Bridge);
    }
}
