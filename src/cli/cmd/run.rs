//! `authsome run`: the vault, the proxy, the child, in this order.

use std::collections::HashMap;
use std::sync::Arc;

use authsome_providers::{Provider, Service};

use crate::child::Child;
use crate::cli::args::{PolicyArgument, Run};
use crate::cli::context::{Context, Estate, finish, not_found};
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::clock::Timestamp;
use crate::connection::{Credentials, DefinitionUsed, Found, Standing, StoreError, Stored};
use crate::credential::{ConnectionId, ConnectionName};
use crate::env_vars::Environment;
use crate::helpers;
use crate::proxy::{Managed, Policy, Preference, Proxy, RouteTable, SessionConfig};
use crate::secret::random_text;
use crate::sessions::LivingSession;
use crate::tls::ReadAhead;
use crate::ulimits::Ulimits;
use crate::user_proxy::UserProxies;

mod furnish;
mod made_with;
mod places;
pub(in crate::cli) mod scrub;

use furnish::Furnishing;
use made_with::Present;
use scrub::{Scrub, Scrubbed};

/// 43 characters of six random bits: more than 256 bits.
const PASSWORD_LENGTH: usize = 43;

/// The connections of a session, and what of the vault's secrets must be kept from the child.
struct Members {
    members: Vec<Member>,
    scrubbed: Scrubbed,
}

/// A connection that takes part in the session.
struct Member {
    stored: Stored,
    provider: Arc<Provider>,
    service: Service,
    preference: Preference,
}

pub(in crate::cli) fn run(arguments: Run, context: &Context<'_>) -> Result<u8, Failure> {
    let ulimits = context.ulimits.with_more_files();
    let trust = Context::trust();
    let roots = trust.read_ahead();
    let estate = Context::estate()?;
    let members = members(&arguments, &estate, context.printer)?;
    announce(&members.members, context.printer);
    let runtime = Context::runtime()?;
    let code = runtime.block_on(session(
        arguments, context, &estate, members, roots, ulimits,
    ));
    runtime.shutdown_background();
    if let Some(problem) = estate.audit.finish() {
        context.printer.warn(&problem);
    }
    code
}

async fn session(
    arguments: Run,
    context: &Context<'_>,
    estate: &Estate,
    members: Members,
    roots: ReadAhead,
    ulimits: Ulimits,
) -> Result<u8, Failure> {
    let printer = context.printer;
    let resolve: Vec<_> = arguments.resolve.into_iter().map(|entry| entry.0).collect();
    let (trust, proxies) = (Arc::clone(roots.trust()), Context::proxies());
    let Members { members, scrubbed } = members;
    let rewrites_ssh = !arguments.no_ssh_rewrite;
    let wishes = furnish::wishes(&members, rewrites_ssh, &scrubbed.programs());
    // Of thousands of connections, nothing is there twice.
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
    let routes = RouteTable::new(managed);
    for tie in routes.ties() {
        let names: Vec<_> = tie.connections.iter().map(ToString::to_string).collect();
        let first = &tie.connections[0];
        printer.warn(&format!(
            "{} fit {} alike, so requests that need a token are refused there; choose: authsome run --connection {}={} -- …",
            names.join(" and "),
            tie.place,
            first.provider,
            first.name
        ));
    }
    let direct = direct_hosts(&routes, &proxies, arguments.policy);
    let http = crate::oauth::HttpClients::new(Arc::clone(&trust), &resolve, Arc::clone(&proxies));
    let queue = http.queue();
    let credentials = Credentials::new(
        stored,
        estate.store.clone(),
        Arc::clone(&estate.audit),
        http,
    );
    let password = random_text(PASSWORD_LENGTH).map_err(std::io::Error::other)?;
    let config = SessionConfig {
        password: password.clone(),
        routes,
        trust: Arc::clone(&trust),
        proxies,
        resolve,
        policy: match arguments.policy {
            PolicyArgument::Allow => Policy::Allow,
            PolicyArgument::Deny => Policy::Deny,
        },
        allowed_guards: estate.settings.allowed_guards(),
        timeouts: estate.settings.timeouts(),
        queue,
        audit: Arc::clone(&estate.audit),
        now: Timestamp::now().to_system_time(),
    };
    let proxy = Proxy::bind(config, Arc::clone(&credentials)).await?;
    let furnishing = Furnishing {
        roots,
        trusted_files: &trust.files(),
        ca_pem: proxy.ca_pem(),
        ca_public_key_digest: proxy.ca_public_key_digest(),
        proxy: proxy.address(),
        password: &password,
        direct: &direct,
        left_alone: &arguments.no_env,
    };
    let (directory, environment) = furnishing.furnish(wishes, &scrubbed, printer)?;
    let _entered = enter(estate, &environment, arguments.allow_export, printer);
    printer.detail(&format!(
        "proxy at {}, files in {}",
        proxy.address(),
        directory.path().display()
    ));
    let serving = proxy.serve();
    let mut command = arguments.command.into_iter();
    let program = command.next().unwrap_or_default();
    let mut arguments: Vec<_> = command.collect();
    if let Some(option) = helpers::node_permission(&program, &arguments, directory.path()) {
        arguments.insert(0, option);
    }
    let mut child = Child::spawn(&program, &arguments, &environment, ulimits)?;
    if let Some(tree) = child.tree() {
        serving.admit_tree(tree);
    }
    // Not before the child's signals are watched: one that came now would cut a refresh off.
    credentials.renew_due();
    let code = child.wait().await;
    serving.shut_down().await;
    close(&credentials, printer).await;
    Ok(code?)
}

/// Waits for what must not be cut off, and says what the user should know of the connections.
async fn close(credentials: &Credentials, printer: &Printer) {
    finish(credentials, printer).await;
    for (id, reason) in credentials.needing_login() {
        say_needs_login(&id, &reason, printer);
    }
}

/// Lets commands that are given inside of the run know of it.
fn enter(
    estate: &Estate,
    environment: &Environment,
    allow_export: bool,
    printer: &Printer,
) -> Option<LivingSession> {
    let mut changes = environment.changes();
    let id = changes.find_map(|(name, value)| (name == "AUTHSOME_SESSION").then_some(value?));
    match LivingSession::enter(&estate.home, id?.to_str()?, allow_export) {
        Ok(entered) => Some(entered),
        // By descent it is known all the same.
        Err(error) => {
            printer.detail(&format!("the run is not entered in the home: {error}"));
            None
        }
    }
}

/// The hosts that the child reaches without the proxy: its own machine, and what the user excludes, less the connections' hosts.
///
/// A policy that refuses hosts has to see the requests, so there the user's list is read upstream only.
fn direct_hosts(routes: &RouteTable, proxies: &UserProxies, policy: PolicyArgument) -> Vec<String> {
    let hosts: Vec<_> = routes.hosts().collect();
    let domains: Vec<_> = routes.domains().collect();
    let loopback = ["localhost", "127.0.0.1", "::1"].into_iter();
    let loopback = loopback.filter(|host| !hosts.contains(host));
    let mut direct: Vec<_> = loopback.map(str::to_owned).collect();
    if matches!(policy, PolicyArgument::Allow) {
        let mut excluded = proxies.exceptions_beside(&hosts, &domains);
        excluded.retain(|host| !direct.contains(host));
        direct.append(&mut excluded);
    }
    direct
}

/// The connections that take part: all, or those of `--only`. `--connection` breaks ties. One pass over the vault, however many there are.
fn members(arguments: &Run, estate: &Estate, printer: &Printer) -> Result<Members, Failure> {
    for choice in &arguments.connection {
        let id = ConnectionId {
            provider: choice.provider.clone(),
            name: choice.name.clone(),
        };
        if estate.store.generation(&id)?.is_none() {
            return Err(not_found(&choice.provider, Some(&choice.name)));
        }
    }
    for provider in &arguments.only {
        estate.provider(provider, printer)?; // a name that means nothing would quietly leave everything out
    }
    let mut gathering = Gathering {
        estate,
        printer,
        scrub: Scrub::new(),
        members: Vec::new(),
        providers: HashMap::new(),
        failure: None,
    };
    let takes_part =
        |id: &ConnectionId| arguments.only.is_empty() || arguments.only.contains(&id.provider);
    estate.store.each(takes_part, |id, found| {
        gathering.add(&id, found, takes_part(&id));
    })?;
    let Gathering {
        mut members,
        providers,
        scrub,
        failure,
        ..
    } = gathering;
    if let Some(failure) = failure {
        return Err(failure);
    }
    made_with::hold(&mut members, &providers, estate, printer)?;
    let mut defaults = HashMap::new();
    for id in providers.into_keys() {
        let default = estate.store.default_of(&id)?;
        defaults.insert(id, default);
    }
    for member in &mut members {
        let id = &member.stored.connection.id;
        let default = defaults.get(&id.provider).and_then(Option::as_ref);
        member.preference = preference(arguments, id, default);
    }
    Ok(Members {
        members,
        scrubbed: scrub.apply(),
    })
}

/// What a pass over the vault has come to.
struct Gathering<'a> {
    estate: &'a Estate,
    printer: &'a Printer,
    scrub: Scrub,
    members: Vec<Member>,
    /// The definition of each provider, for all of its connections.
    providers: Present,
    /// What is wrong with more than one connection; the first of it.
    failure: Option<Failure>,
}

impl Gathering<'_> {
    fn add(&mut self, id: &ConnectionId, found: Result<Found, StoreError>, takes_part: bool) {
        let member = match found {
            // No managed secret reaches the child, that of a connection that takes no part as little as the others.
            Ok(Found::Secrets(secrets)) => {
                for secret in &secrets {
                    self.scrub.look_for(secret);
                }
                return;
            }
            Ok(Found::Whole(stored)) => {
                for secret in stored.connection.secrets() {
                    self.scrub.look_for(secret);
                }
                self.member(*stored)
            }
            Err(error) => Err(error.into()),
        };
        match member {
            Ok(member) => self.members.push(member),
            // One connection's trouble is not the others'.
            Err(failure) if failure.exit != Exit::Vault || failure.code == "record_unreadable" => {
                if takes_part {
                    let message = format!("{id} takes no part: {}", failure.message);
                    self.printer.warn(&message);
                }
            }
            Err(failure) => {
                self.failure.get_or_insert(failure);
            }
        }
    }

    fn member(&mut self, stored: Stored) -> Result<Member, Failure> {
        let id = &stored.connection.id;
        let provider = if let Some(provider) = self.providers.get(&id.provider) {
            Arc::clone(&provider.0)
        } else {
            let definition = self.estate.definition(&id.provider, self.printer)?;
            let used = DefinitionUsed::of(&definition);
            let provider = Arc::new(definition.provider);
            let entry = (Arc::clone(&provider), used);
            self.providers.insert(id.provider.clone(), entry);
            provider
        };
        // What it says at present; after the pass it is held to what the connection was made with.
        let service = provider.at(stored.connection.base_url.as_ref())?;
        Ok(Member {
            stored,
            provider,
            service,
            preference: Preference::None, // what is chosen is known after the pass
        })
    }
}

fn preference(arguments: &Run, id: &ConnectionId, default: Option<&ConnectionName>) -> Preference {
    let chosen = arguments
        .connection
        .iter()
        .any(|choice| choice.provider == id.provider && choice.name == id.name);
    if chosen {
        Preference::Chosen
    } else if default == Some(&id.name) {
        Preference::Default
    } else {
        Preference::None
    }
}

fn announce(members: &[Member], printer: &Printer) {
    if members.is_empty() {
        printer.say("authsome: no connection, so nothing will be injected; connect one: authsome login gitlab");
    }
    for member in members {
        let connection = &member.stored.connection;
        match &connection.standing {
            Standing::Good => {}
            Standing::NeedsLogin { reason, .. } => say_needs_login(&connection.id, reason, printer),
        }
        for route in member
            .service
            .routes
            .iter()
            .filter(|route| route.scheme == authsome_providers::Scheme::Http)
        {
            printer.warn(&format!(
                "{}: nothing is injected at {route}: it is not https",
                connection.id
            ));
        }
    }
}

fn say_needs_login(id: &ConnectionId, reason: &str, printer: &Printer) {
    printer.warn(&format!(
        "{id} needs a new login ({reason}); type: authsome login {} --connection {} --force",
        id.provider, id.name
    ));
}
