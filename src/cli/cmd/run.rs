//! `authsome run`: the vault, the proxy, the child, in this order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use authsome_providers::{Provider, ProviderId, Service};

use crate::child::Child;
use crate::cli::args::{PolicyArgument, Run};
use crate::cli::context::{Context, Estate, not_found, service_of};
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::clock::Timestamp;
use crate::connection::{Credentials, Standing, Stored};
use crate::credential::{ConnectionId, ConnectionName};
use crate::proxy::{Managed, Policy, Preference, Proxy, RouteTable, SessionConfig};
use crate::secret::{Secret, random_text};

mod furnish;

use furnish::Furnishing;

/// 43 characters of six random bits: more than 256 bits.
const PASSWORD_LENGTH: usize = 43;

/// The connections of a session, and every secret in the vault.
struct Members {
    members: Vec<Member>,
    secrets: Vec<Secret<String>>,
}

/// A connection that takes part in the session.
struct Member {
    stored: Stored,
    provider: Arc<Provider>,
    service: Service,
    preference: Preference,
}

pub(in crate::cli) fn run(arguments: Run, context: &Context<'_>) -> Result<u8, Failure> {
    let estate = Context::estate()?;
    let members = members(&arguments, &estate, context.printer)?;
    announce(&members.members, context.printer);
    let runtime = Context::runtime()?;
    let code = runtime.block_on(session(arguments, context, &estate, members));
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
) -> Result<u8, Failure> {
    let printer = context.printer;
    let resolve: Vec<_> = arguments.resolve.into_iter().map(|entry| entry.0).collect();
    let (trust, proxies) = (Context::trust(), Context::proxies());
    let Members { members, secrets } = members;
    let wishes = furnish::wishes(&members, secrets);
    let managed = members.iter().map(|member| Managed {
        id: member.stored.connection.id.clone(),
        service: member.service.clone(),
        ca_pem: member.stored.connection.ca_pem.clone(),
        preference: member.preference,
    });
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
    let hosts: HashSet<String> = routes.hosts().map(str::to_owned).collect();
    let stored = members.into_iter().map(|member| member.stored);
    let credentials = Credentials::new(
        stored,
        estate.store.clone(),
        estate.home.clone(),
        Arc::clone(&estate.audit),
        crate::oauth::HttpClients::new(Arc::clone(&trust), &resolve, Arc::clone(&proxies)),
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
        audit: Arc::clone(&estate.audit),
        now: Timestamp::now().to_system_time(),
    };
    let proxy = Proxy::bind(config, Arc::clone(&credentials)).await?;
    let furnishing = Furnishing {
        trust: &trust,
        ca_pem: proxy.ca_pem(),
        ca_public_key_digest: proxy.ca_public_key_digest(),
        proxy: proxy.address(),
        password: &password,
        managed_hosts: &hosts,
        left_alone: &arguments.no_env,
        rewrites_ssh: !arguments.no_ssh_rewrite,
    };
    let (directory, environment) = furnishing.furnish(wishes, printer)?;
    printer.detail(&format!(
        "proxy at {}, files in {}",
        proxy.address(),
        directory.path().display()
    ));
    let serving = proxy.serve();
    let mut command = arguments.command.into_iter();
    let program = command.next().unwrap_or_default();
    let arguments: Vec<_> = command.collect();
    let mut child = Child::spawn(&program, &arguments, &environment)?;
    if let Some(tree) = child.tree() {
        serving.admit_tree(tree);
    }
    // Not before the child's signals are watched: one that came now would cut a refresh off.
    credentials.renew_due();
    let code = child.wait().await;
    serving.shut_down().await;
    if !credentials.close().await {
        printer.warn("a refresh was still under way and was given up; its new pair is lost if the provider issued one");
    }
    for (id, reason) in credentials.needing_login() {
        say_needs_login(&id, &reason, printer);
    }
    Ok(code?)
}

/// The connections that take part: all, or those of `--only`. `--connection` breaks ties.
fn members(arguments: &Run, estate: &Estate, printer: &Printer) -> Result<Members, Failure> {
    let ids = estate.store.list()?;
    for choice in &arguments.connection {
        if !ids
            .iter()
            .any(|id| id.provider == choice.provider && id.name == choice.name)
        {
            return Err(not_found(&choice.provider, Some(&choice.name)));
        }
    }
    for provider in &arguments.only {
        estate.provider(provider, printer)?; // a name that means nothing would quietly leave everything out
    }
    let mut members = Vec::new();
    let mut secrets = Vec::new();
    let mut known = HashMap::new();
    for id in &ids {
        let takes_part = arguments.only.is_empty() || arguments.only.contains(&id.provider);
        let member = match estate.store.load(id) {
            Ok(Some(stored)) => {
                // No managed secret reaches the child, that of a connection that takes no part as little as the others.
                secrets.extend(stored.connection.secrets().cloned());
                member(arguments, estate, stored, &mut known, printer)
            }
            Ok(None) => continue,
            Err(error) => Err(error.into()),
        };
        match member {
            Ok(member) if takes_part => members.push(member),
            Ok(_) => {}
            // One connection's trouble is not the others'.
            Err(failure) if failure.exit != Exit::Vault || failure.code == "record_unreadable" => {
                if takes_part {
                    printer.warn(&format!("{id} takes no part: {}", failure.message));
                }
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(Members { members, secrets })
}

/// What all connections of a provider have in common.
#[derive(Clone)]
struct Common {
    provider: Arc<Provider>,
    default: Option<ConnectionName>,
}

fn member(
    arguments: &Run,
    estate: &Estate,
    stored: Stored,
    known: &mut HashMap<ProviderId, Common>,
    printer: &Printer,
) -> Result<Member, Failure> {
    let id = &stored.connection.id;
    let common = if let Some(common) = known.get(&id.provider) {
        common.clone()
    } else {
        let common = Common {
            provider: Arc::new(estate.provider(&id.provider, printer)?),
            default: estate.store.default_of(&id.provider)?,
        };
        known.insert(id.provider.clone(), common.clone());
        common
    };
    let service = service_of(&common.provider, &stored.connection)?;
    let preference = preference(arguments, id, common.default.as_ref());
    Ok(Member {
        stored,
        provider: common.provider,
        service,
        preference,
    })
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
