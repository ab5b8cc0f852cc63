//! A system under test: a way to the origin, the proxy on it, and the load generator behind it.

use std::ffi::OsString;
use std::io::BufReader;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::bed::{BEARER, Bed};
use crate::failure::Failure;
use crate::options::{Options, Peer};
use crate::peers::Launch;
use crate::process::{Place, cpu_seconds, reap, terminate};
use crate::wire::{self, LoadSetup, MANAGED, Order, Reply, Sample, UNMANAGED, Watch, Way, Work};

/// How long a peer may take to listen; under valgrind each takes its time.
const LISTEN_DEADLINE: Duration = Duration::from_mins(1);

/// What takes part in the comparison.
#[derive(Clone, Debug)]
pub(crate) struct Entrant {
    /// As the tables call it.
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// No proxy.
    Direct,
    /// authsome, and through it one of its two ways.
    Authsome { binary: PathBuf, way: Way },
    /// Somebody else's proxy.
    Peer(Peer),
}

impl Entrant {
    /// authsome's injection: what all others are compared with.
    pub(crate) const SUBJECT: &str = "authsome";

    /// The same binary's tunnels to hosts of no connection.
    const BLIND: &str = "authsome, blind";

    /// Those that the options ask for.
    pub(crate) fn all(options: &Options, binary: &Path) -> Vec<Self> {
        let authsome = |name: &str, binary: &Path, way| Self {
            name: name.to_owned(),
            kind: Kind::Authsome {
                binary: binary.to_owned(),
                way,
            },
        };
        let mut all = vec![
            Self {
                name: "direct".to_owned(),
                kind: Kind::Direct,
            },
            authsome(Self::BLIND, binary, Way::BlindTunnel),
            authsome(Self::SUBJECT, binary, Way::Injected),
        ];
        if options.isolated {
            all.push(authsome("authsome, isolated", binary, Way::Captured));
            all.push(authsome(
                "authsome, isolated, blind",
                binary,
                Way::CapturedTunnel,
            ));
        }
        for build in &options.against {
            all.push(authsome(
                &format!("authsome {}", build.name),
                &build.path,
                Way::Injected,
            ));
        }
        let peers = options.peer.iter();
        all.extend(peers.map(|peer| Self {
            name: peer.name().to_owned(),
            kind: Kind::Peer(*peer),
        }));
        all
    }

    /// Whether it is the binary that is measured, and not one that it is compared with.
    pub(crate) fn is_subject(&self) -> bool {
        [Self::SUBJECT, Self::BLIND].contains(&self.name.as_str())
    }

    /// Whether the credential is put on by it.
    pub(crate) fn injects(&self) -> bool {
        match &self.kind {
            Kind::Direct | Kind::Peer(Peer::Tunnel) => false,
            Kind::Authsome { way, .. } => way.is_injected(),
            Kind::Peer(_) => true,
        }
    }

    /// Whether there is a process between generator and origin.
    pub(crate) fn has_proxy(&self) -> bool {
        !matches!(self.kind, Kind::Direct)
    }

    /// Whether it can be measured with HTTP/2.
    pub(crate) fn speaks_http2(&self) -> bool {
        !matches!(&self.kind, Kind::Peer(peer) if !peer.speaks_http2())
    }
}

/// How a system is started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Circumstances {
    /// `AUTHSOME_HOME`.
    pub(crate) home: PathBuf,
    /// Further names of the origin.
    pub(crate) hosts: Vec<String>,
    /// Flags of authsome's.
    pub(crate) flags: Vec<&'static str>,
    /// A program that runs the proxy, with its arguments.
    pub(crate) under: Vec<OsString>,
}

/// A system that runs. It ends when it is dropped.
pub(crate) struct System {
    pub(crate) name: String,
    /// The proxy's process.
    pub(crate) proxy: Option<u32>,
    watch: Watch,
    /// The child that was started: the proxy with the generator below it, or the generator alone.
    load: Child,
    orders: Option<ChildStdin>,
    samples: BufReader<ChildStdout>,
    peer: Option<Child>,
}

impl System {
    /// Starts proxy and generator.
    pub(crate) fn start(
        entrant: &Entrant,
        bed: &Bed,
        circumstances: &Circumstances,
    ) -> Result<Self, Failure> {
        let generator = std::env::current_exe()?;
        let mut peer = None;
        let (mut command, place, way) = match &entrant.kind {
            Kind::Direct => (Command::new(generator), Place::Ends, Way::Direct),
            Kind::Authsome { binary, way } => {
                let mut circumstances = circumstances.clone();
                circumstances
                    .flags
                    .extend(way.is_captured().then_some("--isolate"));
                let mut command = authsome(binary, bed, &circumstances);
                command.arg("--").arg(generator);
                (command, Place::Middle, *way)
            }
            Kind::Peer(kind) => {
                let (child, way) = start_peer(*kind, bed, circumstances)?;
                peer = Some(child);
                (Command::new(generator), Place::Ends, way)
            }
        };
        command
            .arg("load")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut load = spawn(place, &mut command)?;
        let (Some(orders), Some(samples)) = (load.stdin.take(), load.stdout.take()) else {
            return Err("no pipes to the load generator".into());
        };
        let proxy = match &entrant.kind {
            Kind::Direct => None,
            Kind::Authsome { .. } => Some(load.id()),
            Kind::Peer(_) => peer.as_ref().map(Child::id),
        };
        let watch = match proxy {
            Some(_) if way.is_captured() => Watch::Harness,
            Some(process) => Watch::Process(process),
            None => Watch::Nobody,
        };
        let samples = BufReader::new(samples);
        let mut system = Self {
            name: entrant.name.clone(),
            proxy,
            watch,
            load,
            orders: Some(orders),
            samples,
            peer,
        };
        let setup = LoadSetup {
            origin: bed.origin(),
            way,
            bearer: BEARER.to_owned(),
            ca: bed.path("ca.pem"),
        };
        system.send(&setup)?;
        let _: u32 = wire::receive(&mut system.samples)
            .map_err(|error| format!("{} did not start: {error}", entrant.name))?;
        Ok(system)
    }

    /// Has the generator do something, and waits for its figures.
    pub(crate) fn perform(&mut self, work: Work) -> Result<Sample, Failure> {
        self.send(&Order {
            work,
            watch: self.watch,
        })?;
        let mut marks = Vec::new();
        let outcome = loop {
            match wire::receive(&mut self.samples)? {
                Reply::Mark => marks.push(self.proxy.map_or(Ok(0.0), cpu_seconds)?),
                Reply::Done(outcome) => break *outcome,
            }
        };
        let mut sample = outcome.map_err(|error| format!("{}: {error}", self.name))?;
        if let [before, after] = marks[..] {
            sample.cpu_seconds = after - before;
        }
        Ok(sample)
    }

    /// Ends it, and says whether it ended well.
    pub(crate) fn end(mut self) -> Result<(), Failure> {
        self.close()
    }

    fn send(&mut self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let orders = self.orders.as_mut().ok_or("it has ended")?;
        wire::send(orders, value).map_err(|error| format!("{}: {error}", self.name).into())
    }

    fn close(&mut self) -> Result<(), Failure> {
        drop(self.orders.take()); // the generator's sign to end; authsome ends with it
        let loaded = reap(&mut self.load);
        let ended = self
            .peer
            .take()
            .map_or(Ok(()), |mut peer| terminate(&mut peer));
        let named = |error| format!("{}: {error}", self.name).into();
        loaded.and(ended).map_err(named)
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

/// `authsome run` with everything but the command.
pub(crate) fn authsome(binary: &Path, bed: &Bed, circumstances: &Circumstances) -> Command {
    session("run", binary, bed, circumstances)
}

/// `authsome proxy`, which writes a line to its standard output as soon as it serves.
pub(crate) fn attended(binary: &Path, bed: &Bed, circumstances: &Circumstances) -> Command {
    let mut command = session("proxy", binary, bed, circumstances);
    command.args(["--ready-fd", "1"]);
    command
}

fn session(word: &str, binary: &Path, bed: &Bed, circumstances: &Circumstances) -> Command {
    let mut command = under(&circumstances.under, binary);
    command.args(["--quiet", word]);
    command.args(&circumstances.flags);
    let more = circumstances.hosts.iter().map(String::as_str);
    for host in [MANAGED, UNMANAGED].into_iter().chain(more) {
        command.arg("--resolve").arg(format!(
            "{host}:{}:{}",
            bed.origin().port(),
            bed.origin().ip()
        ));
    }
    // Nothing of this machine's own proxies and roots.
    command
        .env_clear()
        .env("HOME", bed.path(""))
        .env("AUTHSOME_HOME", &circumstances.home);
    if !circumstances.under.is_empty() {
        // valgrind counts one process image, and authsome would go on in another.
        command.env("AUTHSOME_READABLE_MEMORY", "1");
    }
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    if let Some(runtime) = bed.runtime() {
        command.env("XDG_RUNTIME_DIR", runtime);
    }
    command
}

fn under(wrapper: &[OsString], program: impl Into<OsString>) -> Command {
    match wrapper {
        [] => Command::new(program.into()),
        [first, more @ ..] => {
            let mut command = Command::new(first);
            command.args(more).arg(program.into());
            command
        }
    }
}

fn start_peer(
    peer: Peer,
    bed: &Bed,
    circumstances: &Circumstances,
) -> Result<(Child, Way), Failure> {
    let Launch {
        command,
        way,
        address,
    } = peer.prepare(bed)?;
    let mut wrapped = under(&circumstances.under, command.get_program());
    let pipe = || {
        if address.is_none() {
            Stdio::piped()
        } else {
            Stdio::null()
        }
    };
    wrapped
        .args(command.get_args())
        .stdin(pipe())
        .stdout(pipe());
    wrapped.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let mut child = spawn(Place::Middle, &mut wrapped)?;
    let Some(address) = address else {
        wire::send(child.stdin.as_mut().ok_or("no stdin")?, &bed.origin())?;
        let mut responses = BufReader::new(child.stdout.take().ok_or("no stdout")?);
        let address = wire::receive(&mut responses)
            .map_err(|error| format!("{} did not start: {error}", peer.name()))?;
        return Ok((child, Way::PeerTunnel(address)));
    };
    listening(&mut child, address).map_err(|error| format!("{}: {error}", peer.name()))?;
    Ok((child, way))
}

/// Starts a command there; one that cannot be started is named.
fn spawn(place: Place, command: &mut Command) -> Result<Child, Failure> {
    let started = place.spawn(command);
    started.map_err(|error| format!("{}: {error}", command.get_program().display()).into())
}

/// Waits until somebody listens there.
fn listening(child: &mut Child, address: SocketAddr) -> Result<(), Failure> {
    let deadline = Instant::now() + LISTEN_DEADLINE;
    while TcpStream::connect(address).is_err() {
        if let Some(status) = child.try_wait()? {
            return Err(format!("it ended with {status}").into());
        }
        if Instant::now() > deadline {
            child.kill()?;
            return Err("it does not listen".into());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
