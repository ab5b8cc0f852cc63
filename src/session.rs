//! Puts one run together: the user's connections, the session's CA and proxy, and the environment
//! that directs a child process to the proxy.
//!
//! Every program that starts runs does so through [`Session`]; `authsome run` is one of them. A
//! session is built in two steps, and each step consumes the result of the step before:
//! [`Session::plan`] reads the vault and determines which connections take part, and
//! [`SessionPlan::start`] binds the proxy and writes the session's files. What the user should know
//! on the way is reported as a [`Notice`]: this module prints nothing, parses no flags, and never
//! exits the process.
//!
//! ```no_run
//! use authsome::Session;
//! use authsome::session::{Notice, Options, Parent, UserData};
//!
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! let parent = Parent::of_this_process();
//! let roots = parent.trust().read_ahead(); // read on a thread, in parallel with what follows
//! let data = UserData::open(&parent)?;
//! let notify = |notice: Notice| eprintln!("{notice:?}");
//! let options = Options {
//!     only: vec!["gitlab".parse()?],
//!     ..Options::default()
//! };
//! let session = Session::plan(options, &data, &parent, &notify)?
//!     .start(roots)
//!     .await?;
//! let mut command = std::process::Command::new("agent");
//! for (name, value) in session.environment().changes() {
//!     match value {
//!         Some(value) => command.env(name, value), // one value contains the proxy's password
//!         None => command.env_remove(name),
//!     };
//! }
//! let mut agent = command.spawn()?;
//! tokio::task::spawn_blocking(move || agent.wait()).await??;
//! session.close(&notify, std::future::pending()).await;
//! # Ok(())
//! # }
//! ```

mod closing;
mod contributions;
mod directories;
mod environment;
mod error;
mod key_file;
mod living;
mod made_with;
mod member;
mod members;
mod notice;
mod options;
mod parent;
mod scrub;
mod settings;
mod user_data;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

pub(crate) use self::closing::finish;
use self::contributions::Contributions;
use self::environment::EnvironmentBuilder;
pub use self::error::{DirectoryTrouble, SessionError, UnusedDirectory};
use self::living::LivingSession;
pub use self::living::{allows_export, living};
use self::member::Member;
use self::members::Members;
pub use self::notice::{Change, Notice};
pub use self::options::Options;
pub use self::parent::Parent;
pub(crate) use self::scrub::Scrub;
use self::scrub::Scrubbed;
pub use self::settings::{Settings, SettingsError, set_allowed};
pub use self::user_data::{UserData, UserFiles};
use crate::audit::{Audit, Feed};
use crate::child::{Child, ChildError};
use crate::clock::Timestamp;
use crate::connection::{Credentials, Stored};
use crate::env::env_vars::Environment;
use crate::env::helpers;
use crate::net::tls::ReadAhead;
use crate::net::user_proxy::UserProxies;
use crate::oauth::HttpClients;
use crate::os::run_dir::RunDirectory;
use crate::os::ulimits::Ulimits;
use crate::proxy::{Managed, Policy, Proxy, RouteTable, Serving, SessionConfig};
use crate::secret::random_text;

/// 43 characters with six random bits each: 258 bits.
const PASSWORD_LENGTH: usize = 43;

/// A session whose connections are known, but of which nothing has been created yet.
pub struct SessionPlan<'a> {
    options: Options,
    data: &'a UserData,
    parent: &'a Parent,
    notify: &'a dyn Fn(Notice),
    members: Vec<Member>,
    scrubbed: Scrubbed,
}

/// A session whose proxy accepts connections. [`Session::close`] ends it and waits for work that
/// must not be interrupted. If it is dropped instead, the proxy accepts no further connection, and
/// the session's files are removed.
pub struct Session {
    serving: Serving,
    credentials: Arc<Credentials>,
    audit: Arc<Audit>,
    address: SocketAddr,
    environment: Environment,
    /// `None` if the run could not be registered in the home directory. Its commands are then still
    /// recognized by their process ancestry.
    _entered: Option<LivingSession>,
    directory: RunDirectory,
}

impl Session {
    /// Determines which connections take part, in one pass over the vault.
    pub fn plan<'a>(
        options: Options,
        data: &'a UserData,
        parent: &'a Parent,
        notify: &'a dyn Fn(Notice),
    ) -> Result<SessionPlan<'a>, SessionError> {
        let Members { members, scrubbed } = members::gather(&options, data, parent, notify)?;
        members::announce(&members, notify);
        Ok(SessionPlan {
            options,
            data,
            parent,
            notify,
            members,
            scrubbed,
        })
    }

    /// The address that the proxy listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The directory of the session's files. It is removed with the session.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The child's environment. It contains the proxy's password.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Subscribes to the events from now on: completed requests, refusals, refreshes. They are the
    /// events of the log; none contains a secret.
    pub fn events(&self) -> Feed {
        self.audit.subscribe()
    }

    /// Starts a command in that environment. Where the kernel shows the process tree (Linux), its
    /// processes need no password at the proxy.
    ///
    /// Must be called on a thread that lives as long as the process, as [`Child::spawn`] says.
    pub fn spawn(
        &self,
        program: &OsString,
        mut arguments: Vec<OsString>,
        ulimits: Ulimits,
    ) -> Result<Child, ChildError> {
        let permission = helpers::node_permission(program, &arguments, self.directory());
        if let Some(option) = permission {
            arguments.insert(0, option);
        }
        let child = Child::spawn(program, &arguments, &self.environment, ulimits)?;
        if let Some(tree) = child.tree() {
            self.serving.admit_tree(tree);
        }
        // Only now, after `Child::spawn` has installed the signal handlers: without them, a signal
        // would kill this process in the middle of a refresh.
        self.credentials.renew_due();
        Ok(child)
    }

    /// Ends the session. Requests that are under way at the proxy get a short grace period. A
    /// refresh request that has been sent is waited for until `given_up` completes; `given_up` is
    /// polled only once the wait has become long.
    pub async fn close(self, notify: &dyn Fn(Notice), given_up: impl Future<Output = ()>) {
        self.serving.shut_down().await;
        finish(&self.credentials, notify, given_up).await;
        for (id, reason) in self.credentials.needing_login() {
            notify(Notice::NeedsLogin { id, reason });
        }
    }
}

impl SessionPlan<'_> {
    /// Binds the proxy, and writes the files and variables that direct a child to it. `roots` are
    /// the trusted root certificates, which are already being read.
    pub async fn start(self, roots: ReadAhead) -> Result<Session, SessionError> {
        let Self {
            options,
            data,
            parent,
            notify,
            members,
            scrubbed,
        } = self;
        let (trust, proxies) = (Arc::clone(roots.trust()), parent.proxies());
        let programs = scrubbed.programs();
        let contributions = Contributions::of(&members, options.rewrites_ssh, parent, &programs);
        let (routes, stored) = routes(members);
        let ties = routes.ties().into_iter();
        ties.for_each(|tie| notify(Notice::Tie(tie)));
        let direct = direct_hosts(&routes, &proxies, options.policy);
        let clients = HttpClients::new(Arc::clone(&trust), &options.resolve, Arc::clone(&proxies));
        let queue = clients.queue();
        let credentials = credentials(stored, data, clients);
        let password = random_text(PASSWORD_LENGTH)?;
        let config = SessionConfig {
            password: password.clone(),
            routes,
            trust: Arc::clone(&trust),
            proxies,
            resolve: options.resolve,
            policy: options.policy,
            allowed_guards: data.settings.allowed_guards(),
            timeouts: data.settings.timeouts(),
            queue,
            audit: Arc::clone(&data.audit),
            now: Timestamp::now().to_system_time(),
        };
        let proxy = Proxy::bind(config, Arc::clone(&credentials)).await?;
        let (address, name) = (proxy.address(), random_text(environment::NAME_LENGTH)?);
        let builder = EnvironmentBuilder {
            parent,
            name: name.expose(),
            trusted_files: &trust.files(),
            ca_pem: proxy.ca_pem(),
            ca_public_key_digest: proxy.ca_public_key_digest(),
            proxy: address,
            password: &password,
            direct: &direct,
            left_alone: &options.left_alone,
        };
        let (directory, environment) = builder.build(roots, contributions, &scrubbed, notify)?;
        let entered = LivingSession::enter(&data.home, name.expose(), options.allows_export);
        Ok(Session {
            serving: proxy.serve(),
            credentials,
            audit: Arc::clone(&data.audit),
            address,
            environment,
            _entered: entered
                .map_err(|error| notify(Notice::NotEntered(error)))
                .ok(),
            directory,
        })
    }
}

/// Splits each member into what the proxy needs and what renews its tokens. There may be thousands
/// of connections, so large values are moved, not copied.
fn routes(members: Vec<Member>) -> (RouteTable, Vec<Stored>) {
    let managed = members.into_iter().map(|mut member| {
        let managed = Managed {
            id: member.stored.connection.id.clone(),
            service: member.service,
            ca_pem: member.stored.connection.ca_pem.take(),
            client_certificate: member.stored.connection.client_certificate.take(),
            preference: member.preference,
        };
        (managed, member.stored)
    });
    let (managed, stored): (Vec<_>, Vec<_>) = managed.unzip();
    (RouteTable::new(managed), stored)
}

/// The source from which the proxy takes credentials, and which renews them.
fn credentials(stored: Vec<Stored>, data: &UserData, clients: HttpClients) -> Arc<Credentials> {
    Credentials::new(stored, data.store.clone(), Arc::clone(&data.audit), clients)
}

/// The hosts that the child contacts without the proxy: the loopback names and the user's
/// `NO_PROXY` entries, without those that would exclude a host of a connection.
///
/// A policy that refuses hosts has to see every request. Under such a policy, the user's entries
/// apply only to the proxy's own upstream connections.
fn direct_hosts(routes: &RouteTable, proxies: &UserProxies, policy: Policy) -> Vec<String> {
    let hosts: Vec<_> = routes.hosts().collect();
    let domains: Vec<_> = routes.domains().collect();
    let loopback = ["localhost", "127.0.0.1", "::1"].into_iter();
    let loopback = loopback.filter(|host| !hosts.contains(host));
    let mut direct: Vec<_> = loopback.map(str::to_owned).collect();
    if policy == Policy::Allow {
        let mut excluded = proxies.exceptions_beside(&hosts, &domains);
        excluded.retain(|host| !direct.contains(host));
        direct.append(&mut excluded);
    }
    direct
}
