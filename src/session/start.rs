//! From a plan to a session that serves: the proxy, its files and the child's environment.

use std::net::SocketAddr;
use std::sync::Arc;

use super::contributions::Contributions;
use super::direct_hosts::direct_hosts;
use super::environment::EnvironmentBuilder;
use super::error::SessionError;
use super::facts::{Facts, Guards};
use super::files_ahead::FilesAhead;
use super::hand_back::{hand_back, serve};
use super::joining::Joining;
use super::members::Gathered;
use super::notice::Notice;
use super::options::{Join, Options, SeenFrom};
use super::own::Own;
use super::parent::Parent;
use super::policy::Permitted;
use super::routes::{credentials, routes};
use super::scrub::Scrubbed;
use super::user_data::UserData;
use super::{Session, SessionPlan, entered, hand_back, members, policy};
use crate::clock::Timestamp;
use crate::connection::GrantState;
use crate::credential::ConnectionId;
use crate::env::programs::Programs;
use crate::net::dial::Queue;
use crate::net::tls::{ReadAhead, Trust};
use crate::net::user_proxy::UserProxies;
use crate::oauth::HttpClients;
use crate::os::second_thread::SecondThread;
use crate::proxy::{Proxy, RouteTable, SessionConfig};

impl Session {
    /// Determines which connections take part, in one pass over the vault.
    pub fn plan<'a>(
        options: Options,
        data: &'a UserData,
        parent: &'a Parent,
        notify: &'a dyn Fn(Notice),
    ) -> Result<SessionPlan<'a>, SessionError> {
        let Gathered {
            members,
            there,
            scrubbed,
        } = members::gather(&options, data, parent, notify)?;
        let permitted = policy::permitted(&options, data, &members)?;
        members::announce(&members, notify);
        hand_back::announce(&options, &members, notify);
        Ok(SessionPlan {
            options,
            data,
            parent,
            notify,
            members,
            there,
            permitted,
            scrubbed,
            helping: None,
        })
    }
}

impl<'a> SessionPlan<'a> {
    /// How programs are started that help to start the session.
    pub(crate) fn programs(&self) -> Programs {
        self.scrubbed.programs()
    }

    /// Lets that thread write most of the session's files.
    pub(crate) fn helped_by(mut self, thread: &'a SecondThread) -> Self {
        self.helping = Some(thread);
        self
    }

    /// Says where containers see the session, and where the proxy listens for them.
    pub(crate) fn for_containers(&mut self, listen: SocketAddr, seen: SeenFrom) {
        self.options.listen.address = listen;
        self.options.containers = Some(seen);
    }

    /// The connections that take part, and whether each is known to need a new login.
    pub fn connections(&self) -> impl Iterator<Item = (&ConnectionId, &GrantState)> {
        let connections = self.members.iter().map(|member| &member.stored.connection);
        connections.map(|connection| (&connection.id, &connection.standing))
    }

    /// Binds the proxy, and writes the files and variables that direct a child to it. `roots` are
    /// the trusted root certificates, which are already being read.
    pub async fn start(self, roots: ReadAhead) -> Result<Session, SessionError> {
        let Self {
            options,
            data,
            parent,
            notify,
            members,
            there,
            permitted,
            scrubbed,
            helping,
        } = self;
        let (trust, proxies) = (Arc::clone(roots.trust()), parent.proxies());
        let facts = Arc::new(Facts::of(&members, &options, &permitted));
        let (own, guards) = (Own::of(&options, data, &facts)?, Guards::of(&permitted));
        let (roots, ahead) = FilesAhead::begin(helping, (parent, &options), own.name(), roots)?;
        let (needing_login, programs) = (members::needing_login(&members), scrubbed.programs());
        let nothing = (Parent::new([], "/"), Scrubbed::nothing());
        let (inherited, handed_down) = inherited(&options, (parent, &scrubbed), &nothing);
        let contributions = Contributions::of(&members, &options, inherited, &programs);
        let clients = HttpClients::new(Arc::clone(&trust), &options.resolve, Arc::clone(&proxies));
        let hand_back = hand_back(&options, data, &members, &clients, programs.clone());
        let (routes, stored) = routes(members, notify);
        let direct = direct_hosts(&routes, &proxies, &permitted.policy, options.join);
        let network = (Arc::clone(&trust), proxies, clients.queue());
        let config = config((&options, data), &own, (routes, permitted), network);
        let credentials = credentials(stored, data, clients, hand_back.as_ref());
        let proxy = Proxy::bind(config, Arc::clone(&credentials)).await?;
        let (log, state) = own.state((data, parent), facts, &credentials);
        let joining = Joining::of(there, (&options, guards), data, &state);
        let entered = entered::enter(&data.home, state, own.handlers(), notify);
        let builder = EnvironmentBuilder {
            parent: inherited,
            host: parent,
            session: (own.name(), &own.password),
            trusted_files: &trust.files(),
            proxy: &proxy,
            direct: &direct,
            options: &options,
        };
        let (directory, environment) =
            builder.build((&roots, ahead), contributions, handed_down, notify)?;
        Ok(Session {
            address: proxy.address(),
            isolated: own.isolated(&options, data, parent, &directory, proxy.ca_file())?,
            serving: proxy.serve(),
            credentials,
            captures_all: true,
            environment,
            log,
            programs,
            hand_back: hand_back.inspect(serve),
            needing_login,
            joining,
            entered,
            stopping: own.stopping,
            pending: own.pending,
            directory,
        })
    }
}

/// What the children inherit: in containers, nothing.
fn inherited<'a>(
    options: &Options,
    (parent, scrubbed): (&'a Parent, &'a Scrubbed),
    nothing: &'a (Parent, Scrubbed),
) -> (&'a Parent, &'a Scrubbed) {
    match options.containers {
        None => (parent, scrubbed),
        Some(_) => (&nothing.0, &nothing.1),
    }
}

fn config(
    (options, data): (&Options, &UserData),
    own: &Own,
    (routes, permitted): (RouteTable, Permitted),
    (trust, proxies, queue): (Arc<Trust>, Arc<UserProxies>, Arc<Queue>),
) -> SessionConfig {
    SessionConfig {
        agent: own.agent.clone(),
        pending: Arc::clone(&own.pending),
        password: own.password.clone(),
        routes,
        trust,
        proxies,
        listen: options.listen.clone(),
        resolve: options.resolve.clone(),
        policy: permitted.policy,
        allowed_guards: permitted.allowed_guards,
        asked_guards: permitted.asked_guards,
        scrub: options.scrub,
        is_open: options.join == Join::New,
        is_isolated: options.isolation.is_some(),
        timeouts: data.settings.timeouts(),
        queue,
        audit: Arc::clone(&data.audit),
        now: Timestamp::now().to_system_time(),
    }
}
