//! A command in namespaces of its own: what is made there is told from the session, and its
//! listeners are served by the session's proxy.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::isolation::Isolation;
use super::living;
use super::options::Options;
use super::parent::Parent;
use crate::child::{Child, ChildError};
use crate::env::env_vars::{Environment, MASTER_KEY_FILE};
use crate::isolate::repository::{self, Guarded};
use crate::isolate::{Doorway, Files, IsolateError, Plan, User, places};
use crate::os::home::{Home, HomeError, io_error};
use crate::os::run_dir::RunDirectory;
use crate::os::ulimits::Ulimits;
use crate::os::user_name::give;
use crate::proxy::Serving;

/// Why an isolated command was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IsolatedSpawnError {
    /// The session's files cannot be given to the user.
    #[error(transparent)]
    Files(#[from] HomeError),
    /// The helper cannot be started.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// The system forbids it.
    #[error(transparent)]
    Isolate(#[from] IsolateError),
    /// A port of the command's cannot be reached at that of this machine.
    #[error("port {port} of this machine cannot be used for --publish")]
    Publish {
        /// Which one.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// What was made inside cannot be served.
    #[error("the listeners of the isolated command cannot be served")]
    Serve(#[source] io::Error),
}

/// What an isolated command is started with.
#[derive(Debug, Default)]
pub(super) struct Isolated {
    published: Vec<u16>,
    host_ports: Vec<u16>,
    user: Option<User>,
    files: Files,
}

impl Isolated {
    /// As the options say; of a command that is not isolated, nothing.
    pub(super) fn of(
        options: &Options,
        parent: &Parent,
        home: &Home,
        session: (&str, &RunDirectory),
        (hashed_name, ca_pem): (&str, &str),
    ) -> Result<Self, HomeError> {
        let Some(isolation) = &options.isolation else {
            return Ok(Self::default());
        };
        let mut files = files(isolation, parent, home, session)?;
        let hashed = session.1.create_directory(HASHED)?;
        let name = format!("{HASHED}/{hashed_name}");
        session.1.write(&name, ca_pem.as_bytes())?;
        let targets = places::of_hashed_certificates().into_iter();
        files.overlaid = targets.map(|target| (hashed.clone(), target)).collect();
        Ok(Self {
            published: isolation.published.clone(),
            host_ports: isolation.host_ports.clone(),
            user: isolation.user.clone(),
            files,
        })
    }
}

/// The session's parts that an isolated command meets.
pub(super) struct Around<'a> {
    pub(super) directory: &'a RunDirectory,
    pub(super) serving: &'a mut Serving,
    /// The proxy's port.
    pub(super) port: u16,
    pub(super) environment: &'a Environment,
}

impl Isolated {
    /// Starts a command in namespaces of its own, and serves its listeners. Returns whether its
    /// connections are captured whatever their port is.
    pub(super) async fn spawn(
        &self,
        around: Around<'_>,
        command: (&OsStr, &[OsString]),
        ulimits: Ulimits,
    ) -> Result<(Child, bool), IsolatedSpawnError> {
        let published = self.publish()?;
        if let Some(user) = &self.user {
            give(around.directory.path(), user.id, user.group)?;
        }
        let mut files = self.files.clone();
        let words = std::iter::once(command.0).chain(command.1.iter().map(|word| &**word));
        let (bundles, stores) = places::of_words(words, &files.directory);
        let more = certificates(around.directory, bundles, stores);
        files.replaced.extend(more);
        let plan = Plan {
            proxy_port: around.port,
            ports: around.serving.ports().to_owned(),
            host_ports: self.host_ports.clone(),
            connects: !published.is_empty(),
            user: self.user.clone(),
            files,
        };
        let doorway = Doorway::open(around.directory, &plan)?;
        let mut child = Child::spawn_isolated(&doorway, command, around.environment, ulimits)?;
        let (mut handed, control) = match doorway.take(child.helper_ended()).await {
            Ok(taken) => taken,
            Err(error) => {
                child.abandon();
                return Err(error.into());
            }
        };
        handed.published = published;
        let captures_all = handed.captures_all;
        around
            .serving
            .capture(handed)
            .map_err(IsolatedSpawnError::Serve)?;
        child.attach(control).await;
        Ok((child, captures_all))
    }

    /// Listens for the host at the ports that the command publishes.
    fn publish(&self) -> Result<Vec<(u16, TcpListener)>, IsolatedSpawnError> {
        let listen = |port: &u16| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, *port));
            let listener = listener.map_err(|source| IsolatedSpawnError::Publish {
                port: *port,
                source,
            });
            listener.map(|listener| (*port, listener))
        };
        self.published.iter().map(listen).collect()
    }
}

/// The files inside.
fn files(
    isolation: &Isolation,
    parent: &Parent,
    home: &Home,
    session: (&str, &RunDirectory),
) -> Result<Files, HomeError> {
    let (name, own) = session;
    let variable = |name: &str| parent.variable(name).map(OsStr::to_owned);
    let (mut hidden, mut kept) = places::of_services(&variable, isolation.keeps_agents);
    hidden.insert(0, home.path(""));
    hidden.extend(parent.filled(MASTER_KEY_FILE).map(PathBuf::from));
    kept.push(own.path().to_owned());
    kept.extend(living::files_of(home, name));
    let directory = parent.directory();
    let (bundles, stores) = places::of_certificates(&variable, directory);
    let mut replaced = certificates(own, bundles, stores);
    let containers = places::of_container_programs(&variable);
    if !containers.is_empty() {
        let told = own.write("no-containers", NO_CONTAINERS.as_bytes())?;
        let permissions = Permissions::from_mode(0o700);
        fs::set_permissions(&told, permissions).map_err(io_error("open", &told))?;
        replaced.extend(
            containers
                .into_iter()
                .map(|program| (told.clone(), program)),
        );
    }
    let guarded = if isolation.protects_repository {
        repository::guarded(directory)
    } else {
        Guarded::default()
    };
    let mut temporary = Vec::new();
    let writable = isolation.writable.clone();
    let writable = writable.map(|writable| absolute(writable, directory));
    if let Some(writable) = &writable {
        temporary.extend(TEMPORARY.map(PathBuf::from));
        kept.push(directory.to_owned());
        kept.extend(writable.iter().cloned());
    }
    let resolver = own.write("resolv.conf", RESOLVER)?;
    replaced.push((resolver, PathBuf::from("/etc/resolv.conf")));
    Ok(Files {
        directory: directory.to_owned(),
        hidden,
        kept,
        replaced,
        protected: guarded.protected,
        pinned: guarded.pinned,
        temporary,
        writable,
        ..Files::default()
    })
}

/// What stands in the place of programs that make containers.
const NO_CONTAINERS: &str = r#"#!/bin/sh
echo "authsome: ${0##*/} cannot start anything in an isolated run: containers and sandboxes take namespaces, and none are to be had. Start it outside, or this run without --isolate" >&2
exit 125
"#;

/// The directory with the session's CA alone.
const HASHED: &str = "hashed";

/// The session's certificates in the place of others.
fn certificates(
    own: &RunDirectory,
    bundles: Vec<PathBuf>,
    stores: Vec<PathBuf>,
) -> Vec<(PathBuf, PathBuf)> {
    let named = |name: &str, targets: Vec<PathBuf>| {
        let source = own.path().join(name);
        let replaced = move |target| (source.clone(), target);
        targets.into_iter().map(replaced)
    };
    let mut replaced: Vec<_> = named("bundle.pem", bundles).collect();
    replaced.extend(named("roots.jks", stores));
    replaced
}

/// For everybody's temporary files.
const TEMPORARY: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// The directories as the user means them.
fn absolute(paths: Vec<PathBuf>, directory: &Path) -> Vec<PathBuf> {
    let whole = |path: PathBuf| {
        let path = directory.join(path);
        fs::canonicalize(&path).unwrap_or(path)
    };
    paths.into_iter().map(whole).collect()
}

/// The one resolver inside. Without a search list: names are looked up outside, where the user's
/// own is.
const RESOLVER: &[u8] = b"nameserver 127.0.0.1\noptions ndots:1\n";
