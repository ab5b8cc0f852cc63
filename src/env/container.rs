//! What a container of any image needs in order to use a session: where it sees the session's
//! files, how it reaches the proxy, and the flags that its engine is given.
//!
//! Nothing here asks anybody. What is known of the machine comes in, and the flags go out.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

/// Where every container sees the session's files, so that the environment is the same in each.
pub const DIRECTORY: &str = "/run/authsome";

/// Where the images of the distributions have their roots. Programs that read no variable read one
/// of these, so the session's bundle covers all; what an image does not have is made, and harmless.
pub const TRUST_STORES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, Red Hat
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // the same, behind the symbolic link
    "/etc/ssl/cert.pem",                  // Alpine, BSD
    "/etc/ssl/ca-bundle.pem",             // SUSE
];

/// The name by which Docker's containers reach the machine.
const DOCKER_HOST: &str = "host.docker.internal";

/// The name by which Podman's do.
const PODMAN_HOST: &str = "host.containers.internal";

/// The address at which slirp4netns shows the machine's 127.0.0.1 (slirp4netns(1)).
const SLIRP_HOST: &str = "10.0.2.2";

/// What makes the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// An editor, or the Dev Container CLI, by Docker.
    Devcontainer,
    /// Docker.
    Docker,
    /// Podman.
    Podman,
}

/// How Podman connects a container to the network by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodmanNetwork {
    /// A bridge: it runs as root. Before its first container there is no bridge to listen at.
    Bridge,
    /// pasta(1).
    Pasta,
    /// It runs in a virtual machine, which leads its own name for us to our 127.0.0.1.
    Remote,
    /// slirp4netns(1).
    Slirp4netns,
}

/// What is known of the machine; each is asked for only where it decides.
pub trait Machine {
    /// The address of Docker's bridge, `None` where Docker's daemon is not in this network: Docker
    /// Desktop's is in a virtual machine, which leads its name for us to our 127.0.0.1.
    fn docker_bridge(&self) -> Option<Ipv4Addr>;
    /// How Podman connects its containers.
    fn podman_network(&self) -> PodmanNetwork;
}

/// How a container reaches the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Where the proxy has to listen.
    pub listen: SocketAddr,
    /// What the container calls that, an IPv6 address in brackets.
    pub host: String,
    network: Network,
}

/// What the engine has to be told about the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Network {
    /// Nothing.
    AsItIs,
    /// Docker's name for the machine, which on Linux it gives only when asked to.
    DockerHost,
    /// The container is in the machine's network.
    Machine,
    /// pasta leads the port of the container's 127.0.0.1 to that of the machine.
    Pasta,
    /// slirp4netns shows the machine's 127.0.0.1.
    Slirp,
}

impl Way {
    /// The way for a container of that engine. `listen` is where the user wants the proxy, if
    /// anywhere: an address other than a loopback one is taken as it is.
    pub fn choose(engine: Engine, listen: Option<SocketAddr>, machine: &dyn Machine) -> Self {
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let way = |listen, host: &str, network| Self {
            listen,
            host: host.to_owned(),
            network,
        };
        let named = match engine {
            Engine::Podman => (PODMAN_HOST, Network::AsItIs),
            Engine::Devcontainer | Engine::Docker => (DOCKER_HOST, Network::DockerHost),
        };
        match (listen, engine) {
            (Some(address), _) if address.ip().is_unspecified() => way(address, named.0, named.1),
            (Some(address), _) if !address.ip().is_loopback() => {
                way(address, &literal(address.ip()), Network::AsItIs)
            }
            (_, Engine::Podman) => {
                let address = listen.unwrap_or(local);
                let own = literal(address.ip());
                match machine.podman_network() {
                    PodmanNetwork::Remote => way(address, named.0, named.1),
                    PodmanNetwork::Pasta => way(address, &own, Network::Pasta),
                    PodmanNetwork::Slirp4netns if address.is_ipv4() => {
                        way(address, SLIRP_HOST, Network::Slirp)
                    }
                    PodmanNetwork::Slirp4netns | PodmanNetwork::Bridge => {
                        way(address, &own, Network::Machine)
                    }
                }
            }
            (_, Engine::Devcontainer | Engine::Docker) => match (machine.docker_bridge(), listen) {
                (None, _) => way(listen.unwrap_or(local), named.0, named.1),
                (Some(bridge), None) => way((bridge, 0).into(), named.0, named.1),
                // A bridge does not lead to the machine's loopback address.
                (Some(_), Some(address)) => way(address, &literal(address.ip()), Network::Machine),
            },
        }
    }

    /// Whether the container is in the machine's own network, in which it reaches whatever listens.
    pub fn is_machines_network(&self) -> bool {
        self.network == Network::Machine
    }

    fn flags(&self, port: u16) -> Vec<String> {
        match self.network {
            Network::AsItIs => vec![],
            Network::DockerHost => vec![format!("--add-host={DOCKER_HOST}:host-gateway")],
            Network::Machine => vec!["--network=host".to_owned()],
            Network::Pasta => vec![format!("--network=pasta:-T,{port}")],
            Network::Slirp => vec!["--network=slirp4netns:allow_host_loopback=true".to_owned()],
        }
    }
}

/// The address as it stands in a URL.
fn literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// What a container is made with.
pub struct Container<'a> {
    /// How it reaches the proxy.
    pub way: &'a Way,
    /// The proxy's port.
    pub port: u16,
    /// The file with its environment (docker-run(1), `--env-file`).
    pub env_file: &'a Path,
    /// The directory with the session's files.
    pub files: &'a Path,
    /// Variables of an image that would lead a program around the proxy or its certificates.
    pub unset: &'a [&'a str],
    /// Whether the machine has `SELinux`, which keeps containers from files without their label.
    pub is_labelled: bool,
}

impl Container<'_> {
    /// What is mounted, read-only: source and target.
    fn mounts(&self) -> impl Iterator<Item = (String, &'static str)> {
        let files = self.files.display();
        let bundle = self.files.join("bundle.pem").display().to_string();
        std::iter::once((files.to_string(), DIRECTORY))
            .chain(TRUST_STORES.map(|store| (bundle.clone(), store)))
    }

    /// The flags of `docker run` or `podman run`, and of `create` and `build`'s likes.
    pub fn flags(&self, engine: Engine) -> Vec<String> {
        let mut flags = vec![format!("--env-file={}", self.env_file.display())];
        if engine == Engine::Podman {
            // Docker has no such flag.
            flags.extend(self.unset.iter().map(|name| format!("--unsetenv={name}")));
        }
        let options = if self.is_labelled { "ro,z" } else { "ro" };
        let volume = |(source, target)| format!("--volume={source}:{target}:{options}");
        flags.extend(self.mounts().map(volume));
        flags.extend(self.way.flags(self.port));
        flags
    }

    /// The properties `mounts` and `runArgs` of a `devcontainer.json`.
    pub fn devcontainer(&self) -> (Vec<String>, Vec<String>) {
        let mounts = self
            .mounts()
            .map(|(source, target)| format!("source={source},target={target},type=bind,readonly"));
        let mut arguments = vec![format!("--env-file={}", self.env_file.display())];
        if self.is_labelled {
            // `--mount` has no word for a label.
            arguments.push("--security-opt=label=disable".to_owned());
        }
        arguments.extend(self.way.flags(self.port));
        (mounts.collect(), arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Known(Option<Ipv4Addr>, PodmanNetwork);

    impl Machine for Known {
        fn docker_bridge(&self) -> Option<Ipv4Addr> {
            self.0
        }

        fn podman_network(&self) -> PodmanNetwork {
            self.1
        }
    }

    const BRIDGE: Option<Ipv4Addr> = Some(Ipv4Addr::new(172, 17, 0, 1));

    /// Engine, `--listen`, whether there is Docker's bridge, Podman's network; then where the proxy
    /// listens, what the container calls it, and the flag.
    const WAYS: &str = "
podman - - slirp = 127.0.0.1:0 10.0.2.2 --network=slirp4netns:allow_host_loopback=true
podman - - pasta = 127.0.0.1:0 127.0.0.1 --network=pasta:-T,81
podman [::1]:81 - pasta = [::1]:81 [::1] --network=pasta:-T,81
podman [::1]:81 - slirp = [::1]:81 [::1] --network=host
podman - - bridge = 127.0.0.1:0 127.0.0.1 --network=host
podman - - remote = 127.0.0.1:0 host.containers.internal
podman 0.0.0.0:81 - pasta = 0.0.0.0:81 host.containers.internal
podman 10.88.0.1:81 - bridge = 10.88.0.1:81 10.88.0.1
docker - bridge bridge = 172.17.0.1:0 host.docker.internal --add-host=host.docker.internal:host-gateway
docker - - bridge = 127.0.0.1:0 host.docker.internal --add-host=host.docker.internal:host-gateway
docker 127.0.0.1:81 - - = 127.0.0.1:81 host.docker.internal --add-host=host.docker.internal:host-gateway
docker 127.0.0.1:81 bridge - = 127.0.0.1:81 127.0.0.1 --network=host
docker [::]:81 bridge - = [::]:81 host.docker.internal --add-host=host.docker.internal:host-gateway
docker [fd00::1]:81 bridge - = [fd00::1]:81 [fd00::1]
devcontainer - bridge - = 172.17.0.1:0 host.docker.internal --add-host=host.docker.internal:host-gateway
";

    #[test]
    fn each_engine_reaches_the_proxy_on_its_own_way() {
        for line in WAYS.lines().filter(|line| !line.is_empty()) {
            let (given, expected) = line.split_once(" = ").unwrap();
            let given: Vec<_> = given.split(' ').collect();
            let [engine, listen, bridge, network] = given[..] else {
                panic!("{line}");
            };
            let engine = match engine {
                "podman" => Engine::Podman,
                "docker" => Engine::Docker,
                _ => Engine::Devcontainer,
            };
            let network = match network {
                "slirp" => PodmanNetwork::Slirp4netns,
                "pasta" => PodmanNetwork::Pasta,
                "remote" => PodmanNetwork::Remote,
                _ => PodmanNetwork::Bridge,
            };
            let machine = Known(BRIDGE.filter(|_| bridge == "bridge"), network);
            let way = Way::choose(engine, listen.parse().ok(), &machine);
            let flags = way.flags(81).join(" ");
            let found = format!("{} {} {flags}", way.listen, way.host);
            assert_eq!(found.trim_end(), expected, "{line}");
        }
    }

    fn container(way: &Way, is_labelled: bool) -> Container<'_> {
        Container {
            way,
            port: 81,
            env_file: Path::new("/run/user/1000/s/env"),
            files: Path::new("/run/user/1000/s/container"),
            unset: &["SSL_CERT_DIR"],
            is_labelled,
        }
    }

    #[test]
    fn dockers_flags_are_those_of_its_run() {
        let way = Way::choose(Engine::Docker, None, &Known(BRIDGE, PodmanNetwork::Bridge));
        let flags = container(&way, false).flags(Engine::Docker);
        let files = "/run/user/1000/s/container";
        let mut expected = vec!["--env-file=/run/user/1000/s/env".to_owned()];
        expected.push(format!("--volume={files}:/run/authsome:ro"));
        expected
            .extend(TRUST_STORES.map(|store| format!("--volume={files}/bundle.pem:{store}:ro")));
        expected.push("--add-host=host.docker.internal:host-gateway".to_owned());
        assert_eq!(flags, expected);
        let podmans = container(&way, true).flags(Engine::Podman);
        assert_eq!(podmans[1], "--unsetenv=SSL_CERT_DIR");
        assert!(podmans[2].ends_with(":/run/authsome:ro,z"), "{podmans:?}");
    }

    #[test]
    fn a_devcontainer_has_mounts_and_arguments() {
        let way = Way::choose(
            Engine::Devcontainer,
            None,
            &Known(None, PodmanNetwork::Bridge),
        );
        let (mounts, arguments) = container(&way, false).devcontainer();
        assert_eq!(mounts.len(), TRUST_STORES.len() + 1);
        let first = "source=/run/user/1000/s/container,target=/run/authsome,type=bind,readonly";
        assert_eq!(mounts[0], first);
        let expected = [
            "--env-file=/run/user/1000/s/env",
            "--add-host=host.docker.internal:host-gateway",
        ];
        assert_eq!(arguments, expected);
        let (_, arguments) = container(&way, true).devcontainer();
        assert!(arguments.contains(&"--security-opt=label=disable".to_owned()));
    }
}
