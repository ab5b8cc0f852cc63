//! Builds what a command needs, when it needs it.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use authsome_providers::{Catalog, Definition, Provider, ProviderId, Service};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::args::Named;
use super::failure::{Exit, Failure, MORE_PROCESSES};
use super::key_file;
use super::printer::Printer;
use super::settings::Settings;
use crate::audit::Audit;
use crate::connection::{
    Connection, ConnectionStore, CredentialError, Credentials, Stored, take_in_pending,
};
use crate::credential::{ConnectionId, ConnectionName};
use crate::env_vars::{MASTER_KEY, MASTER_KEY_FILE};
use crate::home::Home;
use crate::oauth::HttpClients;
use crate::private_memory;
use crate::resolve::Resolve;
use crate::secret::Secret;
use crate::tls::Trust;
use crate::ulimits::Ulimits;
use crate::user_proxy::UserProxies;
use crate::vault;

/// How long the end waits for a refresh before it says so.
const QUIET_WAIT: Duration = Duration::from_secs(2);

/// Set to 1, it leaves authsome's memory readable for a debugger or a profiler of this user.
const READABLE_MEMORY: &str = "AUTHSOME_READABLE_MEMORY";

/// One command's surroundings.
pub(super) struct Context<'a> {
    pub(super) printer: &'a Printer,
    /// What we were allowed, to be given back to a command.
    pub(super) ulimits: Ulimits,
}

/// The home directory, opened.
pub(super) struct Household {
    pub(super) home: Home,
    pub(super) audit: Arc<Audit>,
    pub(super) catalog: Catalog,
    pub(super) settings: Settings,
}

/// The home directory with its vault, opened.
pub(super) struct Estate {
    pub(super) home: Home,
    pub(super) audit: Arc<Audit>,
    pub(super) catalog: Catalog,
    pub(super) settings: Settings,
    pub(super) store: ConnectionStore,
}

impl<'a> Context<'a> {
    pub(super) fn new(printer: &'a Printer, ulimits: Ulimits) -> Self {
        if wants_readable_memory() {
            printer.warn(&format!(
                "{READABLE_MEMORY}=1: other processes of this user can read authsome's memory, and every secret in it"
            ));
        }
        Self { printer, ulimits }
    }

    pub(super) fn household() -> Result<Household, Failure> {
        let home = Home::open(std::env::var_os("AUTHSOME_HOME"), std::env::var_os("HOME"))?;
        let settings = Settings::load(&home)?;
        let catalog = Catalog::new(Some(home.path("providers")));
        Ok(Household {
            audit: Arc::new(Audit::new(&home)),
            home,
            catalog,
            settings,
        })
    }

    pub(super) fn estate() -> Result<Estate, Failure> {
        let Household {
            home,
            audit,
            catalog,
            settings,
        } = Self::household()?;
        if !wants_readable_memory() {
            refuse_tracer()?;
        }
        let key = master_key()?;
        let key = key.as_ref().map(|key| OsStr::from_bytes(key.expose()));
        let store = ConnectionStore::new(vault::open(&home, key)?);
        take_in_pending(&store);
        Ok(Estate {
            home,
            audit,
            catalog,
            settings,
            store,
        })
    }

    /// One thread: it is the process's own, so a child that is started from it is tied to the process's life.
    ///
    /// Names are looked up, and the vault is asked, on others that it starts when they are needed, and cannot do without: where not one is
    /// to be had, that is said now.
    pub(super) fn runtime() -> Result<Runtime, Failure> {
        let started = thread::Builder::new().spawn(|| ());
        let ended = started.map(JoinHandle::join);
        if let Err(error) = ended {
            let message = format!("the system gives authsome no thread: {error}");
            let hint = MORE_PROCESSES;
            return Err(Failure::new(Exit::Unexpected, "unexpected", message, hint));
        }
        Ok(tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?)
    }

    pub(super) fn trust() -> Arc<Trust> {
        let extra = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty());
        let directories = std::env::var_os("SSL_CERT_DIR").unwrap_or_default();
        let directories = std::env::split_paths(&directories).filter(|path| path.is_absolute());
        Arc::new(Trust::new(extra.map(PathBuf::from), directories.collect()))
    }

    pub(super) fn proxies() -> Arc<UserProxies> {
        Arc::new(UserProxies::new(|name| std::env::var_os(name)))
    }

    pub(super) fn clients(resolve: &[Resolve]) -> HttpClients {
        HttpClients::new(Self::trust(), resolve, Self::proxies())
    }
}

impl Estate {
    /// The definition of a provider; its warnings are said.
    pub(super) fn definition(
        &self,
        id: &ProviderId,
        printer: &Printer,
    ) -> Result<Definition, Failure> {
        let definition = self.catalog.get(id)?;
        for warning in &definition.warnings {
            printer.warn(&format!("{id}: {warning}"));
        }
        Ok(definition)
    }

    /// What it says.
    pub(super) fn provider(&self, id: &ProviderId, printer: &Printer) -> Result<Provider, Failure> {
        Ok(self.definition(id, printer)?.provider)
    }

    /// The connection that the flags name.
    pub(super) fn connection(&self, named: &Named) -> Result<Stored, Failure> {
        let id = self.id(&named.provider, named.connection.as_ref())?;
        self.store
            .load(&id)?
            .ok_or_else(|| not_found(&id.provider, Some(&id.name)))
    }

    /// The same, renewed if its end is near: what is handed out shall work for a while.
    pub(super) fn fresh(&self, named: &Named, printer: &Printer) -> Result<Connection, Failure> {
        let stored = self.connection(named)?;
        let id = stored.connection.id.clone();
        let credentials = Credentials::new(
            [stored],
            self.store.clone(),
            Arc::clone(&self.audit),
            Context::clients(&[]),
        );
        let runtime = Context::runtime()?;
        let renewed = runtime.block_on(async {
            use crate::connection::{CredentialSource, Usage};
            let outcome = tokio::select! {
                outcome = credentials.get(&id, Usage::Once) => outcome.map_err(Failure::from),
                failure = interrupted() => Err(failure),
            };
            // Whatever ended the wait: a pair that the provider has issued is stored.
            (outcome, finish(&credentials, printer).await)
        });
        runtime.shutdown_background();
        let (outcome, is_stored) = renewed;
        outcome?;
        if !is_stored {
            let reason = "a new pair could not be written, neither into it nor beside it";
            return Err(Failure::from(CredentialError::Vault {
                reason: reason.to_owned(),
            }));
        }
        let stored = self
            .store
            .load(&id)?
            .ok_or_else(|| not_found(&id.provider, Some(&id.name)))?;
        Ok(stored.connection)
    }

    /// The connection that a provider and a name, or its default, mean.
    pub(super) fn id(
        &self,
        provider: &ProviderId,
        name: Option<&ConnectionName>,
    ) -> Result<ConnectionId, Failure> {
        let name = match name {
            Some(name) => Some(name.clone()),
            None => self.store.default_of(provider)?,
        };
        if let Some(name) = name {
            return Ok(ConnectionId {
                provider: provider.clone(),
                name,
            });
        }
        let others: Vec<_> = self
            .store
            .list()?
            .into_iter()
            .filter(|id| id.provider == *provider)
            .collect();
        if others.is_empty() {
            self.catalog.get(provider)?; // an unknown provider is the nearer cause
            return Err(not_found(provider, None));
        }
        let names: Vec<_> = others.iter().map(|id| id.name.to_string()).collect();
        let message = format!(
            "{provider} has no default connection; there are: {}",
            names.join(", ")
        );
        let hint = format!("authsome set-default {provider} {}", names[0]);
        Err(Failure::new(
            Exit::NoConnection,
            "connection_not_found",
            message,
            hint,
        ))
    }
}

/// The user debugs or profiles authsome itself.
pub(super) fn wants_readable_memory() -> bool {
    std::env::var_os(READABLE_MEMORY).is_some_and(|value| value == "1")
}

/// A debugger would read every secret of ours, and decide what we do with them.
fn refuse_tracer() -> Result<(), Failure> {
    let Some(tracer) = private_memory::tracer() else {
        return Ok(());
    };
    let message = format!(
        "process {} ({}) traces authsome, and would see every secret",
        tracer.pid, tracer.name
    );
    let hint = format!(
        "start the tracer inside: authsome run -- strace COMMAND; to debug authsome itself: {READABLE_MEMORY}=1"
    );
    Err(Failure::new(Exit::Vault, "traced", message, hint))
}

/// The key that the environment has, or the file that it names.
fn master_key() -> Result<Option<Secret<Vec<u8>>>, Failure> {
    if let Some(key) = std::env::var_os(MASTER_KEY) {
        return Ok(Some(Secret::new(key.into_vec())));
    }
    let Some(path) = std::env::var_os(MASTER_KEY_FILE) else {
        return Ok(None);
    };
    key_file::read(Path::new(&path)).map(Some).map_err(|error| {
        let message = format!(
            "the file {} that {MASTER_KEY_FILE} names cannot be read: {error}",
            Path::new(&path).display()
        );
        let hint = format!("{MASTER_KEY_FILE} takes a path, or /dev/fd/N for an open descriptor");
        Failure::new(Exit::Vault, "vault_unavailable", message, hint)
    })
}

/// Waits for Ctrl-C, the end of the terminal, or to be told to end.
async fn interrupted() -> Failure {
    let wait = async || -> std::io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut quit = signal(SignalKind::quit())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
            _ = quit.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    };
    match wait().await {
        Ok(()) => Failure::new(Exit::Usage, "cancelled", "interrupted", "try again"),
        Err(error) => error.into(),
    }
}

/// Waits for a refresh that is under way, and says so where it takes long; from then on Ctrl-C gives it up. Whether its pair is durable.
pub(super) async fn finish(credentials: &Credentials, printer: &Printer) -> bool {
    let given_up = async {
        tokio::time::sleep(QUIET_WAIT).await;
        printer.say(
            "authsome: waiting for a refresh that is under way, so that its new pair is not lost (Ctrl-C gives it up)",
        );
        match signal(SignalKind::interrupt()) {
            Ok(mut interrupt) => drop(interrupt.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    let is_done = tokio::select! {
        biased;
        is_done = credentials.close() => is_done,
        () = given_up => false,
    };
    if !is_done {
        printer.warn("a refresh was still under way and was given up; its new pair is lost if the provider issued one");
    }
    for id in credentials.set_aside() {
        printer.warn(&format!(
            "the vault cannot be written, so the new pair of {id} is kept beside it, sealed; the next command takes it in"
        ));
    }
    is_done
}

/// Where the provider is for this connection, which keeps to the places that it was made with.
pub(super) fn service_of(provider: &Provider, connection: &Connection) -> Result<Service, Failure> {
    let mut service = provider.at(connection.base_url.as_ref())?;
    if let Some(terms) = &connection.terms {
        service.keep_to(&terms.routes);
        if service.routes.is_empty() {
            service.routes.clone_from(&terms.routes); // the definition has moved away altogether
        }
    }
    Ok(service)
}

pub(super) fn not_found(provider: &ProviderId, name: Option<&ConnectionName>) -> Failure {
    let (message, hint) = match name {
        Some(name) => (
            format!("there is no connection {provider}/{name}"),
            format!(
                "authsome login {provider} --connection {name}; see what there is: authsome list"
            ),
        ),
        None => (
            format!("{provider} is not connected"),
            format!("authsome login {provider}"),
        ),
    };
    Failure::new(Exit::NoConnection, "connection_not_found", message, hint)
}
